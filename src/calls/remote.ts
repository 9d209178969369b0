import { randomBytes } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import { fieldsOf } from '../generated/fields.ts';
import { operations } from '../generated/operations.ts';
import type { Call, CallOptions, Name, Noun, Operation, Output } from '../operations.ts';
import { errorIn, outputOf } from './answers.ts';
import type { Answer, Request } from './http.ts';
import { type Pace, withRetries } from './retries.ts';
import { connectionTo, isDone, isSafe, ownHeaders, queryOf, type Server, segment, withHeaders } from './wire.ts';

type Values = Readonly<Record<string, unknown>>;

const queryText = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));

const pairsOf = (values: Values): [string, string][] =>
  Object.entries(values).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one): [string, string] => [name, queryText(one)]),
  );

const formOf = (values: Values): string =>
  new URLSearchParams(
    Object.entries(values).map(([name, value]): [string, string] => [name, queryText(value)]),
  ).toString();

/** The request that an operation is, as its schema says: path, headers, and the rest as query or body. */
export const requestOf = (name: Name, operation: Operation, input: Values): Request => {
  const { method, wire, headers: carried = {} } = operation;
  const rest = new Map(Object.entries(input).filter(([, value]) => value !== undefined));
  const filled = (field: string): string => {
    const value = rest.get(field) ?? (field === 'project' ? 'default' : undefined);
    rest.delete(field);
    if (value === undefined) throw new MobiusError('internal', `"${name}" was called without its "${field}"`);
    return segment(value);
  };
  const [start = '', ...named] = operation.path.split('{');
  const path = named.reduce((before, part) => {
    const [field = '', after = ''] = part.split('}', 2);
    return before + filled(field) + after;
  }, start);
  const headers: Record<string, string> = { ...ownHeaders };
  for (const [field, header] of Object.entries(carried)) {
    if (rest.has(field)) headers[header] = String(rest.get(field));
    rest.delete(field);
  }
  const values = Object.fromEntries(rest);
  if (method === 'GET' || method === 'DELETE') return { method, path: path + queryOf(pairsOf(values)), headers };
  headers['Content-Type'] = wire === 'oauth' ? 'application/x-www-form-urlencoded' : 'application/json';
  return { method, path, headers, body: wire === 'oauth' ? formOf(values) : JSON.stringify(values) };
};

/** A change that is sent with a key is done once, however often it arrives. Who is nobody yet has none to keep it by. */
const keyFor = ({ access, scope, repeatable }: Operation, { idempotencyKey }: CallOptions): string | undefined => {
  if (idempotencyKey !== undefined) return idempotencyKey;
  const isChange = access === 'write' && scope !== 'public' && repeatable !== true;
  return isChange ? Buffer.from(randomBytes(18)).toString('base64url') : undefined;
};

const mayRepeat = ({ method, access, repeatable }: Operation, key: string | undefined): boolean =>
  method === 'GET' || access === 'read' || repeatable === true || key !== undefined;

/** A request as somebody wrote it themselves. */
export interface Plain extends Omit<Request, 'signal'> {
  /** What of our own contract it is, where it is something of it. */
  operation?: Operation | undefined;
}

/** What came back, whatever it was; `refusal` says what it means where it is no success. */
export interface Replied extends Answer {
  refusal?: MobiusError;
}

export interface Remote {
  call: Call;
  /** The same credential and care for a request of any path. */
  ask(request: Plain): Promise<Replied>;
  /** The address without any login, for a person. */
  url: string;
  /** The body of the last answer as it came; undefined before the first. */
  answered(): string | undefined;
  close(): void;
}

/**
 * A server's operations as a Call. Every request carries the one credential; a change that got lost on the way is sent
 * again only where that can't do it twice.
 */
export const openRemote = (server: Server, pace: Pace): Remote => {
  const connection = connectionTo(server);
  let last: string | undefined;
  const call: Call = async <K extends Name>(name: K, input: unknown, options: CallOptions = {}): Promise<Output<K>> => {
    const operation = operations[name];
    const request = requestOf(name, operation, input as Values);
    const key = keyFor(operation, options);
    const headers = {
      ...request.headers,
      ...(server.token === undefined || operation.scope === 'public'
        ? {}
        : { Authorization: `Bearer ${server.token}` }),
      ...(key === undefined ? {} : { 'Idempotency-Key': key }),
    };
    const { signal } = options;
    const send = (): Promise<Answer> => connection.send({ ...request, headers, signal });
    const answer = await (mayRepeat(operation, key) ? withRetries(send, pace, signal) : send());
    last = answer.text;
    if (!isDone(answer)) throw errorIn(answer, operation, connection.url);
    const { fields } = await fieldsOf[name.slice(0, name.indexOf('.')) as Noun]();
    return outputOf(answer, operation, fields[name]?.output, connection.url) as Output<K>;
  };
  const ask: Remote['ask'] = async ({ operation, ...asked }) => {
    const own = new Headers(asked.headers).get('Idempotency-Key');
    const key = operation && keyFor(operation, own === null ? {} : { idempotencyKey: own });
    const headers = withHeaders(
      {
        ...ownHeaders,
        ...(server.token === undefined || operation?.scope === 'public'
          ? {}
          : { Authorization: `Bearer ${server.token}` }),
        ...(key === undefined ? {} : { 'Idempotency-Key': key }),
      },
      asked.headers,
    );
    const send = (): Promise<Answer> => connection.send({ ...asked, headers });
    const isRepeatable = operation === undefined ? isSafe(asked) : mayRepeat(operation, key);
    const answer = await (isRepeatable ? withRetries(send, pace, undefined) : send());
    return isDone(answer) ? answer : { ...answer, refusal: errorIn(answer, operation ?? {}, connection.url) };
  };
  return { call, ask, url: connection.url, answered: () => last, close: connection.close };
};
