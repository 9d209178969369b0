import { MobiusError } from '../errors.ts';
import { folded, longestVariable, namesFold, variableIn } from '../platform.ts';
import type { DotenvEntry } from './dotenv.ts';
import type { Used, Wanted } from './resolve.ts';

/** Where a process's variables come from, each one winning over those above it. */
export interface Sources {
  /** The environment of mobius itself. */
  inherited: Readonly<Record<string, string | undefined>>;
  /** The `env` of mobius.json. */
  configured: Readonly<Record<string, string>>;
  files: readonly { said: string; lines: readonly DotenvEntry[] }[];
  /** NAME or NAME=PREFIX_, as --secret takes it. */
  secrets: readonly string[];
  /** NAME=TEXT, or NAME of the inherited ones, as --env takes it. */
  env: readonly string[];
  /** Nothing is inherited but what --env names. */
  pristine: boolean;
  platform: NodeJS.Platform;
}

export interface Environment {
  wanted: Wanted;
  /** What the process gets, once the values behind the references are known. */
  filled(used: Used): Record<string, string>;
}

type Variables = Map<string, string>;

const wrong = (message: string, hint?: string): MobiusError => new MobiusError('invalid_input', message, {}, hint);

const isName = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);

const requireName = (name: string, said: string): void => {
  if (isName(name)) return;
  throw wrong(
    `${said} names the variable "${name}"`,
    'a name is of letters, digits and underscores, and starts with no digit',
  );
};

const put = (variables: Variables, name: string, value: string, platform: NodeJS.Platform): void => {
  if (namesFold(platform)) {
    for (const other of [...variables.keys()]) {
      if (folded(platform, other) === folded(platform, name)) variables.delete(other);
    }
  }
  variables.set(name, value);
};

/** The program gets what it was asked to get: a key or passphrase for mobius itself would open all the rest to it. */
const isOurs = (name: string, platform: NodeJS.Platform): boolean => folded(platform, name).startsWith('MOBIUS_');

const valueIn = ({ inherited, platform }: Sources, name: string): string | undefined =>
  variableIn({ env: inherited, platform }, name);

/** What --env says. */
const named = (sources: Sources): Variables => {
  const variables: Variables = new Map();
  for (const typed of sources.env) {
    const at = typed.indexOf('=');
    const name = at === -1 ? typed : typed.slice(0, at);
    const value = at === -1 ? valueIn(sources, name) : typed.slice(at + 1);
    if (at !== -1 || value === undefined) requireName(name, '--env');
    if (value === undefined)
      throw wrong(`--env ${name} passes on a variable that is not set`, `--env ${name}=TEXT sets it`);
    put(variables, name, value, sources.platform);
  }
  return variables;
};

const refuseTwice = (said: string, lines: readonly DotenvEntry[]): void => {
  const seen = new Map<string, number>();
  for (const { name, line } of lines) {
    const before = seen.get(name);
    if (before !== undefined) throw wrong(`${said} sets "${name}" twice: in line ${before} and in line ${line}`);
    seen.set(name, line);
  }
};

/** What holds before any secret's own variables. */
const written = (sources: Sources): Variables => {
  const { inherited, configured, files, pristine, platform } = sources;
  const variables: Variables = new Map();
  for (const [name, value] of pristine ? [] : Object.entries(inherited)) {
    if (value !== undefined && !isOurs(name, platform)) put(variables, name, value, platform);
  }
  for (const [name, value] of Object.entries(configured)) {
    requireName(name, '"env" in the configuration');
    put(variables, name, value, platform);
  }
  for (const { said, lines } of files) {
    refuseTwice(said, lines);
    for (const { name, value } of lines) {
      requireName(name, said);
      put(variables, name, value, platform);
    }
  }
  return variables;
};

interface Taken {
  secret: string;
  prefix: string;
}

const taken = (typed: string): Taken => {
  const at = typed.lastIndexOf('=');
  const [secret, prefix] = at === -1 ? [typed, ''] : [typed.slice(0, at), typed.slice(at + 1)];
  if (secret === '') throw wrong('--secret needs the name of a secret', 'such as: --secret prod-db=DB_');
  if (prefix !== '' && !isName(prefix)) {
    throw wrong(
      `--secret ${secret} has the prefix "${prefix}", which no variable can start with`,
      'a prefix is of letters, digits and underscores, and starts with no digit',
    );
  }
  return { secret, prefix };
};

/**
 * Variables that make a program run or load something: whoever may write a secret must not get there by the name of a
 * key. Who wants one says so, with --env.
 */
const runs = new RegExp(
  `^(${[
    'PATH|IFS|BASH_ENV|BASHOPTS|SHELLOPTS|PS\\d|PROMPT_COMMAND|PROMPT|RPROMPT|ZDOTDIR|FPATH|SHELL',
    'EDITOR|VISUAL|PAGER|BROWSER|LESSOPEN|LESSCLOSE|MAKEFLAGS|SSH_ASKPASS|LD_.*|DYLD_.*|GCONV_PATH',
    'GIT_(SSH|SSH_COMMAND|EXEC_PATH|CONFIG.*|ASKPASS|EDITOR|PAGER|EXTERNAL_DIFF|PROXY_COMMAND|TEMPLATE_DIR)',
    'NODE_(OPTIONS|PATH)|PYTHON(PATH|STARTUP|HOME)|PERL5(OPT|LIB|DB)|RUBY(OPT|LIB)|_?JAVA(_TOOL)?_OPTIONS|MOBIUS_.*',
  ].join('|')})$`,
);

/** The variables of whole secrets, one a key. */
const ofSecrets = (all: readonly Taken[], used: Used, platform: NodeJS.Platform): Variables => {
  const variables: Variables = new Map();
  const owners = new Map<string, string>();
  for (const { secret, prefix } of all) {
    for (const [key, value] of Object.entries(used.secrets[secret] ?? {})) {
      const name = prefix + key.toUpperCase().replace(/[^A-Z0-9_]/g, '_');
      const said = `key "${key}" of secret "${secret}"`;
      if (!isName(name)) {
        throw wrong(
          `${said} would be the variable "${name}", which can't be one`,
          `put a prefix before it: --secret ${secret}=NAME_`,
        );
      }
      if (prefix === '' && runs.test(name)) {
        throw wrong(
          `${said} would be the variable "${name}", which can make a program run something`,
          `put a prefix before it: --secret ${secret}=NAME_; or name it: --env ${name}=\${secret:name.key}`,
        );
      }
      const owner = owners.get(folded(platform, name));
      if (owner !== undefined && owner !== said) {
        throw wrong(
          `${owner} and ${said} would both be the variable "${name}"`,
          `give one of the secrets another prefix, or name single values: --env NAME=\${secret:name.key}`,
        );
      }
      owners.set(folded(platform, name), said);
      variables.set(name, value);
    }
  }
  return variables;
};

const viaFile = 'put it into a file instead: mobius inject';

/** No error holds a value. */
export const refuseUnfit = (variables: Variables, platform: NodeJS.Platform): void => {
  const longest = longestVariable(platform);
  for (const [name, value] of variables) {
    // The system would take what stands before it for the whole value.
    if (value.includes('\0')) throw wrong(`the value of "${name}" holds a NUL, which ends a variable`, viaFile);
    if (Buffer.byteLength(`${name}=${value}`) >= longest) {
      throw wrong(`the value of "${name}" is too long for a variable, which ends at ${longest} bytes`, viaFile);
    }
  }
};

/** Refuses, before anything is opened or started, whatever can't be a variable. No error holds a value. */
export const environmentFrom = (sources: Sources): Environment => {
  const { platform } = sources;
  const over = named(sources);
  const under = written(sources);
  for (const name of under.keys()) {
    if ([...over.keys()].some((other) => folded(platform, other) === folded(platform, name))) under.delete(name);
  }
  const secrets = [...new Map(sources.secrets.map(taken).map((one) => [`${one.secret}=${one.prefix}`, one])).values()];
  const texts = [...under, ...over];
  refuseUnfit(new Map(texts), platform);
  return {
    wanted: { texts: Object.fromEntries(texts), secrets: [...new Set(secrets.map(({ secret }) => secret))] },
    filled: (used) => {
      const textOf = (name: string): string => used.texts[name] ?? '';
      const variables: Variables = new Map();
      for (const name of under.keys()) put(variables, name, textOf(name), platform);
      for (const [name, value] of ofSecrets(secrets, used, platform)) put(variables, name, value, platform);
      for (const name of over.keys()) put(variables, name, textOf(name), platform);
      refuseUnfit(variables, platform);
      return Object.fromEntries(variables);
    },
  };
};
