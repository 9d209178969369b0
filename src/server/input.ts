import { invalidField, MobiusError } from '../errors.ts';
import type { fieldsOf } from '../generated/fields.ts';
import type { Operation } from '../operations.ts';
import { kindOfBody, readBody } from './body.ts';
import { pairsOf, queryOf } from './query.ts';

type Fields = Awaited<ReturnType<(typeof fieldsOf)['secrets']>>['fields'][string];
export type Field = NonNullable<Fields>['input'][number];

/** What an operation's input is read from, before the body. */
export interface Incoming {
  /** The texts of the path's `{name}`s, decoded. */
  params: Readonly<Record<string, string>>;
  target: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

const isList = ({ kind }: Pick<Field, 'kind'>): boolean => kind === 'strings';

/** A text in the place of a number or a truth: what it can't be is said here, whether it may be is said by the schema. */
const typed = ({ name, kind }: Field, text: string): unknown => {
  if (kind === 'integer' || kind === 'duration') {
    if (!/^-?\d{1,15}$/.test(text)) throw invalidField(name, 'must be a whole number');
    return Number(text);
  }
  if (kind === 'boolean') {
    if (text !== 'true' && text !== 'false') throw invalidField(name, 'must be true or false');
    return text === 'true';
  }
  return text;
};

/**
 * What texts by name say. A list is one by being repeated; anything else that is repeated is refused, for two readers
 * of one line must not take different ones of the two. A name that no field has is left for the schema to refuse.
 */
const fromPairs = (pairs: readonly [string, string][], fields: readonly Field[]): Map<string, unknown> => {
  const input = new Map<string, unknown>();
  for (const [name, text] of pairs) {
    const field = fields.find((one) => one.name === name);
    const before = input.get(name);
    if (field !== undefined && isList(field)) {
      input.set(name, [...((before as unknown[] | undefined) ?? []), text]);
    } else {
      if (before !== undefined) throw invalidField(name, 'must be given once');
      input.set(name, field === undefined ? text : typed(field, text));
    }
  }
  return input;
};

/** RFC 6749 lets a client send parameters that a server doesn't know. */
const knownOnly = (pairs: readonly [string, string][], fields: readonly Field[]): [string, string][] =>
  pairs.filter(([name]) => fields.some((field) => field.name === name)).map(([name, text]) => [name, text]);

const fromHeaders = (operation: Operation, fields: readonly Field[], headers: Incoming['headers']) =>
  Object.entries(operation.headers ?? {}).flatMap(([name, header]): [string, string][] => {
    const text = headers[header.toLowerCase()]?.toString();
    const field = fields.find((one) => one.name === name);
    if (text === undefined || field === undefined) return [];
    return [[name, text.trim().replace(/^"(.*)"$/, '$1')]];
  });

/** What is said twice, in the path and in the body, must be the same: else one of the two would be passed over. */
const merge = (input: Record<string, unknown>, more: ReadonlyMap<string, unknown>, where: string): void => {
  for (const [name, value] of more) {
    if (Object.hasOwn(input, name) && input[name] !== value) throw invalidField(name, `contradicts ${where}`);
    input[name] = value;
  }
};

const takesBody = ({ method }: Operation): boolean => method === 'POST' || method === 'PATCH';

/** Keeps what came of it, but no failure. */
const once = <T>(find: () => T): (() => T) => {
  let known: { found: T } | undefined;
  return () => {
    known ??= { found: find() };
    return known.found;
  };
};

/**
 * Reads the input of an operation as a request gives it; whether it is a sound one is for the schema to say. What stands
 * before the body is read once for all bodies that come behind it.
 */
export const inputReader = (
  operation: Operation,
  fields: readonly Field[],
  { params, target, headers }: Incoming,
): ((bytes: Uint8Array | undefined) => object) => {
  const kindOf = once(() => kindOfBody(headers, operation.wire === 'oauth'));
  const pairsOfQuery = once(() => pairsOf(queryOf(target), 'the query'));
  const ofQuery = once(() => fromPairs(pairsOfQuery(), fields));
  const ofHeaders = once(() => fromPairs(fromHeaders(operation, fields, headers), fields));
  const ofPath = once(() => fromPairs(Object.entries(params), fields));
  const readFields = (bytes: Uint8Array | undefined): Record<string, unknown> => {
    const [stray] = pairsOfQuery();
    if (takesBody(operation)) {
      if (stray !== undefined) {
        throw new MobiusError('bad_request', `the query parameter "${stray[0].slice(0, 64)}" belongs into the body`);
      }
      const body = readBody(bytes, kindOf);
      if (body.kind === 'json') return body.fields;
      return Object.fromEntries(fromPairs(knownOnly(body.pairs, fields), fields));
    }
    if (bytes !== undefined && bytes.length > 0) throw bodyRefused(operation.method);
    return Object.fromEntries(ofQuery());
  };
  return (bytes) => {
    const input = readFields(bytes);
    merge(input, ofHeaders(), 'the header');
    merge(input, ofPath(), 'the path');
    return input;
  };
};

export const bodyRefused = (method: string): MobiusError => new MobiusError('bad_request', `a ${method} takes no body`);
