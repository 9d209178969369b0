import { randomBytes } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import { fieldsOf } from '../generated/fields.ts';
import { operations } from '../generated/operations.ts';
import type { Call, CallOptions, Name, Noun, Operation, Output } from '../operations.ts';
import { version } from '../version.ts';
import { errorIn, outputOf } from './answers.ts';
import { type Answer, openConnection, type Request, serverUrl, type Ways } from './http.ts';
import { isLoopback } from './proxy.ts';
import { type Pace, withRetries } from './retries.ts';

export interface Server extends Ways {
  url: string;
  /** An API key, a CLI credential, or the access token of a session; absent for what nobody need be known for. */
  token?: string | undefined;
}

type Values = Readonly<Record<string, unknown>>;

/** What a name in a path may hold must not end the path, nor climb in it. */
const segment = (value: unknown): string => {
  const text = String(value);
  return /^\.{1,2}$/.test(text) ? text.replaceAll('.', '%2E') : encodeURIComponent(text);
};

const queryText = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));

const queryOf = (values: Values): string => {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, queryText(one));
  }
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
};

const formOf = (values: Values): string =>
  new URLSearchParams(
    Object.entries(values).map(([name, value]): [string, string] => [name, queryText(value)]),
  ).toString();

/** The request that an operation is, as its schema says: path, headers, and the rest as query or body. */
export const requestOf = (name: Name, operation: Operation, input: Values): Request => {
  const { method, wire, headers: carried = {} } = operation;
  const rest = new Map(Object.entries(input).filter(([, value]) => value !== undefined));
  const path = operation.path.replace(/\{(\w+)\}/g, (_, field: string) => {
    const value = rest.get(field) ?? (field === 'project' ? 'default' : undefined);
    rest.delete(field);
    if (value === undefined) throw new MobiusError('internal', `"${name}" was called without its "${field}"`);
    return segment(value);
  });
  const headers: Record<string, string> = { Accept: 'application/json', 'User-Agent': `mobius/${version}` };
  for (const [field, header] of Object.entries(carried)) {
    if (rest.has(field)) headers[header] = String(rest.get(field));
    rest.delete(field);
  }
  const values = Object.fromEntries(rest);
  if (method === 'GET' || method === 'DELETE') return { method, path: path + queryOf(values), headers };
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

/** Everybody between here and there could read the credential, and everything else. */
const refusePlain = (url: URL, { env, socketPath }: Server): void => {
  const allowed = url.protocol === 'https:' || socketPath !== undefined || isLoopback(url.hostname);
  if (allowed || env.MOBIUS_ALLOW_HTTP === '1') return;
  throw new MobiusError(
    'usage',
    `"${url.origin}" is plain HTTP to another machine, where anybody on the way can read what is sent`,
    { field: 'api_url' },
    'use https://; where the network itself is safe, set MOBIUS_ALLOW_HTTP=1',
  );
};

/**
 * A server's operations as a Call. Every request carries the one credential; a change that got lost on the way is sent
 * again only where that can't do it twice.
 */
export const openRemote = (server: Server, pace: Pace): { call: Call; url: string; close(): void } => {
  const address = serverUrl(server.url);
  refusePlain(address, server);
  const connection = openConnection(address, server);
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
    if (answer.status < 200 || answer.status >= 300) throw errorIn(answer, operation, connection.url);
    const { fields } = await fieldsOf[name.slice(0, name.indexOf('.')) as Noun]();
    return outputOf(answer, operation, fields[name]?.output, connection.url) as Output<K>;
  };
  return { call, url: connection.url, close: connection.close };
};
