import { type Code, kinds, MobiusError } from '../errors.ts';
import type { fieldsOf } from '../generated/fields.ts';
import type { Operation } from '../operations.ts';
import type { Answer } from './http.ts';

type Json = Record<string, unknown>;

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const byStatus: Readonly<Record<number, Code>> = {
  400: 'bad_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
  412: 'conflict',
  422: 'bad_request',
  429: 'rate_limit_exceeded',
  501: 'unsupported',
};

export const codeOfStatus = (status: number): Code =>
  byStatus[status] ?? (status < 500 ? 'bad_request' : 'service_unavailable');

/** The exit codes of a shell are for programs that we start; no server decides on them. */
const codeOf = (said: unknown, status: number): Code =>
  typeof said === 'string' && Object.hasOwn(kinds, said) && !said.startsWith('command_')
    ? (said as Code)
    : codeOfStatus(status);

/** As `report` shows it, a message is one line; another server may send anything. */
export const line = (text: unknown, fallback: string): string =>
  typeof text === 'string' && text.trim() !== '' ? text.slice(0, 2000) : fallback;

/** `title`: the system that it was taken for; `why`: what gives it away. */
export const notAnswered = (url: string, status: number, title: string, why?: string): MobiusError => {
  const because = why === undefined ? '' : `: ${why}`;
  const message = `"${url}" answered with status ${status}, but not as a ${title} server does${because}`;
  const code = status === 401 || status === 403 || status === 429 ? codeOfStatus(status) : 'service_unavailable';
  return new MobiusError(code, message, { status }, 'is the address right? see: mobius auth status');
};

const notOurs = (url: string, status: number): MobiusError => notAnswered(url, status, 'mobius');

export const sentOn = (url: string, { status, headers }: Answer): MobiusError => {
  const to = typeof headers.location === 'string' ? ` to "${headers.location.slice(0, 300)}"` : '';
  const message = `"${url}" sends on${to}, and a credential must not travel there by itself`;
  return new MobiusError('service_unavailable', message, { status }, 'if that is the server, name it: --api-url URL');
};

/** The error that an answer tells, the same as it was on the server; RFC 8628 has flat ones. */
export const errorIn = (answer: Answer, { wire }: Pick<Operation, 'wire'>, url: string): MobiusError => {
  const { status, text } = answer;
  if (status >= 300 && status < 400) return sentOn(url, answer);
  const { error, error_description: description } = (parsed(text) ?? {}) as Json;
  if (typeof error === 'string' && wire === 'oauth') {
    return new MobiusError('bad_request', line(description, error.replaceAll('_', ' ')), { oauth: error });
  }
  if (!isObject(error) || typeof error.code !== 'string') return notOurs(url, status);
  const { code, message, details, hint } = error;
  return new MobiusError(
    codeOf(code, status),
    line(message, `the server answered with status ${status}`),
    isObject(details) ? details : {},
    typeof hint === 'string' ? line(hint, hint) : undefined,
  );
};

type Fields = NonNullable<Awaited<ReturnType<(typeof fieldsOf)['secrets']>>['fields'][string]>;
type Shown = NonNullable<Fields['output']>['shown'];

const isOfKind = (kind: Shown[number]['kind'], value: unknown): boolean => {
  if (kind === 'strings') return Array.isArray(value) && value.every((one) => typeof one === 'string');
  if (kind === 'object') return typeof value === 'object' && value !== null;
  return typeof value === (kind === 'integer' ? 'number' : kind === 'boolean' ? 'boolean' : 'string');
};

/** Whatever is there is of the kind that the schema says; a later server may answer more. */
export const fits = (value: unknown, shown: Shown): boolean =>
  isObject(value) && shown.every(({ name, kind }) => value[name] === undefined || isOfKind(kind, value[name]));

/** What an operation that was done answered. A server may be anything: what it says is looked at before it is used. */
export const outputOf = (
  { status, text }: Answer,
  operation: Operation,
  shape: Fields['output'],
  url: string,
): unknown => {
  if (operation.status === 204 || shape === undefined) return undefined;
  const output = parsed(text);
  if (!isObject(output)) throw notOurs(url, status);
  const all = shape.list ? output.items : [output];
  if (!Array.isArray(all) || !all.every((one) => fits(one, shape.shown))) throw notOurs(url, status);
  return output;
};
