import { MobiusError } from '../errors.ts';
import type { Context, ExtraFlag } from './command.ts';

export type SecretValues = Record<string, string>;

export const generateFlag: ExtraFlag = {
  name: 'generate',
  value: 'KEY[:LENGTH[:ALPHABET]]',
  repeatable: true,
  description: 'make a random value: 32 characters of alnum; or digits, hex, lower, base64url, ascii, or characters',
};

/** The ways in for a secret's values, one key at a time, and from a file of variables. */
export const valueFlags: readonly ExtraFlag[] = [
  { name: 'value', value: 'KEY', repeatable: true, description: 'ask for the value of this key, without showing it' },
  {
    name: 'set',
    value: 'KEY=@FILE',
    repeatable: true,
    description: 'take the value of this key from a file, or with @- from stdin; a text itself can be read by others',
  },
  {
    name: 'from-env',
    value: 'NAME',
    repeatable: true,
    description: 'take the value of this variable, as the key of the same name, or of another: KEY=NAME',
  },
  generateFlag,
  { name: 'dotenv', value: 'FILE', description: 'take every variable of this .env file; - is stdin' },
  { name: 'exact', modifies: true, description: 'keep the line end of a single line from stdin' },
];

const usage = (message: string, hint?: string): MobiusError => new MobiusError('usage', message, {}, hint);

const given = ({ flags }: Context, name: string): readonly string[] => (flags[name] ?? []) as readonly string[];

/** `KEY=REST`, split at the first sign. */
const keyAndRest = (flag: string, text: string): [string, string] => {
  const at = text.indexOf('=');
  if (at < 1) throw usage(`--${flag} must be KEY=…`, `such as: --${flag} api_key=@key.txt`);
  return [text.slice(0, at), text.slice(at + 1)];
};

const fromFileOrStdin = async (context: Context, text: string): Promise<[string, string]> => {
  const [key, source] = keyAndRest('set', text);
  if (!source.startsWith('@')) {
    const { io, warn } = context;
    if (io.stderr.isTTY) warn('--set with a value can be read by other programs; give KEY=@FILE or KEY=@- instead');
    return [key, source];
  }
  const value = await context.exact(source);
  const [, line, end] = /^([^\n]*?)(\r?\n)$/.exec(value) ?? [];
  if (source !== '@-' || line === undefined || end === undefined || context.flags.exact === true) return [key, value];
  context.note(`left out the line end after the value of "${key}"; --exact keeps it`);
  return [key, line];
};

const fromEnvironment = ({ io }: Context, text: string): [string, string] => {
  const [key, name] = text.includes('=') ? keyAndRest('from-env', text) : [text, text];
  const value = io.env[name];
  if (value === undefined) throw usage(`--from-env: there is no variable "${name}"`);
  return [key, value];
};

/** Enter alone is more likely a slip than a value. */
const asked = async ({ prompt }: Context, key: string): Promise<[string, string]> => {
  if (key.includes('='))
    throw usage('--value takes the name of a key and asks for its value', 'see also: --set KEY=@FILE');
  const value = await prompt.hidden(`Value of "${key}":`, { lines: true });
  if (value !== '') return [key, value];
  throw usage(`nothing was typed for "${key}"`, `an empty value on purpose: --set ${key}=`);
};

/** A random value, as `KEY[:LENGTH[:ALPHABET]]` says. */
const generated = async (text: string): Promise<[string, string]> => {
  const [, key, length, alphabet] = /^([^:]+)(?::(\d+)(?::(.+))?)?$/s.exec(text) ?? [];
  if (key === undefined) {
    throw usage('--generate must be KEY, KEY:LENGTH or KEY:LENGTH:ALPHABET', 'such as: --generate password:40:ascii');
  }
  const { generate } = await import('../use/generate.ts');
  return [key, generate(length === undefined ? 32 : Number(length), alphabet)];
};

const variablesOf = async (context: Context): Promise<SecretValues> => {
  const { dotenv: path } = context.flags;
  if (typeof path !== 'string') return {};
  const { parseDotenv } = await import('../use/dotenv.ts');
  const found = parseDotenv(await context.text(`@${path}`), path === '-' ? 'standard input' : `"${path}"`);
  const values = new Map<string, string>();
  for (const { name, value, line } of found) {
    if (values.has(name)) throw usage(`--dotenv: "${name}" stands there twice, the second time on line ${line}`);
    values.set(name, value);
  }
  return Object.fromEntries(values);
};

/** Values that come one by one. They themselves are never said, not even in an error. */
const oneByOne = (): { values: Map<string, string>; take(entry: [string, string]): void } => {
  const values = new Map<string, string>();
  return {
    values,
    take([key, value]) {
      if (values.has(key)) throw usage(`the value of "${key}" is given twice`);
      values.set(key, value);
    },
  };
};

/** Random values, each as `KEY[:LENGTH[:ALPHABET]]` says. */
export const generatedAll = async (texts: readonly string[]): Promise<SecretValues> => {
  const { values, take } = oneByOne();
  for (const text of texts) take(await generated(text));
  return Object.fromEntries(values);
};

/** The values that flags give one key at a time. */
const keyed = async (context: Context): Promise<SecretValues> => {
  const { values, take } = oneByOne();
  for (const text of given(context, 'set')) take(await fromFileOrStdin(context, text));
  for (const text of given(context, 'from-env')) take(fromEnvironment(context, text));
  for (const text of given(context, 'generate')) take(await generated(text));
  for (const key of given(context, 'value')) take(await asked(context, key));
  return Object.fromEntries(values);
};

/**
 * The values that a line gives, whichever way; undefined where it gives none. `single` tells that only flags for single
 * keys gave some, so that nothing was said of the others.
 */
export const valuesFrom = async (
  context: Context,
  whole: Readonly<SecretValues> | undefined,
): Promise<{ values: SecretValues; single: boolean } | undefined> => {
  const variables = await variablesOf(context);
  const single = await keyed(context);
  const isWhole = whole !== undefined || Object.keys(variables).length > 0;
  const isSingle = Object.keys(single).length > 0;
  if (whole !== undefined && (typeof whole !== 'object' || whole === null || Array.isArray(whole))) {
    return { values: whole, single: false };
  }
  return isWhole || isSingle ? { values: { ...whole, ...variables, ...single }, single: !isWhole } : undefined;
};

/** Whoever gave no value is asked for some, or told how to give one. */
export const askedValues = async (context: Context): Promise<{ values: SecretValues }> => {
  const { prompt } = context;
  if (!prompt.possible) {
    const ways = '--value KEY asks; or --set KEY=@FILE, --from-env NAME, --generate KEY, --values @FILE, --dotenv FILE';
    throw usage('a secret needs at least one value', ways);
  }
  const { values, take } = oneByOne();
  const keyOf = (question: string, fallback: string): Promise<string> =>
    prompt.text(question, {
      fallback,
      check: async (typed) => {
        if (typed.includes('=')) return 'a key has no "=" in it';
        return values.has(typed) ? 'it has a value already' : undefined;
      },
    });
  for (let key = await keyOf('Key of its first value:', 'value'); key !== ''; ) {
    take(await asked(context, key));
    key = await keyOf('Key of another value (Enter alone when that is all):', '');
  }
  return { values: Object.fromEntries(values) };
};
