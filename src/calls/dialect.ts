import { parseTypeId } from '../core/ids.ts';
import type { Dialect, Route } from '../dialects/dialect.ts';
import { MobiusError, notFound } from '../errors.ts';
import { fieldsOf } from '../generated/fields.ts';
import { operations } from '../generated/operations.ts';
import type { Call, CallOptions, Name, Noun, Output } from '../operations.ts';
import { version } from '../version.ts';
import { codeOfStatus, fits, isObject, line, notAnswered, parsed, sentOn } from './answers.ts';
import type { Answer } from './http.ts';
import type { Remote } from './remote.ts';
import { type Pace, withRetries } from './retries.ts';
import {
  firstRoute,
  keyIdOf,
  organizationIn,
  outsideOf,
  routesOf,
  saidOf,
  type Values,
  withKeyId,
  wordingOf,
} from './speech.ts';
import { connectionTo, isDone, isSafe, ownHeaders, type Server, withHeaders } from './wire.ts';

export interface Spoken extends Server {
  dialect: Dialect;
  /** One of the caller's organizations, where the contract has them. */
  organization?: string | undefined;
}

/** What a person may do about a refusal, where the hint of our own contract would lead nowhere. */
const hintFor = (dialect: Dialect, { open }: Route, code: string): string | undefined => {
  if (open === true) return 'see: mobius auth login --help';
  if (code === 'unauthorized')
    return 'sign in: mobius auth login; or attach another credential: --api-key, MOBIUS_API_KEY';
  const noun = routesOf(dialect, 'api-keys.list').length > 0 ? 'api-keys' : 'tokens';
  return code === 'not_found' ? `see which there are: mobius ${noun} list` : undefined;
};

const refusalIn = (dialect: Dialect, route: Route, answer: Answer, url: string): MobiusError => {
  const { status, text } = answer;
  if (status >= 300 && status < 400) return sentOn(url, answer);
  const refusal = status < 400 ? undefined : dialect.refusal(status, parsed(text));
  if (refusal === undefined) return notAnswered(url, status, dialect.title);
  const { message, details = {} } = refusal;
  const code = details.oauth === undefined ? codeOfStatus(status) : 'bad_request';
  const said = line(message, `the server answered with status ${status}`);
  return new MobiusError(code, said, details, hintFor(dialect, route, code));
};

/** The same for a request that somebody wrote themselves, of which only they know what it is. */
const plainRefusalIn = (dialect: Dialect, answer: Answer, url: string): MobiusError => {
  const { status, text } = answer;
  if (status >= 300 && status < 400) return sentOn(url, answer);
  const said = `"${url}" answered with status ${status}`;
  const { message, details = {} } = dialect.refusal(status, parsed(text)) ?? { message: said };
  return new MobiusError(codeOfStatus(status), line(message, said), details);
};

/** The answer in our words. A server may be anything: what it says is looked at before it is used. */
const outputIn = async (
  dialect: Dialect,
  route: Route,
  said: Values,
  answer: Answer,
  url: string,
): Promise<unknown> => {
  const { status, text, headers } = answer;
  const { operation: name } = route;
  const body = parsed(text);
  const not = (why?: string): MobiusError => notAnswered(url, status, dialect.title, why);
  if (body === undefined && text.trim() !== '') throw not();
  let output: unknown;
  try {
    output = route.receive(body, said as never, headers);
  } catch (error) {
    throw error instanceof MobiusError ? not(error.message) : error;
  }
  if (operations[name].status === 204) return undefined;
  const { fields } = await fieldsOf[name.slice(0, name.indexOf('.')) as Noun]();
  const shape = fields[name]?.output;
  if (!isObject(output) || shape === undefined) throw not();
  const all = shape.list ? output.items : [output];
  if (!Array.isArray(all) || !all.every((one) => fits(one, shape.shown))) throw not();
  return output;
};

const noPath = (url: string, title: string, name: Name): MobiusError =>
  new MobiusError(
    'unsupported',
    `"${url}" answered that it has no "${name.replace('.', ' ')}", which a ${title} server has`,
    { operation: name },
    'is the address right? see: mobius auth status',
  );

/** As many pages as a person could look through. */
const mostPages = 100;

/** The id of the one key that works and has this name: other systems know a key by its id alone. */
const keyNamed = async (call: Call, name: string): Promise<string> => {
  const found: string[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < mostPages; page++) {
    const { items, has_more, next_cursor: next } = await call('api-keys.list', cursor === undefined ? {} : { cursor });
    for (const key of items) {
      if (key.name === name && (key.state === undefined || key.state === 'active')) found.push(key.id);
    }
    if (!has_more || next === undefined || next === cursor) break;
    cursor = next;
  }
  const [id] = found;
  if (id === undefined) throw notFound('api key', name);
  if (found.length === 1) return id;
  throw new MobiusError(
    'conflict',
    `${found.length} active api keys are named "${name}": ${found.join(', ')}`,
    { resource: 'api key', name, ids: found },
    'name one of them by its id',
  );
};

/**
 * The operations of another system's server as a Call. What it lacks is `unsupported` before anything is sent. Only a
 * GET is ever sent again: such a server knows no second one by its key.
 */
export const openDialect = (server: Spoken, pace: Pace, newUuid: () => Uint8Array): Remote => {
  const { dialect, token } = server;
  const shown = {
    ...(token === undefined ? {} : dialect.showing(token)),
    ...organizationIn(dialect, server.organization),
  };
  const connection = connectionTo(server);
  const { url } = connection;
  // A server that keeps our contract too tells by it which one is meant.
  const agent = `mobius-${dialect.title.toLowerCase()}/${version}`;
  /** Operations whose better path this server doesn't have. */
  const older = new Set<Name>();
  let last: string | undefined;

  const ask = async (route: Route, said: Values, { signal }: CallOptions): Promise<Answer> => {
    const { method, path, body } = wordingOf(route, said, outsideOf({ now: pace.now, newUuid }));
    const headers = {
      ...ownHeaders,
      'User-Agent': agent,
      ...(route.open === true ? {} : shown),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    };
    const text = body === undefined ? undefined : JSON.stringify(body);
    const send = (): Promise<Answer> => connection.send({ method, path, headers, body: text, signal });
    const answer = await (method === 'GET' ? withRetries(send, pace, signal) : send());
    last = answer.text;
    return answer;
  };

  const withId = async (name: Name, input: Values, options: CallOptions): Promise<Values> => {
    const { id } = input;
    if (!name.startsWith('api-keys.') || typeof id !== 'string') return input;
    if (keyIdOf(id) !== undefined) return withKeyId(name, input);
    // Another thing's id has the UUID of no key.
    if (parseTypeId(id)?.prefix) throw notFound('api key', id);
    const list: Call = (operation, asked) => call(operation, asked, options);
    return { ...input, id: await keyNamed(list, id) };
  };

  const call: Call = async <K extends Name>(name: K, input: unknown, options: CallOptions = {}): Promise<Output<K>> => {
    // Everything that can be wrong with it is said before the first request, which may be one for an id.
    const first = firstRoute(dialect, name);
    wordingOf(first, saidOf(dialect, first, withKeyId(name, input as Values)), outsideOf({ now: pace.now, newUuid }));
    const whole = await withId(name, input as Values, options);
    const routes = routesOf(dialect, name).filter((one) => one.older === true || !older.has(name));
    for (const route of routes) {
      const said = saidOf(dialect, route, whole);
      const answer = await ask(route, said, options);
      const { status, text } = answer;
      if (isDone(answer)) {
        return (await outputIn(dialect, route, said, answer, url)) as Output<K>;
      }
      if (!dialect.isNoPath(status, parsed(text))) throw refusalIn(dialect, route, answer, url);
      older.add(name);
    }
    throw noPath(url, dialect.title, name);
  };
  const askPlainly: Remote['ask'] = async ({ operation: _, ...asked }) => {
    const headers = withHeaders({ ...ownHeaders, 'User-Agent': agent, ...shown }, asked.headers);
    const send = (): Promise<Answer> => connection.send({ ...asked, headers });
    const answer = await (isSafe(asked) ? withRetries(send, pace, undefined) : send());
    return isDone(answer) ? answer : { ...answer, refusal: plainRefusalIn(dialect, answer, url) };
  };
  return { call, ask: askPlainly, url, answered: () => last, close: connection.close };
};
