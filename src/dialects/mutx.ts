import { me } from '../core/manner.ts';
import { MobiusError } from '../errors.ts';
import type { ApiKey, ApiKeyCreated } from '../generated/types.ts';
import type { Name } from '../operations.ts';
import {
  type Answered,
  type Beside,
  bearerIn,
  type Dialect,
  type Headers,
  idOf,
  isObject,
  itemsIn,
  needed,
  noBody,
  objectIn,
  present,
  type Received,
  type Route,
  route,
  type Shown,
  session,
  textOf,
  timeOf,
  uuidOf,
} from './dialect.ts';
import { authRoutes, logoutRoutes, logouts } from './mutx-accounts.ts';
import { bodyOf, families, manner, reading, wrong } from './mutx-input.ts';

const mostKeys = 10;
const dayMs = 86_400_000;

const keyIn = ({ params }: Received): { id: string } => {
  const id = idOf('apiKey', params.key_id);
  if (id !== undefined) return { id };
  const msg = 'Input should be a valid UUID';
  throw wrong({ type: 'uuid_parsing', loc: ['path', 'key_id'], msg, input: params.key_id });
};

const itemOf = ({ id, name, last_used_at, created_at, expires_at, state }: ApiKey) => ({
  id: uuidOf(id),
  name,
  last_used: last_used_at ?? null,
  created_at,
  expires_at: expires_at ?? null,
  is_active: state === 'active' || state === 'retiring',
});

const madeOf = ({ id, name, key, created_at, expires_at }: ApiKeyCreated) => ({
  id: uuidOf(id),
  name,
  key,
  created_at,
  expires_at: expires_at ?? null,
});

const keyFrom = (item: Record<string, unknown>): Partial<ApiKey> => {
  const expires = timeOf(item.expires_at);
  return present({
    id: needed(idOf('apiKey', item.id), 'id of a key'),
    name: textOf(item.name),
    state: item.is_active === true ? ('active' as const) : item.is_active === false ? ('revoked' as const) : undefined,
    created_at: timeOf(item.created_at),
    expires_at: expires,
    last_used_at: timeOf(item.last_used),
  });
};

const madeFrom = (body: unknown): ApiKeyCreated => {
  const made = objectIn(body);
  const key = needed(textOf(made.key), 'key');
  return {
    ...keyFrom(made),
    name: needed(textOf(made.name), 'name of the key'),
    state: 'active',
    key_prefix: key.slice(0, 8),
    key_suffix: key.slice(-3),
    key,
  } as ApiKeyCreated;
};

const newestFirst = (items: readonly ApiKey[]): ApiKey[] => [...items].sort((a, b) => (a.id < b.id ? 1 : -1));

const pageOf = ({ query }: Received): { skip: number; limit: number } => {
  const read = reading('query', query);
  const page = { skip: read.whole('skip', 0, Number.MAX_SAFE_INTEGER) ?? 0, limit: read.whole('limit', 1, 100) ?? 50 };
  read.done();
  return page;
};

/** Whole days are all that can be said: what is no whole number of them from now would end at another time than asked. */
const daysUntil = (time: string, now: number): number => {
  const days = (Date.parse(time) - now) / dayMs;
  const whole = Math.round(days);
  if (Math.abs(days - whole) * dayMs <= 60_000 && whole >= 1 && whole <= 365) return whole;
  throw new MobiusError(
    'unsupported',
    'a MUTX key ends after a whole number of days, from 1 to 365',
    { field: 'expires_at' },
    'such as --expires-at 90d',
  );
};

const keyRoutes = families.flatMap(({ at, credentials }): Route[] => {
  const older = at === '' ? ({ older: true } as const) : {};
  const base = `${at}/api-keys`;
  const own = { ...manner, credentials };
  return [
    route<'api-keys.create'>({
      ...older,
      operation: 'api-keys.create',
      method: 'POST',
      path: base,
      manner: { ...own, mostKeys },
      fields: ['name', 'expires_at'],
      assumes: { principal_id: me },
      send: ({ name, expires_at }, { now }) => ({
        body: { name, ...(expires_at === undefined ? {} : { expires_in_days: daysUntil(expires_at, now) }) },
      }),
      receive: madeFrom,
      accept(received, { now }) {
        const read = reading('body', bodyOf(received));
        const [name, days] = [read.text('name', { least: 1 }), read.whole('expires_in_days', 1, 365)];
        read.done();
        const expires_at = days === undefined ? undefined : new Date(now + days * dayMs).toISOString();
        return { name, principal_id: me, ...present({ expires_at }) };
      },
      answer: (made) => ({ status: 201, body: madeOf(made) }),
    }),
    route<'api-keys.rotate'>({
      ...older,
      operation: 'api-keys.rotate',
      method: 'POST',
      path: `${base}/{key_id}/rotate`,
      manner: { ...own, sameEnd: true },
      fields: ['id'],
      send: ({ id }) => ({ params: { key_id: uuidOf(id) } }),
      receive: madeFrom,
      accept: keyIn,
      answer: (made) => ({ status: 200, body: madeOf(made) }),
    }),
    route<'api-keys.revoke'>({
      ...older,
      operation: 'api-keys.revoke',
      method: 'DELETE',
      path: `${base}/{key_id}`,
      manner: own,
      fields: ['id'],
      send: ({ id }) => ({ params: { key_id: uuidOf(id) } }),
      receive: () => ({}),
      accept: keyIn,
      answer: () => noBody,
    }),
  ];
});

const readRoutes: readonly Route[] = [
  route<'api-keys.list'>({
    operation: 'api-keys.list',
    method: 'GET',
    path: '/v1/api-keys',
    manner: { ...manner, credentials: families[0].credentials },
    fields: ['limit', 'cursor'],
    allPages: true,
    send({ limit, cursor }) {
      const most = limit === undefined ? undefined : Math.min(limit, 100);
      if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) {
        throw new MobiusError('invalid_input', '"cursor" is not one that a page ended with', { field: 'cursor' });
      }
      return { query: present({ limit: most?.toString(), skip: cursor }) };
    },
    receive(body) {
      const { items, skip, has_more } = objectIn(body);
      const keys = itemsIn(items).map(keyFrom) as ApiKey[];
      if (has_more !== true) return { items: keys, has_more: false };
      return { items: keys, has_more: true, next_cursor: String((typeof skip === 'number' ? skip : 0) + keys.length) };
    },
    accept(received) {
      pageOf(received);
      return { principal_id: me };
    },
    answer({ items }, received) {
      const { skip, limit } = pageOf(received);
      const page = newestFirst(items).slice(skip, skip + limit);
      const total = items.length;
      return {
        status: 200,
        body: { items: page.map(itemOf), total, skip, limit, has_more: skip + page.length < total },
      };
    },
  }),
  route<'api-keys.list'>({
    older: true,
    operation: 'api-keys.list',
    method: 'GET',
    path: '/api-keys',
    manner: { ...manner, credentials: session },
    fields: [],
    allPages: true,
    send: () => ({}),
    receive: (body) => ({ items: itemsIn(body).map(keyFrom) as ApiKey[], has_more: false }),
    accept: () => ({ principal_id: me, state: 'active' }),
    answer: ({ items }) => ({ status: 200, body: newestFirst(items).map(itemOf) }),
  }),
  route<'api-keys.get'>({
    operation: 'api-keys.get',
    method: 'GET',
    path: '/v1/api-keys/{key_id}',
    manner: { ...manner, credentials: families[0].credentials },
    fields: ['id'],
    send: ({ id }) => ({ params: { key_id: uuidOf(id) } }),
    receive: (body) => keyFrom(objectIn(body)),
    accept: keyIn,
    answer: (key) => ({ status: 200, body: itemOf(key) }),
  }),
];

const agents: Beside = {
  method: 'GET',
  path: '/agents',
  named: 'mutx agents',
  manner: { credentials: families[0].credentials },
  async serve({ ask }) {
    await ask('auth.whoami', {});
    return { status: 200, body: [] };
  },
};

const shownIn = (headers: Headers): Shown => {
  const bearer = bearerIn(headers);
  const { 'x-api-key': key } = headers;
  if (bearer.kind !== 'none' || key === undefined) return bearer;
  const text = String(key).trim();
  // A session is no key, wherever else it works.
  return { kind: 'credential', text: isJwt(text) ? '' : text };
};

const unauthorized = (detail: string): Answered => ({
  status: 401,
  body: { detail },
  headers: { 'WWW-Authenticate': 'Bearer' },
});

const said = (status: number, detail: unknown): Answered => ({ status, body: { detail } });

const refuse401 = (shown: Shown, operation: Name | undefined): Answered => {
  if (operation === 'auth.login') return said(401, 'Invalid email or password');
  if (operation === 'auth.refresh') return said(401, 'Invalid or expired refresh token');
  if (shown.kind === 'none') return unauthorized('Missing authorization header');
  return unauthorized(shown.kind === 'unreadable' ? 'Invalid authorization header format' : 'Invalid or expired token');
};

const refuse = (error: MobiusError, shown: Shown, operation?: Name): Answered => {
  const { code, details, kind, message } = error;
  if (code === 'unauthorized' || details.reason === 'credential') return refuse401(shown, operation);
  if (Array.isArray(details.wrong)) return said(422, details.wrong);
  if (code === 'not_found' && details.resource === 'api key') return said(404, 'API key not found');
  if (details.resource === 'project') return said(403, 'This account has no part in any project');
  if (code === 'not_found') return said(404, 'Not Found');
  if (code === 'method_not_allowed') return said(405, 'Method Not Allowed');
  if (details.reason === 'most_keys') return said(409, `Active API key limit reached (${mostKeys})`);
  if (/^key_/.test(String(details.reason))) return said(409, 'API key is already revoked and cannot be rotated');
  if (code === 'already_exists' && details.resource === 'user') return said(400, 'Email already registered');
  // How it came is no matter of what it says.
  if (code === 'bad_request' && details.reason !== undefined) return said(kind.http, message);
  if (code === 'invalid_input' || code === 'bad_request') {
    const type = code === 'bad_request' ? 'json_invalid' : 'value_error';
    const loc = code === 'bad_request' ? ['body'] : ['body', String(details.field)];
    return said(422, [{ type, loc, msg: message, input: null }]);
  }
  return said(kind.http, message);
};

const isJwt = (text: string): boolean => text.startsWith('eyJ');

export const mutx: Dialect = {
  title: 'MUTX',
  prefixes: ['/api-keys', '/v1/api-keys', '/auth/', '/agents'],
  routes: [...keyRoutes, ...readRoutes, ...authRoutes],
  beside: [...logouts, agents],
  clientRoutes: logoutRoutes,
  showing: (credential) =>
    isJwt(credential) ? { Authorization: `Bearer ${credential}` } : { 'X-API-Key': credential },
  shownIn,
  refuse,
  refusal(_, body) {
    if (!isObject(body)) return undefined;
    const { detail } = body;
    if (typeof detail === 'string') return { message: detail };
    const [first] = Array.isArray(detail) ? detail : [];
    return isObject(first) && typeof first.msg === 'string' ? { message: first.msg } : undefined;
  },
  isNoPath: (status, body) => status === 404 && isObject(body) && body.detail === 'Not Found',
  trailingSlash: 'redirect',
  probe: 'api-keys.list',
  logins: ['password', 'token'],
};
