import { holds } from '../core/carries.ts';
import { me } from '../core/manner.ts';
import { invalidField, MobiusError } from '../errors.ts';
import type { ApiKey, ApiKeyCreated } from '../generated/types.ts';
import {
  type Answered,
  type Beside,
  bearerIn,
  type Dialect,
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
  session,
  textOf,
  timeOf,
  uuidOf,
} from './dialect.ts';

/** Facts of this contract: its keys begin with `mob_`, an organization is a project of ours, and only people manage keys. */
const manner = { credentials: session, namesRepeat: true, endedIsGone: true, keyPrefix: 'mob_' } as const;

const keyFrom = (item: Record<string, unknown>): Partial<ApiKey> =>
  present({
    id: needed(idOf('apiKey', item.id), 'id of a key'),
    name: textOf(item.name),
    key_suffix: textOf(item.apiKeySuffix),
    created_at: timeOf(item.createdAt),
    last_used_at: timeOf(item.lastUsedAt),
  });

/** What is no UUID is no key's, though a key may have that name: it is asked for as one that nobody has. */
const nobodys = '00000000-0000-0000-0000-000000000000';

const keyIn = ({ params }: Received): { id: string } => ({
  id: idOf('apiKey', params.id) ?? needed(idOf('apiKey', nobodys), 'id of a key'),
});

const nameIn = ({ body }: Received): string => {
  if (!isObject(body)) throw invalidField('name', 'is required');
  const { name } = body;
  if (name === undefined || name === null) throw invalidField('name', 'is required');
  if (typeof name !== 'string') throw invalidField('name', 'must be text');
  if (name.trim() === '') throw invalidField('name', 'must not be empty');
  return name;
};

const routes: readonly Route[] = [
  route<'api-keys.list'>({
    operation: 'api-keys.list',
    method: 'GET',
    path: '/api/v1/keys',
    manner: { ...manner, anyMember: true },
    fields: [],
    allPages: true,
    send: () => ({}),
    receive: (body) => ({ items: itemsIn(objectIn(body).data).map(keyFrom) as ApiKey[], has_more: false }),
    accept: () => ({}),
    answer: ({ items }) => ({
      status: 200,
      body: {
        object: 'list',
        data: items
          .filter(({ state }) => state !== 'revoked')
          .map(({ id, key_suffix, name, created_at, last_used_at }) => ({
            id: uuidOf(id),
            apiKeySuffix: key_suffix,
            name,
            createdAt: created_at,
            lastUsedAt: last_used_at ?? null,
          })),
      },
    }),
  }),
  route<'api-keys.create'>({
    operation: 'api-keys.create',
    method: 'POST',
    path: '/api/v1/keys',
    manner,
    fields: ['name'],
    assumes: { principal_id: me },
    send: ({ name }) => ({ body: { name } }),
    receive(body, { name }) {
      const made = objectIn(body);
      const key = needed(textOf(made.apiKey), 'key');
      return { name, ...keyFrom(made), key_suffix: key.slice(-3), key_prefix: key.slice(0, 8), key } as ApiKeyCreated;
    },
    accept: (received) => ({ name: nameIn(received), principal_id: me }),
    answer: ({ id, key, name, created_at }) => ({
      status: 201,
      body: { id: uuidOf(id), apiKey: key, name, createdAt: created_at },
    }),
  }),
  route<'api-keys.revoke'>({
    operation: 'api-keys.revoke',
    method: 'DELETE',
    path: '/api/v1/keys/{id}',
    manner,
    fields: ['id'],
    send: ({ id }) => ({ params: { id: uuidOf(id) } }),
    receive: () => ({}),
    accept: keyIn,
    answer: () => noBody,
  }),
  route<'auth.device-code'>({
    operation: 'auth.device-code',
    method: 'POST',
    path: '/login/device/code',
    manner: {},
    open: true,
    fields: ['client_id', 'mobius_client'],
    send: ({ client_id, mobius_client }) => ({ body: { client_id: client_id ?? mobius_client ?? 'mobius' } }),
    receive(body) {
      const { device_code, user_code, verification_uri: uri, expires_in, interval } = objectIn(body);
      const page = needed(textOf(uri), 'page to confirm on');
      return {
        device_code: needed(textOf(device_code), 'code to ask with'),
        user_code: needed(textOf(user_code), 'code to confirm'),
        verification_uri: page,
        verification_uri_complete: page,
        ...present({ expires_in: numberOf(expires_in), interval: numberOf(interval) }),
      };
    },
    accept: ({ body }) => ({ client_id: textOf(objectOrEmpty(body).client_id) ?? 'a program without a name' }),
    answer: ({ device_code, user_code, verification_uri, expires_in, interval }) => ({
      status: 200,
      body: { device_code, user_code, verification_uri, expires_in, interval },
    }),
  }),
  route<'auth.device-token'>({
    operation: 'auth.device-token',
    method: 'POST',
    path: '/login/device/token',
    manner: { deviceSession: true },
    open: true,
    fields: ['grant_type', 'device_code', 'client_id'],
    send: ({ grant_type, device_code, client_id = 'mobius' }) => ({ body: { client_id, device_code, grant_type } }),
    receive(body) {
      const { access_token, token_type } = objectIn(body);
      const token = needed(textOf(access_token), 'access token');
      return { access_token: token, ...present({ token_type: textOf(token_type) as 'Bearer' | undefined }) };
    },
    accept({ body }) {
      const { device_code, grant_type } = objectOrEmpty(body);
      return {
        device_code: textOf(device_code) ?? '',
        grant_type: textOf(grant_type) as 'urn:ietf:params:oauth:grant-type:device_code',
      };
    },
    answer: ({ access_token, token_type }) => ({ status: 200, body: { access_token, token_type } }),
  }),
];

const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

const objectOrEmpty = (value: unknown): Record<string, unknown> => (isObject(value) ? value : {});

/** Their three roles, by what ours may do with keys. */
const roleOf = (permissions: readonly string[]): string => {
  if (holds(permissions, 'mobius.access.manage')) return 'admin';
  return holds(permissions, 'mobius.keys.issue') ? 'readwrite' : 'readonly';
};

const beside: readonly Beside[] = [
  {
    method: 'GET',
    path: '/api/v1/organizations',
    named: 'mobilenext organizations',
    manner: { credentials: session },
    async serve({ ask }) {
      const { items } = await ask('projects.list', {});
      const data = [];
      for (const { id, name, handle, created_at } of items) {
        const { permissions } = await ask('auth.whoami', {}, { organization: handle });
        data.push({ id: uuidOf(id), name, type: 'team', role: roleOf(permissions), createdAt: created_at });
      }
      return { status: 200, body: { object: 'list', data } };
    },
  },
  {
    method: 'GET',
    path: '/api/v1/members',
    named: 'mobilenext members',
    manner: { credentials: session, anyMember: true },
    async serve({ ask }) {
      const { items } = await ask('principals.list', { kind: 'user' });
      const data = items.map(({ id, name, user_id, created_at }) => ({
        id: uuidOf(user_id ?? id),
        email: name,
        createdAt: created_at,
      }));
      return { status: 200, body: { object: 'list', data } };
    },
  },
  {
    method: 'POST',
    path: '/api/v1/sessions',
    named: 'mobilenext session',
    // Whoever comes with something else is told that it is no key of theirs.
    manner: { credentials: ['api-key', 'session', 'cli', 'token'] },
    async serve({ ask, shown, outside }) {
      if (shown.kind === 'credential' && !shown.text.startsWith(manner.keyPrefix)) {
        throw new MobiusError('unauthorized', 'this takes an API key');
      }
      await ask('auth.whoami', {});
      return { status: 201, body: { id: outside.newUuid() } };
    },
  },
];

const oauth = (error: MobiusError): Answered | undefined =>
  typeof error.details.oauth === 'string' ? { status: 400, body: { error: error.details.oauth } } : undefined;

/** An organization that one has no part in is forbidden, not unknown; a kind of credential is wrong only for keys. */
const statusAndCode = ({ code, kind, details }: MobiusError): [number, string] => {
  if (code === 'not_found' && details.resource === 'project') return [403, 'forbidden'];
  if (code === 'permission_denied') return [403, 'forbidden'];
  if (code === 'invalid_input') return [400, 'bad_request'];
  return [kind.http, code];
};

export const mobilenext: Dialect = {
  title: 'MobileNext',
  prefixes: ['/api/v1/', '/login/device/'],
  routes,
  beside,
  organizationHeader: 'X-Organization-Id',
  showing: (credential) => ({ Authorization: `Bearer ${credential}` }),
  shownIn: bearerIn,
  refuse(error) {
    const [status, code] = statusAndCode(error);
    return oauth(error) ?? { status, body: { error: { code, message: error.message } } };
  },
  refusal(_, body) {
    const { error } = objectOrEmpty(body);
    if (typeof error === 'string') return { message: error.replaceAll('_', ' '), details: { oauth: error } };
    return isObject(error) && typeof error.message === 'string' ? { message: error.message } : undefined;
  },
  isNoPath: () => false,
  trailingSlash: 'same',
  probe: 'api-keys.list',
  logins: ['browser', 'token'],
};
