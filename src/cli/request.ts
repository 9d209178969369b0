import { MobiusError } from '../errors.ts';
import type { Name, Operation } from '../operations.ts';
import type { Context, Fields } from './command.ts';
import { parseJson } from './files.ts';
import { redact, type Values } from './input.ts';
import { oneOf } from './suggest.ts';
import { cell } from './visible.ts';

/** A request as a person writes it: what `mobius api` sends. */
export interface Asked {
  method: string;
  /** From the address of the server on, with its query, as it goes over the wire. */
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: string;
}

export const methods = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE', 'HEAD'] as const;

/** Those that say who sends it, where it goes, and where it ends: they are made here, from what stands elsewhere. */
const ownHeaders: Readonly<Record<string, string>> = {
  authorization: 'the key that acts is given with --api-key, MOBIUS_API_KEY or a profile',
  'proxy-authorization': 'a proxy and its login stand in HTTPS_PROXY',
  'x-api-key': 'the key that acts is given with --api-key, MOBIUS_API_KEY or a profile',
  host: 'the server is named with --api-url or a profile',
  connection: 'leave it out',
  'content-length': 'leave it out',
  'transfer-encoding': 'leave it out',
};

const usage = (message: string, hint?: string): MobiusError => new MobiusError('usage', message, {}, hint);

const textsOf = (value: Context['flags'][string]): readonly string[] => (Array.isArray(value) ? value : []);

const headersFrom = (texts: readonly string[]): Record<string, string> => {
  const headers: Record<string, string> = {};
  for (const text of texts) {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t\x20-\x7e]*)$/.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      throw usage('--header must be NAME: VALUE, on one line', "such as: --header 'If-Match: 3'");
    }
    const instead = ownHeaders[name.toLowerCase()];
    if (instead !== undefined) throw usage(`--header can't say "${name}"`, instead);
    headers[name] = value;
  }
  return headers;
};

const pair = (said: string, text: string, pattern: RegExp, such: string): [string, string, string] => {
  const [, name, sign, value] = pattern.exec(text) ?? [];
  if (name !== undefined && sign !== undefined && value !== undefined) return [name, sign, value];
  throw usage(`${said} must be ${such}`, said === '--data' ? 'such as: --data name=ci --data limit:=3' : undefined);
};

type Texts = Pick<Context, 'text'>;

/** `KEY=TEXT`, where the text may be in a file; `KEY:=JSON`, for what is no text. */
const dataFrom = async (texts: readonly string[], { text: read }: Texts): Promise<Values> => {
  const data: Values = {};
  for (const text of texts) {
    const [name, sign, value] = pair('--data', text, /^([^=:]+)(:?=)(.*)$/s, 'KEY=TEXT or KEY:=JSON');
    if (Object.hasOwn(data, name)) throw usage(`--data says "${name}" twice`);
    const found = await read(value);
    data[name] = sign === ':=' ? parseJson(found, `the value of "${name}"`) : found;
  }
  return data;
};

const typeOf = (headers: Readonly<Record<string, string>>): string | undefined =>
  new Headers(headers).get('Content-Type') ?? undefined;

const formOf = (data: Values): string =>
  new URLSearchParams(
    Object.entries(data).map(([name, value]): [string, string] => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  ).toString();

/** The body, where the line gives one in any of its ways, and what it is. */
const bodyFrom = async (
  { flags, text }: Pick<Context, 'flags' | 'text'>,
  headers: Readonly<Record<string, string>>,
): Promise<{ body: string; type: string } | undefined> => {
  const { body, file } = flags;
  const data = textsOf(flags.data);
  const ways = [typeof body === 'string', typeof file === 'string', data.length > 0].filter(Boolean);
  if (ways.length === 0) return undefined;
  if (ways.length > 1) throw usage('--body, --file and --data each say what the body is', 'give one of them');
  const type = typeOf(headers) ?? 'application/json';
  if (data.length > 0) {
    const values = await dataFrom(data, { text });
    return { body: /^application\/x-www-form-urlencoded\b/.test(type) ? formOf(values) : JSON.stringify(values), type };
  }
  const found = typeof file === 'string' ? await text(`@${file}`) : await text(String(body));
  if (/\bjson\b/.test(type)) parseJson(found, typeof file === 'string' ? `"${file}"` : '--body');
  return { body: found, type };
};

const notThere = 'a credential goes to the server that was named, and to no other';

/** What was typed as a path: one below the address of the server, or the whole address of it. */
const pathBelow = (typed: string, server: string | undefined): string => {
  if (!/^https?:/i.test(typed)) return typed.startsWith('/') ? typed : `/${typed}`;
  const base = server === undefined ? undefined : new URL(server);
  if (base === undefined)
    throw usage('a local vault is asked by paths alone', 'such as: /v1/projects/{project}/api-keys');
  const folder = base.pathname.replace(/\/+$/, '');
  const url = URL.canParse(typed) ? new URL(typed) : undefined;
  const isBelow = url?.origin === base.origin && (url.pathname === folder || url.pathname.startsWith(`${folder}/`));
  if (url === undefined || !isBelow || url.username !== '' || url.password !== '') {
    throw usage(`the address is not below "${base.origin}${folder}": ${notThere}`, 'name the server: --api-url URL');
  }
  return `${url.pathname.slice(folder.length) || '/'}${url.search}${url.hash}`;
};

const pathFrom = (typed: string, queries: readonly string[], project: string, server: string | undefined): string => {
  const filled = typed.replaceAll('{project}', encodeURIComponent(project));
  const [, left] = /\{(\w*)\}/.exec(filled) ?? [];
  if (left !== undefined) throw usage(`"{${left}}" in the path stands for something: put it there`);
  const path = pathBelow(filled, server);
  if (/[\s\\]/.test(path)) throw usage('a path holds no spaces and no backslashes', 'write %20 for a space');
  if (path.includes('#')) throw usage('a path holds no "#"', 'write %23 for the sign itself');
  // Dots that climb are gone after this: what is asked for is below the address.
  const url = new URL(`http://mobius.invalid${path}`);
  for (const text of queries) {
    const [name, , value] = pair('--query', text, /^([^=]+)(=)(.*)$/s, 'KEY=VALUE');
    url.searchParams.append(name, value);
  }
  return url.pathname + url.search;
};

/** The request that a line says. `server`: its address, absent for a local vault. */
export const requestFrom = async (
  { args, flags, text }: Pick<Context, 'flags' | 'text'> & { args: Readonly<Record<string, string | undefined>> },
  project: string,
  server: string | undefined,
): Promise<Asked> => {
  if (args.method === undefined && methods.some((one) => one === args.path?.toUpperCase())) {
    throw usage('<path> is required', 'such as: /v1/projects/{project}/roles');
  }
  const headers = headersFrom(textsOf(flags.header));
  const path = pathFrom(args.path ?? '', textsOf(flags.query), project, server);
  const given = args.method?.toUpperCase();
  const known = methods.find((one) => one === given);
  if (given !== undefined && known === undefined) throw await oneOf('<method>', given, methods);
  const said = await bodyFrom({ flags, text }, headers);
  const method = known ?? (said === undefined ? 'GET' : 'POST');
  if (said === undefined) return { method, path, headers };
  if (method === 'GET' || method === 'HEAD') throw usage(`a ${method} has no body`, 'a parameter: --query KEY=VALUE');
  return { method, path, headers: { 'Content-Type': said.type, ...headers }, body: said.body };
};

/** The operation that a request is, and what its path holds. */
export interface Matched {
  name: Name;
  operation: Operation;
  params: Readonly<Record<string, string>>;
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    throw usage('the path has a percent sign that begins no character', 'write %25 for the sign itself');
  }
};

const paramsOf = (template: string, path: string): Record<string, string> | undefined => {
  const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const found = new RegExp(`^${template.replace(/\{\w+\}/g, '([^/]+)')}$`).exec(path);
  return found === null ? undefined : Object.fromEntries(names.map((name, at) => [name, decoded(found[at + 1] ?? '')]));
};

/** All that there is at a path; where two would take it, `/api-keys/verify` is no key called so. */
export const matching = (operations: Readonly<Record<string, Operation>>, path: string): readonly Matched[] => {
  const [plain = ''] = path.split('?');
  return Object.entries(operations)
    .flatMap(([name, operation]): Matched[] => {
      const params = paramsOf(operation.path, plain);
      return params === undefined ? [] : [{ name: name as Name, operation, params }];
    })
    .sort((one, other) => Object.keys(one.params).length - Object.keys(other.params).length);
};

/** The path of the next page of a list. */
export const withCursor = (path: string, cursor: string): string => {
  const url = new URL(`http://mobius.invalid${path}`);
  url.searchParams.set('cursor', cursor);
  return url.pathname + url.search;
};

const toldHeaders = ['accept', 'content-type', 'idempotency-key', 'if-match', 'if-none-match'];

/** What a dry run shows. Of what nobody knows to be no secret the names stay, and no value. */
export const shownRequest = ({ method, path, headers, body }: Asked, fields: Fields['input'] | undefined): Values => {
  const shownHeaders = Object.entries(headers).map(([name, value]) => [
    name,
    toldHeaders.includes(name.toLowerCase()) ? value : redact(value),
  ]);
  const shown = { method, path, headers: Object.fromEntries(shownHeaders) };
  if (body === undefined) return shown;
  if (!/\bjson\b/.test(typeOf(headers) ?? '')) return { ...shown, body: redact(body) };
  const parsed = parseJson(body, 'the body');
  if (fields === undefined || typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return { ...shown, body: redact(parsed) };
  }
  const isKnown = (name: string): boolean => fields.some((field) => field.name === name && field.secret !== true);
  const kept = Object.entries(parsed).map(([name, value]) => [name, isKnown(name) ? value : redact(value)]);
  return { ...shown, body: Object.fromEntries(kept) };
};

/** The status and the headers of an answer, as the lines before its body. */
export const headOf = (status: number, headers: Readonly<Record<string, string | string[] | undefined>>): string => {
  const lines = Object.entries(headers).flatMap(([name, value = []]) =>
    [value].flat().map((one) => `${cell(name)}: ${cell(one)}`),
  );
  return `${[`HTTP ${status}`, ...lines, ''].join('\n')}\n`;
};
