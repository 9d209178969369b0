import { me } from '../core/manner.ts';
import { invalidField, MobiusError } from '../errors.ts';
import type { Token, TokenCreated } from '../generated/types.ts';
import {
  type Beside,
  bearerIn,
  type Dialect,
  type Headers,
  isObject,
  itemsIn,
  needed,
  objectIn,
  present,
  type Route,
  route,
  type Shown,
  textOf,
  timeOf,
} from './dialect.ts';

/** Facts of this contract: a static key makes tokens, counts of milliseconds, and limits as texts. */
const manner = { credentials: ['api-key'], ownOnly: true, endedIsGone: true } as const;

const mintsPerMinute = 5;

const tokenFrom = (item: Record<string, unknown>): Partial<Token> =>
  present({
    id: needed(textOf(item.id), 'id of a token'),
    expires_at: timeOf(item.expiresTimeString),
    request_limit: countOf(item.requestLimit),
    remaining: countOf(item.remaining),
  });

const countOf = (value: unknown): number | undefined => {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined;
};

/** With milliseconds, also where there are none. */
const itemOf = ({ id, expires_at, request_limit, remaining }: Token) => ({
  id,
  expiresTimeString: new Date(expires_at).toISOString(),
  requestLimit: String(request_limit),
  remaining: String(remaining),
});

const whole = (body: Record<string, unknown>, name: string, least: number, most: number): number | undefined => {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value)) throw invalidField(name, 'must be a whole number');
  if (value < least || value > most) throw invalidField(name, `must be from ${least} to ${most}`);
  return value;
};

/** A text in their documents, a number in their clients. */
const limitIn = (body: Record<string, unknown>): number | undefined => {
  const { requestLimit: value } = body;
  if (value === undefined || value === null) return undefined;
  const limit = countOf(value);
  if (limit === undefined) throw invalidField('requestLimit', 'must be a positive whole number');
  if (limit < 1 || limit > 1_000_000) throw invalidField('requestLimit', 'must be from 1 to 1000000');
  return limit;
};

const routes: readonly Route[] = [
  route<'tokens.create'>({
    operation: 'tokens.create',
    method: 'POST',
    path: '/api/2/auth/tokens',
    manner: { ...manner, mintsPerMinute },
    fields: ['expires_in_seconds', 'count', 'request_limit'],
    // At least one must be there: the one that is taken when none is.
    send: ({ expires_in_seconds: seconds, count, request_limit: limit }) => {
      const body = present({
        expiresIn: seconds === undefined ? undefined : seconds * 1000,
        count,
        requestLimit: limit === undefined ? undefined : String(limit),
      });
      return { body: Object.keys(body).length === 0 ? { count: 1 } : body };
    },
    receive(body) {
      const items = itemsIn(objectIn(body).createApiTokens).map((item) => ({
        ...tokenFrom(item),
        token: needed(textOf(item.token), 'token'),
      }));
      return { items: needed(items.length === 0 ? undefined : items, 'token') as TokenCreated[] };
    },
    accept({ body }) {
      if (!isObject(body)) throw new MobiusError('bad_request', 'the body must be an object');
      const milliseconds = whole(body, 'expiresIn', 60_000, 86_400_000);
      const input = present({
        expires_in_seconds: milliseconds === undefined ? undefined : Math.floor(milliseconds / 1000),
        count: whole(body, 'count', 1, 25),
        request_limit: limitIn(body),
      });
      if (Object.keys(input).length > 0) return input;
      throw new MobiusError('bad_request', 'at least one of expiresIn, count and requestLimit must be given');
    },
    answer: ({ items }) => ({
      status: 200,
      body: {
        createApiTokens: items.map((item) => {
          const { id, ...rest } = itemOf(item);
          return { id, token: item.token, ...rest };
        }),
      },
    }),
  }),
  route<'tokens.list'>({
    operation: 'tokens.list',
    method: 'GET',
    path: '/api/2/auth/tokens',
    manner,
    fields: [],
    allPages: true,
    send: () => ({}),
    receive: (body) => ({ items: itemsIn(objectIn(body).apiTokens).map(tokenFrom) as Token[], has_more: false }),
    accept: () => ({ key_id: me }),
    answer: ({ items }) => ({ status: 200, body: { apiTokens: items.map(itemOf) } }),
  }),
  route<'tokens.inspect'>({
    operation: 'tokens.inspect',
    method: 'GET',
    path: '/api/2/auth/token',
    manner,
    fields: ['token'],
    send: ({ token }) => ({ query: { token } }),
    receive: (body) => tokenFrom(objectIn(objectIn(body).apiToken)),
    accept({ query }) {
      if (!query.token) throw invalidField('token', 'is required');
      return { token: query.token };
    },
    answer: (token) => ({ status: 200, body: { apiToken: itemOf(token) } }),
  }),
  route<'tokens.revoke'>({
    operation: 'tokens.revoke',
    method: 'DELETE',
    path: '/api/2/auth/tokens/{id}',
    manner,
    fields: ['id'],
    send: ({ id }) => ({ params: { id } }),
    receive(body) {
      needed(textOf(objectIn(body).deleteApiToken), 'id of the token that was deleted');
      return {};
    },
    accept: ({ params }) => ({ id: String(params.id).toLowerCase() }),
    answer: (_, { params }) => ({ status: 200, body: { deleteApiToken: String(params.id).toLowerCase() } }),
  }),
];

const beside: readonly Beside[] = [
  {
    method: 'GET',
    path: '/api/2/*',
    named: 'mobula anything',
    manner: { credentials: ['api-key', 'token'] },
    async serve({ ask }) {
      await ask('auth.whoami', {});
      return { status: 200, body: {} };
    },
  },
];

const isJwt = (text: string): boolean => /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/.test(text);

/** A key goes in either header, with or without the word Bearer; a token as a bearer alone. */
const shownIn = (headers: Headers): Shown => {
  const { authorization, 'x-api-key': key } = headers;
  if (authorization === undefined) {
    if (key === undefined) return { kind: 'none' };
    const text = String(key).trim();
    return text === '' || /\s/.test(text) || isJwt(text) ? { kind: 'unreadable' } : { kind: 'credential', text };
  }
  const bearer = bearerIn(headers);
  if (bearer.kind === 'credential') return bearer;
  const text = String(authorization).trim();
  return text === '' || /\s/.test(text) || isJwt(text) ? { kind: 'unreadable' } : { kind: 'credential', text };
};

const statusOf = ({ code, kind }: MobiusError): number => (code === 'method_not_allowed' ? 404 : kind.http);

export const mobula: Dialect = {
  title: 'Mobula',
  prefixes: ['/api/2/'],
  routes,
  beside,
  showing: (credential) => ({ Authorization: isJwt(credential) ? `Bearer ${credential}` : credential }),
  shownIn,
  refuse: (error) => ({ status: statusOf(error), body: { error: error.message } }),
  refusal: (_, body) =>
    isObject(body) && typeof body.error === 'string'
      ? { message: body.error }
      : isObject(body) && typeof body.message === 'string'
        ? { message: body.message }
        : undefined,
  isNoPath: () => false,
  trailingSlash: 'same',
  probe: 'tokens.list',
  logins: ['token'],
};
