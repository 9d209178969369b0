import { MobiusError } from '../errors.ts';
import { readJsonText } from '../use/tree.ts';
import { pairsOf } from './query.ts';

/** What a body held: the values as JSON has them, or the texts of a form. */
export type Body = { kind: 'json'; fields: Record<string, unknown> } | { kind: 'form'; pairs: [string, string][] };

/** The same limits as those of the core, which a body that goes beyond them never reaches. */
const mostValues = 100_000;
const deepest = 64;

const badRequest = (message: string): MobiusError => new MobiusError('bad_request', message);

const mediaType = (header: string | undefined): string => (header ?? '').split(';')[0]?.trim().toLowerCase() ?? '';

const utf8 = new TextDecoder('utf-8', { fatal: true });

const textOf = (bytes: Uint8Array): string => {
  try {
    return utf8.decode(bytes);
  } catch {
    throw badRequest('the body is no JSON: it is not UTF-8');
  }
};

/**
 * How many members its objects have. A body of a few megabytes can hold millions of values, which cost a hundred times as
 * much as they weigh: so they are counted before any of them is made.
 */
const countMembers = (bytes: Uint8Array): number => {
  const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
  let [values, members, depth, inText] = [1, 0, 0, false];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inText) {
      if (byte === backslash) at++;
      else if (byte === quote) inText = false;
    } else if (byte === quote) inText = true;
    else if (byte === comma) values++;
    else if (byte === colon) members++;
    else if (byte === 0x5b || byte === 0x7b) {
      values++;
      depth++;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
    if (values > mostValues) throw badRequest('the body holds too many values');
    if (depth > deepest) throw badRequest('the body is nested too deeply');
  }
  return members;
};

const membersOf = (value: unknown): number => {
  if (typeof value !== 'object' || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce((sum: number, one) => sum + membersOf(one), own);
};

/** The engine's own message would quote the body, and with it a secret. */
const whyNot = (text: string): string => {
  try {
    readJsonText(text, 'it');
  } catch (error) {
    if (error instanceof MobiusError) return error.message.replace('it is not valid JSON at', 'it breaks at');
  }
  return 'it breaks off or holds a sign where none may be';
};

const jsonOf = (text: string, members: number): unknown => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badRequest(`the body is no JSON: ${whyNot(text)}`);
  }
  // Of equal keys in one object JSON.parse keeps the last without a word: then there are less than the text has.
  if (membersOf(value) === members) return value;
  try {
    readJsonText(text, 'the body');
  } catch (error) {
    if (error instanceof MobiusError) throw badRequest(error.message);
    throw error;
  }
  return value;
};

/** A body that can only be JSON, whatever it calls itself; undefined where there is none. */
export const readJson = (bytes: Uint8Array | undefined): unknown => {
  if (bytes === undefined || bytes.length === 0) return undefined;
  const members = countMembers(bytes);
  return jsonOf(textOf(bytes), members);
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the headers say a body is. */
export const kindOfBody = (
  headers: Readonly<Record<string, string | string[] | undefined>>,
  takesForms: boolean,
): Body['kind'] => {
  const type = mediaType(headers['content-type']?.toString());
  const coding = headers['content-encoding']?.toString().toLowerCase() ?? 'identity';
  const accepted = takesForms ? 'application/json or application/x-www-form-urlencoded' : 'application/json';
  if (coding !== 'identity') {
    throw new MobiusError('bad_request', 'the body must not be compressed', { reason: 'media_type' });
  }
  if (takesForms && type === 'application/x-www-form-urlencoded') return 'form';
  if (type === 'application/json') return 'json';
  throw new MobiusError('bad_request', `the content type must be ${accepted}`, { reason: 'media_type' });
};

/** Reads a body as its kind says; an empty one is an empty object, whatever it claims to be. */
export const readBody = (bytes: Uint8Array | undefined, kindOf: () => Body['kind']): Body => {
  if (bytes === undefined || bytes.length === 0) return { kind: 'json', fields: {} };
  if (kindOf() === 'form') return { kind: 'form', pairs: pairsOf(textOf(bytes), 'the body') };
  const value = readJson(bytes);
  if (!isObject(value)) throw badRequest('the body must be an object');
  return { kind: 'json', fields: value };
};
