import { MobiusError } from '../errors.ts';
import { readJsonText } from '../use/tree.ts';
import { pairsOf } from './query.ts';

/** What a body held: the values as JSON has them, or the texts of a form. */
export type Body = { kind: 'json'; fields: Record<string, unknown> } | { kind: 'form'; pairs: [string, string][] };

/** A text this long is looked at once more for equal keys in one object, of which JSON.parse keeps the last. */
const longestChecked = 64 * 1024;

const badRequest = (message: string): MobiusError => new MobiusError('bad_request', message);

const mediaType = (header: string | undefined): string => (header ?? '').split(';')[0]?.trim().toLowerCase() ?? '';

const textOf = (bytes: Uint8Array): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badRequest('the body is no JSON: it is not UTF-8');
  }
};

/** The engine's own message would quote the body, and with it a secret. */
const whyNot = (text: string): string => {
  if (text.length > longestChecked) return 'it breaks off or holds a sign where none may be';
  try {
    readJsonText(text, 'it');
  } catch (error) {
    if (error instanceof MobiusError) return error.message.replace('it is not valid JSON at', 'it breaks at');
  }
  return 'it breaks off or holds a sign where none may be';
};

const jsonOf = (text: string): unknown => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badRequest(`the body is no JSON: ${whyNot(text)}`);
  }
  if (text.length <= longestChecked) {
    try {
      readJsonText(text, 'the body');
    } catch (error) {
      if (error instanceof MobiusError) throw badRequest(error.message);
      throw error;
    }
  }
  return value;
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads a body as its type says; an empty one is an empty object, whatever it claims to be. */
export const readBody = (
  bytes: Uint8Array | undefined,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  takesForms: boolean,
): Body => {
  if (bytes === undefined || bytes.length === 0) return { kind: 'json', fields: {} };
  const type = mediaType(headers['content-type']?.toString());
  const coding = headers['content-encoding']?.toString().toLowerCase() ?? 'identity';
  const accepted = takesForms ? 'application/json or application/x-www-form-urlencoded' : 'application/json';
  if (coding !== 'identity') {
    throw new MobiusError('bad_request', 'the body must not be compressed', { reason: 'media_type' });
  }
  if (takesForms && type === 'application/x-www-form-urlencoded') {
    return { kind: 'form', pairs: pairsOf(textOf(bytes), 'the body') };
  }
  if (type !== 'application/json') {
    throw new MobiusError('bad_request', `the content type must be ${accepted}`, { reason: 'media_type' });
  }
  const value = jsonOf(textOf(bytes));
  if (!isObject(value)) throw badRequest('the body must be an object');
  return { kind: 'json', fields: value };
};
