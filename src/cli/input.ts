import { MobiusError } from '../errors.ts';
import type { Field, FlagValues } from './command.ts';
import { parseJson, type Reader } from './files.ts';
import type { Flag } from './flags.ts';
import type { Given } from './line.ts';
import { oneOf } from './suggest.ts';
import { secondsFrom, timeFrom } from './times.ts';

export type Values = Record<string, unknown>;

interface Source {
  reader: Reader;
  now: number;
}

const wrong = (said: string, problem: string, hint?: string): MobiusError =>
  new MobiusError('usage', `${said} ${problem}`, {}, hint);

const integer = (said: string, text: string): number => {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw wrong(said, `must be a whole number, not "${text}"`);
  }
  return value;
};

const time = (said: string, { never }: Field, text: string, now: number): string => {
  if (never === true && text === 'never') return text;
  const value = timeFrom(text, now);
  if (value !== undefined) return value;
  const examples = `a time such as 2027-01-01T00:00:00Z${never === true ? ',' : ' or'} a duration such as 90d`;
  throw wrong(said, `must be ${examples}${never === true ? ' or never' : ''}, not "${text}"`);
};

/** Where a duration is asked for, none can be meant that is over. */
const refusePast = ({ flag: { name, field, value: word } }: Given<Flag>, text: string): void => {
  if (field?.kind !== 'time' || word !== 'DURATION' || !text.startsWith('-')) return;
  throw wrong(`--${name}`, `must be a duration from now such as 14d, not "${text}"`);
};

const duration = (said: string, text: string): number => {
  const seconds = secondsFrom(text);
  if (seconds !== undefined) return seconds;
  throw wrong(said, `must be a duration such as 90d, 12h or 300s, not "${text}"`);
};

const list = (values: readonly string[]): string[] =>
  values.flatMap((value) => (value === '' ? [] : value.split(',').map((part) => part.trim())));

const tags = (said: string, values: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    values
      .filter((value) => value !== '')
      .map((value) => {
        const at = value.indexOf('=');
        if (at < 1) throw wrong(said, `must be KEY=VALUE, not "${value}"`, `such as: ${said} env=production`);
        return [value.slice(0, at), value.slice(at + 1)];
      }),
  );

/** Of two equal keys the first would be lost without a word, and with a secret nobody could look. */
const json = async (said: string, { secret }: Field, value: string, { reader }: Source): Promise<unknown> => {
  const text = await reader.text(value);
  const parsed = parseJson(text, said);
  if (secret === true) {
    const { readJsonText } = await import('../use/tree.ts');
    readJsonText(text, said);
  }
  return parsed;
};

const convert = async (said: string, field: Field, values: readonly string[], source: Source): Promise<unknown> => {
  const last = values.at(-1) ?? '';
  if (field.kind === 'integer') return integer(said, last);
  if (field.kind === 'duration') return duration(said, last);
  if (field.kind === 'time') return time(said, field, last, source.now);
  if (field.kind === 'tags') return tags(said, values);
  if (field.kind === 'json') return json(last.startsWith('@') ? `"${last}"` : said, field, last, source);
  const texts = field.kind === 'strings' ? list(values) : [last];
  for (const text of texts) {
    if (field.enum !== undefined && !field.enum.includes(text)) throw await oneOf(said, text, field.enum);
  }
  return field.kind === 'strings' ? texts : last;
};

/** One positional argument as the property that it fills. */
export const argumentValue = async (said: string, field: Field, text: string, source: Source): Promise<unknown> =>
  convert(said, field, [text], source);

/** The input's properties that flags name. The last one counts where a flag is given twice; lists and tags add up. */
export const inputFromFlags = async (given: readonly Given<Flag>[], source: Source): Promise<Values> => {
  const perField = new Map<Field, Given<Flag>[]>();
  for (const one of given) {
    const { field } = one.flag;
    if (field !== undefined) perField.set(field, [...(perField.get(field) ?? []), one]);
  }
  const input: Values = {};
  for (const [field, those] of perField) {
    const last = those.at(-1);
    if (last === undefined) continue;
    const texts = those.flatMap(({ value }) => (value === undefined ? [] : [value]));
    refusePast(last, texts.at(-1) ?? '');
    input[field.name] =
      field.kind === 'boolean'
        ? last.flag.negates !== true
        : await convert(`--${last.flag.name}`, field, texts, source);
  }
  return input;
};

/** The value of a flag that several commands share, such as `--file`. */
export const sharedValue = (given: readonly Given<Flag>[], name: string): string | undefined =>
  given.findLast(({ flag }) => flag.from === 'shared' && flag.name === name)?.value;

/** The values of a command's extra flags, by name. */
export const extraValues = async (given: readonly Given<Flag>[]): Promise<FlagValues> => {
  const values: Record<string, string | string[] | boolean> = {};
  for (const { flag, value } of given) {
    if (flag.from !== 'extra') continue;
    if (value === undefined) values[flag.name] = true;
    else {
      if (flag.choices?.includes(value) === false) throw await oneOf(`--${flag.name}`, value, flag.choices);
      values[flag.name] = flag.repeatable === true ? [...((values[flag.name] as string[]) ?? []), value] : value;
    }
  }
  return values;
};

const redacted = '***REDACTED***';

/** The same without any value: what it is made of stays readable. */
export const redact = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, redact(inner)]));
  }
  return redacted;
};

/** What a dry run prints: the names inside a secret value stay readable, no value does. */
export const withoutSecrets = (input: Values, fields: readonly Field[]): Values =>
  Object.fromEntries(
    fields
      .filter((field) => field.in !== 'path' && input[field.name] !== undefined)
      .map((field) => [field.name, field.secret === true ? redact(input[field.name]) : input[field.name]]),
  );
