import { describe, expect, test } from 'vitest';
import { openRemote } from '../../src/calls/remote.ts';
import type { Server } from '../../src/calls/wire.ts';
import type { MobiusError } from '../../src/errors.ts';
import type { Call } from '../../src/operations.ts';
import { freePort, httpServer, type Reply, replying, type Seen, tcpServer } from './servers.ts';

const now = Date.parse('2026-01-01T00:00:00Z');

interface World {
  call: Call;
  seen: Seen[];
  slept: number[];
  url: string;
}

const openAt = (url: string, more: Partial<Server> = {}): { call: Call; slept: number[] } => {
  const slept: number[] = [];
  const pace = { now: () => now, sleep: async (ms: number) => void slept.push(ms), random: () => 0 };
  return { call: openRemote({ url, token: 'mbx_fake', env: {}, ...more }, pace).call, slept };
};

const open = async (...replies: Reply[]): Promise<World> => {
  const seen: Seen[] = [];
  const url = await httpServer(replying(seen, ...replies));
  return { ...openAt(url), seen, url };
};

const failureOf = async (work: Promise<unknown>): Promise<MobiusError> =>
  work.then(
    () => Promise.reject(new Error('it was done')),
    (error: MobiusError) => error,
  );

const done: Reply = { status: 200, json: { items: [] } };
const error = (status: number, code: string, more: object = {}): Reply => ({
  status,
  json: { error: { code, message: 'words of the server', ...more } },
});

describe('an operation as a request', () => {
  test('the rest of the input of a GET is its query', async () => {
    const { call, seen } = await open({ status: 200, json: { items: [] } });
    await call('principals.list', { project: 'acme', include_disabled: true, tag: ['a:1', 'b:*'], limit: 5 });
    const [asked] = seen;
    const { pathname, searchParams } = new URL(asked?.url ?? '', 'http://x');
    expect({ method: asked?.method, pathname, body: asked?.body }).toEqual({
      method: 'GET',
      pathname: '/v1/projects/acme/principals',
      body: '',
    });
    expect([...searchParams].sort()).toEqual([
      ['include_disabled', 'true'],
      ['limit', '5'],
      ['tag', 'a:1'],
      ['tag', 'b:*'],
    ]);
    expect(asked?.headers).toMatchObject({ authorization: 'Bearer mbx_fake', accept: 'application/json' });
    expect(asked?.headers['user-agent']).toMatch(/^mobius\/\d/);
    expect(asked?.headers).not.toHaveProperty('idempotency-key');
  });

  test('of a POST its body, without what stands in the path or in a header', async () => {
    const { call, seen } = await open(done);
    await call('secrets.update', { secret: 'db/prod', values: { a: 'one' }, if_version: 3 });
    expect(seen).toMatchObject([
      { method: 'PATCH', url: '/v1/projects/default/secrets/db%2Fprod', headers: { 'if-match': '3' } },
    ]);
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ values: { a: 'one' } });
  });

  test('no name climbs in the path', async () => {
    const { call, seen } = await open(done);
    await call('secrets.get', { secret: '..' });
    expect(seen[0]?.url).toBe('/v1/projects/default/secrets/%2E%2E');
  });

  test('a device login is a form, without a credential', async () => {
    const { call, seen } = await open(done);
    await call('auth.device-code', { mobius_label: 'a b&c', mobius_client: 'mobius' });
    expect(seen).toMatchObject([
      {
        body: 'mobius_label=a+b%26c&mobius_client=mobius',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      },
    ]);
    expect(seen[0]?.headers).not.toHaveProperty('authorization');
    expect(seen[0]?.headers).not.toHaveProperty('idempotency-key');
  });

  test('an answer without a body is none', async () => {
    const { call } = await open({ status: 204 });
    expect(await call('api-keys.revoke', { id: 'ci' })).toBeUndefined();
  });

  test('a change carries a key of its own, or the one that is given', async () => {
    const { call, seen } = await open(done);
    await call('projects.create', { name: 'a' });
    await call('projects.create', { name: 'a' });
    await call('projects.create', { name: 'a' }, { idempotencyKey: 'mine' });
    await call('api-keys.verify', { key: 'mbx_fake' });
    const [one, two, mine, none] = seen.map(({ headers }) => headers['idempotency-key']);
    expect(one).toMatch(/^[\w-]{24}$/);
    expect(two).not.toBe(one);
    expect({ mine, none }).toEqual({ mine: 'mine', none: undefined });
  });

  test('plain http to another machine is refused before anything is sent', async () => {
    expect(() => openAt('http://mobius.example.com')).toThrow('plain HTTP to another machine');
    expect(() => openAt('http://mobius.example.com', { env: { MOBIUS_ALLOW_HTTP: '1' } })).not.toThrow();
    expect(() => openAt('https://mobius.example.com')).not.toThrow();
  });
});

describe('an error', () => {
  test('is the same here as there', async () => {
    const details = { permission: 'mobius.access.manage', roles: ['Admin'] };
    const { call } = await open(error(403, 'permission_denied', { details }));
    const found = await failureOf(call('roles.list', {}));
    expect(found).toMatchObject({ code: 'permission_denied', message: 'words of the server', details });
    expect(found.hint).toContain('roles that carry it: Admin');
  });

  test.each([
    [409, 'some_new_code', 'conflict'],
    [418, 'teapot', 'bad_request'],
    [500, 'oops', 'service_unavailable'],
    [404, 'command_not_found', 'not_found'],
  ])('with status %s and the unknown code %s is %s', async (status, said, code) => {
    const { call } = await open(error(status, said));
    expect(await failureOf(call('roles.list', {}))).toMatchObject({ code, message: 'words of the server' });
  });

  test('of a form is flat', async () => {
    const { call } = await open({ status: 400, json: { error: 'authorization_pending' } });
    const asked = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: 'fake' } as const;
    expect(await failureOf(call('auth.device-token', asked))).toMatchObject({
      code: 'bad_request',
      details: { oauth: 'authorization_pending' },
    });
  });

  test.each([
    [404, '<html>not here</html>', 'service_unavailable'],
    [401, 'who are you', 'unauthorized'],
    [200, '<html>welcome</html>', 'service_unavailable'],
    [200, '[]', 'service_unavailable'],
  ])('of something else that answers %s says so', async (status, text, code) => {
    const { call, url } = await open({ status, text });
    const found = await failureOf(call('roles.list', {}));
    expect(found).toMatchObject({
      code,
      message: `"${url}" answered with status ${status}, but not as a mobius server does`,
    });
  });

  test('a credential does not travel to where an answer points', async () => {
    const { seen, call, url } = await open({ status: 307, headers: { Location: 'https://elsewhere.example.com/' } });
    const found = await failureOf(call('roles.list', {}));
    expect(found.message).toBe(
      `"${url}" sends on to "https://elsewhere.example.com/", and a credential must not travel there by itself`,
    );
    expect(seen).toHaveLength(1);
  });
});

describe('another try', () => {
  const busy = (status: number, headers?: Record<string, string>): Reply => ({
    ...error(status, status === 429 ? 'rate_limit_exceeded' : 'service_unavailable'),
    ...(headers === undefined ? {} : { headers }),
  });

  test('is made for what was too busy, with a longer pause each time', async () => {
    const { call, seen, slept } = await open(busy(503), busy(429), busy(503), { status: 200, json: { items: [] } });
    expect(await call('roles.list', {})).toEqual({ items: [] });
    expect(seen).toHaveLength(4);
    expect(slept).toEqual([125, 250, 500]);
  });

  test('is made three times at most, then the error is that of the server', async () => {
    const { call, seen } = await open(busy(503));
    expect(await failureOf(call('roles.list', {}))).toMatchObject({ message: 'words of the server' });
    expect(seen).toHaveLength(4);
  });

  test('waits as long as the server says, up to half a minute', async () => {
    const { call, slept } = await open(
      busy(429, { 'Retry-After': '7' }),
      busy(429, { 'Retry-After': new Date(now + 9000).toUTCString() }),
      done,
    );
    await call('roles.list', {});
    expect(slept).toEqual([7000, 9000]);
    const patient = await open(busy(429, { 'Retry-After': '31' }));
    expect(await failureOf(patient.call('roles.list', {}))).toMatchObject({ code: 'rate_limit_exceeded' });
    expect(patient.seen).toHaveLength(1);
  });

  test('of a change is the same request with the same key', async () => {
    const { call, seen } = await open(busy(503), done);
    await call('projects.create', { name: 'a' });
    const [first, second] = seen;
    expect(first?.headers['idempotency-key']).toBeDefined();
    expect(second).toMatchObject({
      body: first?.body,
      headers: { 'idempotency-key': first?.headers['idempotency-key'] },
    });
  });

  test('is not made of a login, nor of what is simply wrong', async () => {
    const login = await open(busy(503), done);
    await failureOf(login.call('auth.login', { email: 'ada@example.com', password: 'fake' }));
    const refresh = await open(busy(503), done);
    await failureOf(refresh.call('auth.refresh', { refresh_token: 'fake' }));
    const wrong = await open(error(500, 'internal'), done);
    await failureOf(wrong.call('roles.list', {}));
    expect([login.seen.length, refresh.seen.length, wrong.seen.length]).toEqual([1, 1, 1]);
  });

  test('is made where the connection broke or nothing listens', async () => {
    let taken = 0;
    const port = await tcpServer((socket) => {
      taken++;
      socket.once('data', () => socket.destroy());
    });
    await failureOf(openAt(`http://127.0.0.1:${port}`).call('projects.create', { name: 'a' }));
    expect(taken).toBe(4);
    const gone = openAt(`http://127.0.0.1:${await freePort()}`);
    expect(await failureOf(gone.call('roles.list', {}))).toMatchObject({ details: { reason: 'refused' } });
    expect(gone.slept).toHaveLength(3);
  });
});
