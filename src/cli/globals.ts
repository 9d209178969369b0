import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Dialect, ExtraFlag, Globals } from './command.ts';
import type { Given } from './line.ts';
import { oneOf } from './suggest.ts';

export interface GlobalFlag extends ExtraFlag {
  /** The variable that stands in where the flag is not given. */
  variable?: string;
  /** What holds where neither is given. */
  default?: string;
}

const modes = ['auto', 'pretty', 'json', 'yaml', 'text'] as const;
const levels = ['error', 'warn', 'debug'] as const;
/** Said here too, so that nothing is loaded for the help. */
export const dialectChoices = ['mobius', 'mobilenext', 'mobula', 'mutx'] as const satisfies readonly Dialect[];

/** Understood before and after the noun and the verb, by every command. */
export const globalFlags: readonly GlobalFlag[] = [
  { name: 'api-url', value: 'URL', variable: 'MOBIUS_API_URL', description: 'the server to work on' },
  { name: 'api-key', value: 'KEY', variable: 'MOBIUS_API_KEY', description: 'the key to act with' },
  {
    name: 'profile',
    value: 'NAME',
    variable: 'MOBIUS_PROFILE',
    takes: 'profiles',
    description: 'a server or vault saved under a name',
  },
  {
    name: 'project',
    value: 'HANDLE',
    variable: 'MOBIUS_PROJECT',
    default: 'default',
    takes: 'projects',
    description: 'the project; "default" when absent',
  },
  {
    name: 'dialect',
    value: 'NAME',
    variable: 'MOBIUS_DIALECT',
    default: 'mobius',
    choices: dialectChoices,
    description: 'the contract that the server keeps; mobius when absent',
  },
  {
    name: 'organization',
    value: 'ID',
    variable: 'MOBIUS_ORGANIZATION',
    description: "the organization, where the server's contract has them",
  },
  {
    name: 'vault',
    value: 'PATH',
    variable: 'MOBIUS_VAULT',
    description: 'the vault to work on: its file, or the address of its database',
  },
  { name: 'key-file', value: 'PATH', variable: 'MOBIUS_VAULT_KEY_FILE', description: 'the key file that opens it' },
  {
    name: 'key-command',
    value: 'COMMAND',
    variable: 'MOBIUS_VAULT_KEY_COMMAND',
    description: 'a command that prints the key that opens it',
  },
  {
    name: 'passphrase-file',
    value: 'PATH',
    variable: 'MOBIUS_VAULT_PASSPHRASE_FILE',
    description: 'a file with the passphrase that opens it',
  },
  { name: 'passphrase-fd', value: 'N', description: 'a descriptor that the passphrase is read from' },
  { name: 'as-owner', description: 'leave the key aside: act as the owner of the vault, or as the profile' },
  {
    name: 'output',
    short: 'o',
    value: 'MODE',
    variable: 'MOBIUS_OUTPUT',
    default: 'auto',
    choices: modes,
    description: 'how the result is written; auto is pretty on a terminal, else json',
  },
  { name: 'fields', short: 'F', value: 'A,B', description: 'show only these fields, in this order' },
  { name: 'raw', description: 'print what the server answered as it came' },
  { name: 'quiet', short: 'q', description: 'print the one-time value alone, else the id' },
  {
    name: 'var',
    value: 'KEY=VALUE',
    repeatable: true,
    description: 'fill in $KEY, in braces or without, in what files and stdin hold',
  },
  { name: 'no-input', description: 'never ask; fail with the line to run instead' },
  { name: 'no-color', variable: 'NO_COLOR', description: 'no colours' },
  {
    name: 'log-level',
    value: 'LEVEL',
    choices: levels,
    default: 'warn',
    description: 'what is told on stderr; warn when absent',
  },
  { name: 'help', short: 'h', description: 'show the help of the command' },
  { name: 'version', description: 'print the version' },
];

const settingOf = (
  name: string,
  given: readonly Given[],
  env: Io['env'],
): { value: string; said: string } | undefined => {
  const last = given.findLast(({ flag }) => flag.name === name);
  if (last?.value !== undefined) return { value: last.value, said: `--${name}` };
  const variable = globalFlags.find((flag) => flag.name === name)?.variable;
  const value = variable === undefined ? undefined : env[variable];
  return variable === undefined || value === undefined || value === '' ? undefined : { value, said: variable };
};

const choose = async <C extends string>(
  name: string,
  choices: readonly C[],
  given: readonly Given[],
  env: Io['env'],
): Promise<C | undefined> => {
  const found = settingOf(name, given, env);
  if (found === undefined) return undefined;
  if (!(choices as readonly string[]).includes(found.value)) throw await oneOf(found.said, found.value, choices);
  return found.value as C;
};

const fieldNames = (list: string): string[] => {
  const names = list.split(',').map((name) => name.trim());
  if (names.includes('')) {
    throw new MobiusError('usage', '--fields must be names with commas between them', {}, 'such as: -F id,name');
  }
  return names;
};

const descriptor = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new MobiusError('usage', `--passphrase-fd must be the number of an open descriptor, not "${text}"`);
};

/** In the order in which the makers of terminals and of CI systems agree: a plain no wins, then force, then guess. */
const wantsColor = ({ env, stdout }: Io, isSet: (name: string) => boolean): boolean => {
  if (isSet('no-color') || (env.NO_COLOR ?? '') !== '') return false;
  if ((env.CLICOLOR_FORCE ?? '0') !== '0' && env.CLICOLOR_FORCE !== '') return true;
  return env.TERM !== 'dumb' && stdout.isTTY;
};

/** A script whose key could not be read must not go on with the rights of the vault's owner. */
const refuseEmptyKey = ({ env }: Io, isSet: (name: string) => boolean): void => {
  if (env.MOBIUS_API_KEY !== '' || isSet('api-key') || isSet('as-owner')) return;
  throw new MobiusError('usage', 'MOBIUS_API_KEY is set and empty', {}, 'unset it, or act as the owner: --as-owner');
};

const targets = ['api-url', 'profile', 'vault'] as const;

/** Where to work is said once: what the line says of it leaves aside what variables say. */
const typedTargets = (isSet: (name: string) => boolean): readonly string[] => {
  const typed = targets.filter(isSet);
  if (typed.includes('vault') && typed.length > 1) {
    const [other] = typed;
    throw new MobiusError('usage', `--vault is a place on this machine, --${other} another: give one of them`);
  }
  return typed;
};

/** Global flags and the variables that stand in for them, merged. */
export const globalsFrom = async (io: Io, given: readonly Given[]): Promise<Globals> => {
  const isSet = (name: string): boolean => given.some(({ flag }) => flag.name === name);
  const text = (name: string): string | undefined => settingOf(name, given, io.env)?.value;
  refuseEmptyKey(io, isSet);
  const typed = typedTargets(isSet);
  const target = (name: (typeof targets)[number]): string | undefined =>
    typed.length === 0 || typed.includes(name) ? text(name) : undefined;
  const chosen = (await choose('output', modes, given, io.env)) ?? 'auto';
  const fields = text('fields');
  const dialect = await choose('dialect', dialectChoices, given, io.env);
  const globals: Globals = {
    asOwner: isSet('as-owner'),
    output: chosen === 'auto' ? (io.stdout.isTTY ? 'pretty' : 'json') : chosen,
    quiet: isSet('quiet'),
    input: !isSet('no-input'),
    color: wantsColor(io, isSet),
    logLevel: (await choose('log-level', levels, given, io.env)) ?? 'warn',
  };
  const named = {
    apiUrl: target('api-url'),
    apiKey: text('api-key'),
    profile: target('profile'),
    project: text('project'),
    // A vault that was named on the line leaves the variable aside, as it does that of a server.
    dialect: typed.includes('vault') && !isSet('dialect') ? undefined : dialect,
    organization: typed.includes('vault') && !isSet('organization') ? undefined : text('organization'),
    vault: target('vault'),
    keyFile: text('key-file'),
    keyCommand: text('key-command'),
    passphraseFile: text('passphrase-file'),
    passphraseFd: descriptor(text('passphrase-fd')),
    raw: isSet('raw') || undefined,
    fields: fields === undefined ? undefined : fieldNames(fields),
  };
  for (const [name, value] of Object.entries(named)) if (value !== undefined) Object.assign(globals, { [name]: value });
  return globals;
};

/** Whether an error is told as JSON; decided also where the line itself is what is wrong. */
export const tellsJson = (io: Pick<Io, 'argv' | 'env'> & { stdout: Pick<Io['stdout'], 'isTTY'> }): boolean => {
  const at = io.argv.findLastIndex((word) => word === '-o' || word === '--output' || /^(--output=|-o.)/.test(word));
  const word = io.argv[at] ?? '';
  const typed = word === '-o' || word === '--output' ? io.argv[at + 1] : word.replace(/^(--output=|-o)/, '');
  const mode = [typed, io.env.MOBIUS_OUTPUT].find((known) => modes.some((one) => one === known)) ?? 'auto';
  return mode === 'json' || (mode === 'auto' && !io.stdout.isTTY);
};

/** The values of `--var`, by name. */
export const variablesFrom = (given: readonly Given[]): ReadonlyMap<string, string> =>
  new Map(
    given
      .filter(({ flag }) => flag.name === 'var')
      .map(({ value = '' }) => {
        const [, name, text] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(value) ?? [];
        if (name === undefined || text === undefined) {
          throw new MobiusError('usage', '--var must be KEY=VALUE', {}, 'such as: --var ENV=prod');
        }
        return [name, text];
      }),
  );
