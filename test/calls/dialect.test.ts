import { describe, expect, test } from 'vitest';
import { openDialect } from '../../src/calls/dialect.ts';
import { type Speech, speechOf } from '../../src/calls/speech.ts';
import { type DialectName, dialectOf } from '../../src/dialects/names.ts';
import type { MobiusError } from '../../src/errors.ts';
import type { Call } from '../../src/operations.ts';
import { httpServer, type Reply, replying, type Seen } from './servers.ts';

const now = Date.parse('2026-01-01T00:00:00Z');
const newUuid = (): Uint8Array => new Uint8Array(16);

const uuid = '019b1bc8-f400-7000-8000-000000000001';
const id = 'key_01kcdwhx00e008000000000001';

interface Opened {
  call: Call;
  answered(): string | undefined;
  seen: Seen[];
  slept: number[];
  url: string;
}

interface More {
  token?: string;
  organization?: string;
}

const open = async (name: DialectName, { token = 'fake', ...more }: More, ...replies: Reply[]): Promise<Opened> => {
  const seen: Seen[] = [];
  const slept: number[] = [];
  const url = await httpServer(replying(seen, ...replies));
  const pace = { now: () => now, sleep: async (ms: number) => void slept.push(ms), random: () => 0 };
  const server = { url, token, env: {}, dialect: await dialectOf(name), ...more };
  const { call, answered } = openDialect(server, pace, newUuid);
  return { call, answered, seen, slept, url };
};

const failureOf = async (work: Promise<unknown>): Promise<MobiusError> =>
  work.then(
    () => Promise.reject(new Error('it was done')),
    (error: MobiusError) => error,
  );

const linesOf = (seen: readonly Seen[]): string[] => seen.map(({ method, url }) => `${method} ${url}`);

const mobKey = { id: uuid, apiKeySuffix: 'a1b', name: 'ci', createdAt: '2025-12-01T00:00:00.000Z', lastUsedAt: null };
const mutxKey = {
  id: uuid,
  name: 'ci',
  last_used: null,
  created_at: '2025-12-01T00:00:00Z',
  expires_at: null,
  is_active: true,
};
const mutxMade = { id: uuid, name: 'ci', key: 'mutx_live_abc', created_at: '2025-12-01T00:00:00Z', expires_at: null };
const list = (...data: object[]): Reply => ({ status: 200, json: { object: 'list', data } });
const page = (items: object[], more: object = {}): Reply => ({
  status: 200,
  json: { items, total: items.length, skip: 0, limit: 50, has_more: false, ...more },
});
const token = { id: uuid, expiresTimeString: '2026-01-01T01:00:00.000Z', requestLimit: '1000', remaining: '999' };
const noPath: Reply = { status: 404, json: { detail: 'Not Found' } };

describe('MobileNext', () => {
  test('keys are listed in our names, in the organization that was chosen', async () => {
    const { call, seen, answered } = await open('mobilenext', { organization: 'org-1' }, list(mobKey));
    expect(await call('api-keys.list', { project: 'any' })).toEqual({
      items: [{ id, name: 'ci', key_suffix: 'a1b', created_at: '2025-12-01T00:00:00Z' }],
      has_more: false,
    });
    expect(linesOf(seen)).toEqual(['GET /api/v1/keys']);
    expect(seen[0]?.headers).toMatchObject({ authorization: 'Bearer fake', 'x-organization-id': 'org-1' });
    expect(seen[0]?.headers).not.toHaveProperty('idempotency-key');
    expect(seen[0]?.headers['user-agent']).toMatch(/^mobius-mobilenext\/\d/);
    expect(JSON.parse(answered() ?? '')).toEqual({ object: 'list', data: [mobKey] });
  });

  test('a key is made without a principal, which is taken for granted', async () => {
    const made: Reply = {
      status: 201,
      json: { id: uuid, apiKey: 'mob_secret_xyz', name: 'ci', createdAt: mobKey.createdAt },
    };
    const { call, seen } = await open('mobilenext', {}, made);
    expect(await call('api-keys.create', { name: 'ci', principal_id: '@me' })).toMatchObject({
      id,
      key: 'mob_secret_xyz',
    });
    expect(seen).toMatchObject([{ method: 'POST', url: '/api/v1/keys', body: '{"name":"ci"}' }]);
    expect(seen[0]?.headers['content-type']).toBe('application/json');
  });

  test.each([id, uuid, uuid.toUpperCase()])('a key is revoked by its id, as %s', async (given) => {
    const { call, seen } = await open('mobilenext', {}, { status: 204 });
    expect(await call('api-keys.revoke', { id: given })).toBeUndefined();
    expect(linesOf(seen)).toEqual([`DELETE /api/v1/keys/${uuid}`]);
    expect(seen[0]?.headers).not.toHaveProperty('content-type');
  });

  test('and by its name, which the list is asked for first', async () => {
    const { call, seen } = await open('mobilenext', {}, list({ ...mobKey, name: 'CI' }, mobKey), { status: 204 });
    await call('api-keys.revoke', { id: 'ci' });
    expect(linesOf(seen)).toEqual(['GET /api/v1/keys', `DELETE /api/v1/keys/${uuid}`]);
  });

  test('a name that no key has', async () => {
    const { call, seen } = await open('mobilenext', {}, list(mobKey));
    expect(await failureOf(call('api-keys.revoke', { id: 'other' }))).toMatchObject({
      code: 'not_found',
      message: 'no api key "other"',
      hint: 'see which there are: mobius api-keys list',
    });
    expect(seen).toHaveLength(1);
  });

  test('a name that several keys have', async () => {
    const other = '019b1bc8-f400-7000-8000-000000000002';
    const { call, seen } = await open('mobilenext', {}, list(mobKey, { ...mobKey, id: other }));
    const error = await failureOf(call('api-keys.revoke', { id: 'ci' }));
    expect(error).toMatchObject({ code: 'conflict', details: { ids: [id, 'key_01kcdwhx00e008000000000002'] } });
    expect(error.message).toBe(`2 active api keys are named "ci": ${id}, key_01kcdwhx00e008000000000002`);
    expect(seen).toHaveLength(1);
  });

  test("another thing's id names no key", async () => {
    const { call, seen } = await open('mobilenext', {}, list(mobKey));
    const error = await failureOf(call('api-keys.revoke', { id: id.replace('key_', 'prin_') }));
    expect(error.code).toBe('not_found');
    expect(seen).toEqual([]);
  });

  test('a device login that waits is one that waits', async () => {
    const pending: Reply = { status: 400, json: { error: 'authorization_pending' } };
    const { call, seen } = await open('mobilenext', {}, pending);
    const asked = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: 'd' } as const;
    const error = await failureOf(call('auth.device-token', asked));
    expect(error.details).toEqual({ oauth: 'authorization_pending' });
    expect(seen[0]).toMatchObject({
      url: '/login/device/token',
      body: JSON.stringify({ client_id: 'mobius', device_code: 'd', grant_type: asked.grant_type }),
    });
    expect(seen[0]?.headers).not.toHaveProperty('authorization');
  });
});

describe('Mobula', () => {
  test('tokens are made in milliseconds', async () => {
    const made: Reply = { status: 200, json: { createApiTokens: [{ ...token, token: 'eyJ.a.b' }] } };
    const { call, seen } = await open('mobula', {}, made);
    expect(await call('tokens.create', { expires_in_seconds: 60, request_limit: 10 })).toEqual({
      items: [{ id: uuid, token: 'eyJ.a.b', expires_at: '2026-01-01T01:00:00Z', request_limit: 1000, remaining: 999 }],
    });
    expect(seen[0]).toMatchObject({
      method: 'POST',
      url: '/api/2/auth/tokens',
      body: '{"expiresIn":60000,"requestLimit":"10"}',
    });
    expect(seen[0]?.headers.authorization).toBe('fake');
  });

  test('tokens are listed, inspected and revoked', async () => {
    const { call, seen } = await open(
      'mobula',
      {},
      { status: 200, json: { apiTokens: [token] } },
      { status: 200, json: { apiToken: token } },
      { status: 200, json: { deleteApiToken: uuid } },
    );
    expect((await call('tokens.list', {})).items).toMatchObject([{ id: uuid, remaining: 999 }]);
    expect(await call('tokens.inspect', { token: 'eyJ.a.b' })).toMatchObject({ id: uuid, request_limit: 1000 });
    expect(await call('tokens.revoke', { id: uuid, project: 'default' })).toBeUndefined();
    expect(linesOf(seen)).toEqual([
      'GET /api/2/auth/tokens',
      'GET /api/2/auth/token?token=eyJ.a.b',
      `DELETE /api/2/auth/tokens/${uuid}`,
    ]);
  });
});

describe('MUTX', () => {
  test('a key is shown as a key, a session as a bearer', async () => {
    const key = await open('mutx', { token: 'mutx_live_abc' }, page([]));
    await key.call('api-keys.list', {});
    expect(key.seen[0]?.headers['x-api-key']).toBe('mutx_live_abc');
    expect(key.seen[0]?.headers).not.toHaveProperty('authorization');
    const session = await open('mutx', { token: 'eyJhbGciOiJub25lIn0.e30.' }, page([]));
    await session.call('api-keys.list', {});
    expect(session.seen[0]?.headers.authorization).toBe('Bearer eyJhbGciOiJub25lIn0.e30.');
  });

  test('a key ends after whole days, and nothing is asked where that can not be said', async () => {
    const { call, seen } = await open('mutx', {}, { status: 201, json: mutxMade });
    await call('api-keys.create', { name: 'ci', principal_id: '@me', expires_at: '2026-04-01T00:00:00Z' });
    expect(seen[0]).toMatchObject({ url: '/v1/api-keys', body: '{"name":"ci","expires_in_days":90}' });
    const half = { name: 'ci', principal_id: '@me', expires_at: '2026-04-01T12:00:00Z' };
    expect((await failureOf(call('api-keys.create', half))).code).toBe('unsupported');
    expect(seen).toHaveLength(1);
  });

  test('the rotated key of a name is found over all pages; one that was revoked is not it', async () => {
    const [other, revoked] = ['019b1bc8-f400-7000-8000-000000000002', '019b1bc8-f400-7000-8000-000000000003'];
    const { call, seen } = await open(
      'mutx',
      {},
      page(
        [
          { ...mutxKey, id: other, name: 'x' },
          { ...mutxKey, id: revoked, is_active: false },
        ],
        { has_more: true },
      ),
      page([mutxKey], { skip: 2 }),
      { status: 200, json: { ...mutxMade, id: other } },
    );
    expect(await call('api-keys.rotate', { id: 'ci' })).toMatchObject({ name: 'ci', key: 'mutx_live_abc' });
    expect(linesOf(seen)).toEqual(['GET /v1/api-keys', 'GET /v1/api-keys?skip=2', `POST /v1/api-keys/${uuid}/rotate`]);
    expect(seen[2]).toMatchObject({ body: '' });
  });

  test('a server of before has the paths of before, and is not asked twice which', async () => {
    const { call, seen } = await open('mutx', {}, noPath, { status: 200, json: [mutxKey] });
    expect((await call('api-keys.list', {})).items).toMatchObject([{ id, name: 'ci', state: 'active' }]);
    await call('api-keys.list', {});
    expect(linesOf(seen)).toEqual(['GET /v1/api-keys', 'GET /api-keys', 'GET /api-keys']);
  });

  test('a server that has neither', async () => {
    const { call, url } = await open('mutx', {}, noPath);
    expect(await failureOf(call('api-keys.list', {}))).toMatchObject({
      code: 'unsupported',
      message: `"${url}" answered that it has no "api-keys list", which a MUTX server has`,
    });
  });

  test('a key that is not there is no path that is not there', async () => {
    const { call, seen } = await open('mutx', {}, { status: 404, json: { detail: 'API key not found' } });
    expect(await failureOf(call('api-keys.get', { id }))).toMatchObject({
      code: 'not_found',
      message: 'API key not found',
      hint: 'see which there are: mobius api-keys list',
    });
    expect(seen).toHaveLength(1);
  });

  test('who registers is answered a key in a header', async () => {
    const json = { access_token: 'eyJ.a.b', refresh_token: 'r', token_type: 'bearer', expires_in: 900 };
    const { call, seen } = await open('mutx', {}, { status: 201, json, headers: { 'X-API-Key': 'mutx_live_abc' } });
    expect(await call('auth.register', { email: 'a@example.com', name: 'A', password: 'p' })).toMatchObject({
      access_token: 'eyJ.a.b',
      key: 'mutx_live_abc',
    });
    expect(seen[0]?.headers).not.toHaveProperty('x-api-key');
  });
});

const speech = async (name: DialectName): Promise<Speech> =>
  speechOf(await dialectOf(name), { now: () => now, newUuid });

describe('what a server lacks is said without asking it', () => {
  test.each([
    [
      'mobula',
      'principals.list',
      'a Mobula server has no "principals list"',
      'it has: tokens create, list, inspect, revoke',
    ],
    [
      'mobilenext',
      'api-keys.rotate',
      'a MobileNext server has no "api-keys rotate"',
      'it has: api-keys list, create, revoke',
    ],
    [
      'mutx',
      'tokens.list',
      'a MUTX server has no "tokens list"',
      'it has: api-keys create, rotate, revoke, list, get; auth whoami',
    ],
  ] as const)('%s: %s', async (name, operation, message, hint) => {
    expect((await speech(name)).has(operation)).toBe(false);
    const { call, seen } = await open(name, {}, { status: 200, json: {} });
    expect(await failureOf(call(operation, {} as never))).toMatchObject({ code: 'unsupported', message, hint });
    expect(seen).toEqual([]);
  });

  test.each([
    ['mobilenext', 'api-keys.create', { name: 'a', principal_id: 'worker' }, 'principal_id', 'it takes: name'],
    ['mobilenext', 'api-keys.list', { limit: 5 }, 'limit', 'it takes nothing'],
    [
      'mutx',
      'api-keys.create',
      { name: 'a', principal_id: '@me', tags: { a: 'b' } },
      'tags',
      'it takes: name, expires_at',
    ],
    [
      'mobula',
      'tokens.create',
      { permissions: ['a'] },
      'permissions',
      'it takes: expires_in_seconds, count, request_limit',
    ],
  ] as const)('%s: %s with %j', async (name, operation, input, field, hint) => {
    const { call, seen } = await open(name, {}, { status: 200, json: {} });
    const error = await failureOf(call(operation, input as never));
    expect(error).toMatchObject({ code: 'unsupported', details: { field }, hint });
    expect(error.message).toContain(`takes no "${field}"`);
    expect(seen).toEqual([]);
  });

  test('organizations', async () => {
    await expect(open('mutx', { organization: 'o' })).rejects.toMatchObject({
      code: 'unsupported',
      message: 'a MUTX server has no organizations to choose from',
    });
    await expect(open('mobilenext', { organization: 'o\r\nX: y' })).rejects.toMatchObject({ code: 'usage' });
  });
});

const bodies = {
  mobilenext: { error: { code: 'x', message: 'words of the server' } },
  mobula: { error: 'words of the server' },
  mutx: { detail: 'words of the server' },
} as const;
const probes = { mobilenext: 'api-keys.list', mobula: 'tokens.list', mutx: 'api-keys.list' } as const;

describe.each(['mobilenext', 'mobula', 'mutx'] as const)('%s', (name) => {
  test.each([
    [400, 'bad_request', 2],
    [401, 'unauthorized', 4],
    [403, 'forbidden', 4],
    [404, 'not_found', 5],
    [409, 'conflict', 6],
    [422, 'bad_request', 2],
    [429, 'rate_limit_exceeded', 7],
    [500, 'service_unavailable', 7],
    [503, 'service_unavailable', 7],
  ])('a refusal with status %i', async (status, code, exit) => {
    const { call } = await open(name, {}, { status, json: bodies[name] });
    const error = await failureOf(call(probes[name], {}));
    expect(error).toMatchObject({ code, message: 'words of the server', kind: { exit } });
  });

  test('a reading is asked again as late as the server wants, a change never', async () => {
    const busy: Reply = { status: 503, json: bodies[name], headers: { 'Retry-After': '2' } };
    const reading = await open(name, {}, busy, { status: 403, json: bodies[name] });
    expect((await failureOf(reading.call(probes[name], {}))).code).toBe('forbidden');
    expect(reading.slept).toEqual([2000]);
    const changing = await open(name, {}, busy);
    const work = name === 'mobula' ? changing.call('tokens.create', {}) : changing.call('api-keys.revoke', { id });
    expect((await failureOf(work)).code).toBe('service_unavailable');
    expect(changing.seen).toHaveLength(1);
  });

  test.each([
    ['a page', { status: 200, text: '<html>' }],
    ['nothing', { status: 200, text: '' }],
    ['null', { status: 200, text: 'null' }],
    ['a list of no objects', { status: 200, json: { data: [1], apiTokens: [1], items: [1] } }],
    ['items without ids', { status: 200, json: { data: [{}], apiTokens: [{}], items: [{}] } }],
    [
      'ids that are none',
      { status: 200, json: { data: [{ id: 7 }], apiTokens: [{ id: 7 }], items: [{ id: '../x' }] } },
    ],
    ['a refusal that is none of its', { status: 500, json: ['x'] }],
    ['a page of a proxy', { status: 404, text: '<html>' }],
  ] as [string, Reply][])('an answer that is %s is none', async (_, reply) => {
    const { call, url } = await open(name, {}, reply);
    const error = await failureOf(call(probes[name], {}));
    expect(error).toMatchObject({ code: 'service_unavailable', kind: { exit: 7 } });
    expect(error.message).toContain(`"${url}" answered with status ${reply.status}, but not as a M`);
  });

  test('nothing follows to another address', async () => {
    const { call, seen } = await open(name, {}, { status: 307, headers: { Location: 'http://127.0.0.1:1/x' } });
    const error = await failureOf(call(probes[name], {}));
    expect(error.message).toContain('sends on to "http://127.0.0.1:1/x"');
    expect(seen).toHaveLength(1);
  });
});

test.each([
  ['mobilenext', 'api-keys.create', { name: 'a', principal_id: '@me' }, { status: 201, json: { id: uuid, name: 'a' } }],
  ['mutx', 'api-keys.create', { name: 'a', principal_id: '@me' }, { status: 201, json: { ...mutxMade, key: 7 } }],
  ['mutx', 'api-keys.rotate', { id }, { status: 200, json: { ...mutxMade, name: null } }],
  ['mobula', 'tokens.create', {}, { status: 200, json: { createApiTokens: [] } }],
  ['mobula', 'tokens.create', {}, { status: 200, json: { createApiTokens: [token] } }],
  ['mobula', 'tokens.revoke', { id: uuid }, { status: 200, text: '<html>' }],
  ['mobula', 'tokens.revoke', { id: uuid }, { status: 200, json: {} }],
  ['mobilenext', 'api-keys.revoke', { id }, { status: 200, text: '<html>' }],
  ['mutx', 'auth.login', { email: 'a@example.com', password: 'p' }, { status: 200, json: { access_token: 1 } }],
  ['mobilenext', 'auth.device-code', {}, { status: 200, json: { device_code: 'd' } }],
] as const)('%s: %s is not done by an answer that lacks what it must have', async (name, operation, input, reply) => {
  const { call } = await open(name, {}, reply);
  expect((await failureOf(call(operation, input as never))).code).toBe('service_unavailable');
});

test('credentials are not sent in plain HTTP to another machine', async () => {
  const pace = { now: () => now, sleep: async () => undefined, random: () => 0 };
  const server = { url: 'http://mutx.example.com', token: 'x', env: {}, dialect: await dialectOf('mutx') };
  expect(() => openDialect(server, pace, newUuid)).toThrow('is plain HTTP to another machine');
});
