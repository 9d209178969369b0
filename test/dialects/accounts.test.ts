import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { minute } from '../core/world.ts';
import { type Asked, createHttpWorld, exchange, json, sending } from '../http/world.ts';
import { engines } from '../store/postgres-shared.ts';
import { type Account, register } from './accounts.ts';
import { bearer, createDialectWorld, type DialectWorld, password, says, told, uuid, uuids } from './world.ts';

const refused = (status: number, detail: unknown) => says(status, { detail });
const field = (name: string, type: string, msg: string, input: unknown) => ({ type, loc: ['body', name], msg, input });
const hidden = '**********';

const pair = {
  access_token: expect.stringMatching(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/),
  refresh_token: expect.stringMatching(/^mbr_\w{49}$/),
  token_type: 'bearer',
  expires_in: 900,
};
const native = { ...pair, token_type: 'Bearer', credential_id: expect.stringMatching(/^cred_/) };
const ourClient = { 'User-Agent': 'mobius/1.0.0 linux' };

describe.each(engines())('accounts over %s', (_, place) => {
  let world: DialectWorld;
  let ada: Account;
  beforeAll(async () => {
    world = await createDialectWorld(await place());
    ada = await register(world, 'ada');
  });
  afterAll(() => world.close());

  const post = (path: string, body: unknown, more: Asked = {}) =>
    world.ask('POST', path, { ...more, headers: { ...json, ...more.headers }, body: JSON.stringify(body) });

  describe.each(['', '/v1'])('under "%s/auth"', (at) => {
    const signIn = async (): Promise<Account> => {
      const { body } = await post(`${at}/auth/login`, { email: ada.email, password });
      return body as Account;
    };

    test('whoever asks gets an account, and its key once', async () => {
      const email = `grace${at.length}@accounts.test`;
      const answered = await post(`${at}/auth/register`, { email, name: 'Grace', password, newsletter: true });
      expect(told(answered)).toEqual(says(201, pair));
      expect(answered.headers['x-api-key']).toMatch(/^mutx_live_[0-9A-Za-z_-]{43}$/);
      const { access_token: key } = answered.body as Account;
      const me = await world.ask('GET', `${at}/auth/me`, { key });
      const id = expect.stringMatching(uuids);
      const created_at = new Date(world.vault.clock.now).toISOString();
      expect(told(me)).toEqual(says(200, { id, email, name: 'Grace', created_at, is_active: true }));
      const again = await post(`${at}/auth/register`, { email: email.toUpperCase(), name: 'Other', password });
      expect(told(again)).toEqual(refused(400, 'Email already registered'));
    });

    test.each<[string, object, object[]]>([
      ['nothing', {}, ['email', 'name', 'password'].map((name) => field(name, 'missing', 'Field required', {}))],
      [
        'no address',
        { name: 'x', password },
        [field('email', 'missing', 'Field required', { name: 'x', password: hidden })],
      ],
      [
        'what is no address',
        { email: 'ada', name: 'x', password },
        [field('email', 'value_error', 'value is not a valid email address', 'ada')],
      ],
      [
        'an empty name',
        { email: 'x@accounts.test', name: '', password },
        [field('name', 'string_too_short', 'String should have at least 1 character', '')],
      ],
      [
        'a password that is a number',
        { email: 'x@accounts.test', name: 'x', password: 1234567890 },
        [field('password', 'string_type', 'Input should be a valid string', hidden)],
      ],
      [
        'a password that is too short',
        { email: 'x@accounts.test', name: 'x', password: 'short' },
        [field('password', 'value_error', '"password" must be at least 10 characters', null)],
      ],
    ])('an account is not made of %s', async (_, body, detail) => {
      const answered = await post(`${at}/auth/register`, body);
      expect(told(answered)).toEqual(refused(422, detail));
      expect(answered.text).not.toContain(password);
    });

    test('one signs in, and is refused in the same words whatever is wrong', async () => {
      const answered = await post(`${at}/auth/login`, { email: ada.email.toUpperCase(), password });
      expect(told(answered)).toEqual(says(200, pair));
      const wrong = refused(401, 'Invalid email or password');
      for (const body of [
        { email: ada.email, password: 'a wrong password' },
        { email: 'nobody@accounts.test', password },
      ]) {
        expect(told(await post(`${at}/auth/login`, body))).toEqual(wrong);
      }
      expect(told(await post(`${at}/auth/login`, { email: ada.email }))).toEqual(
        refused(422, [field('password', 'missing', 'Field required', { email: ada.email })]),
      );
      expect(told(await post(`${at}/auth/login`, { password }))).toEqual(
        refused(422, [field('email', 'missing', 'Field required', { password: hidden })]),
      );
    });

    test('a refresh token is exchanged once', async () => {
      const { refresh_token } = await signIn();
      const next = await post(`${at}/auth/refresh`, { refresh_token });
      expect(told(next)).toEqual(says(200, pair));
      const over = refused(401, 'Invalid or expired refresh token');
      expect(told(await post(`${at}/auth/refresh`, { refresh_token }))).toEqual(over);
      // Who has it a second time may have stolen it: so all of the session ends.
      const { access_token, refresh_token: second } = next.body as Account;
      expect(told(await post(`${at}/auth/refresh`, { refresh_token: second }))).toEqual(over);
      expect((await world.ask('GET', `${at}/auth/me`, { key: access_token })).status).toBe(401);
      for (const other of ['', 'x', ada.key, ada.access_token]) {
        const answered = await post(`${at}/auth/refresh`, { refresh_token: other });
        expect([401, 422]).toContain(answered.status);
        if (other !== '') expect(answered.text).not.toContain(other === 'x' ? '"x"' : other);
      }
      expect(told(await post(`${at}/auth/refresh`, {}))).toEqual(
        refused(422, [field('refresh_token', 'missing', 'Field required', {})]),
      );
      expect(told(await post(`${at}/auth/refresh`, { refresh_token: 5 }))).toEqual(
        refused(422, [field('refresh_token', 'string_type', 'Input should be a valid string', hidden)]),
      );
    });

    test('logging out ends the session at once, by either of its tokens', async () => {
      const done = says(200, { message: 'Successfully logged out' });
      const one = await signIn();
      expect(told(await world.ask('POST', `${at}/auth/logout`, { key: one.access_token }))).toEqual(done);
      expect((await world.ask('GET', '/agents', { key: one.access_token })).status).toBe(401);
      expect((await post(`${at}/auth/refresh`, { refresh_token: one.refresh_token })).status).toBe(401);
      const other = await signIn();
      const { refresh_token } = other;
      expect(told(await post(`${at}/auth/logout`, { refresh_token }))).toEqual(done);
      expect((await world.ask('GET', '/agents', { key: other.access_token })).status).toBe(401);
      expect((await post(`${at}/auth/logout`, { refresh_token })).status).toBe(401);
      const late = await signIn();
      world.vault.clock.now += 15 * minute;
      const body = JSON.stringify({ refresh_token: late.refresh_token });
      const over = { key: late.access_token, headers: json };
      expect((await world.ask('POST', `${at}/auth/logout`, { ...over, body: '{}' })).status).toBe(401);
      expect(told(await world.ask('POST', `${at}/auth/logout`, { ...over, body }))).toEqual(done);
      expect((await post(`${at}/auth/refresh`, { refresh_token: late.refresh_token })).status).toBe(401);
      await world.renew();
      ada = { ...ada, ...(await signIn()) };
      expect(told(await post(`${at}/auth/logout`, {}))).toEqual(refused(401, 'Missing authorization header'));
    });

    test('who tries many passwords waits, and is told for how long', async () => {
      const tried = { email: `guessed${at.length}@accounts.test`, password: 'a wrong password' };
      let last = await post(`${at}/auth/login`, tried);
      for (let n = 0; n < 12 && last.status === 401; n++) last = await post(`${at}/auth/login`, tried);
      expect(told(last)).toEqual({ ...refused(429, expect.any(String)), retryAfter: expect.stringMatching(/^\d+$/) });
      world.vault.clock.now += 60 * minute;
      await world.renew();
      ada = { ...ada, ...(await signIn()) };
    });
  });

  describe('where both have a path', () => {
    const ours: Asked = { headers: ourClient };
    const others = [{}, { 'User-Agent': 'curl/8' }, { 'User-Agent': 'not mobius/1' }, { 'User-Agent': 'Mobius/1' }];
    const login = () => ({ email: ada.email, password });

    test('our own command line gets our own answers', async () => {
      const made = await post('/v1/auth/login', login(), ours);
      expect(told(made)).toEqual(says(200, native));
      const { refresh_token } = made.body as Account;
      const next = await post('/v1/auth/refresh', { refresh_token }, ours);
      expect(told(next)).toEqual(says(200, native));
      const { access_token: key } = next.body as Account;
      expect(told(await world.ask('POST', '/v1/auth/logout', { key, headers: ourClient }))).toEqual(says(204));
      const again = await post('/v1/auth/refresh', { refresh_token }, ours);
      expect(again.body).toEqual({ error: expect.objectContaining({ code: 'unauthorized' }) });
      const registered = await post('/v1/auth/register', { email: 'ours@accounts.test', name: 'x', password }, ours);
      expect(told(registered)).toEqual(
        says(201, {
          ...native,
          key: expect.stringMatching(/^mutx_live_|^mbx_/),
          project: expect.stringMatching(/^account-/),
        }),
      );
      expect(registered.headers['x-api-key']).toBeUndefined();
    });

    test.each(others)('whoever else asks gets those of MUTX: %o', async (headers) => {
      const made = await post('/v1/auth/login', login(), { headers });
      expect(told(made)).toEqual(says(200, pair));
      const { access_token: key } = made.body as Account;
      expect((await post('/v1/auth/refresh', { refresh_token: 'x' }, { headers })).body).toEqual({
        detail: 'Invalid or expired refresh token',
      });
      expect((await world.ask('POST', '/v1/auth/logout', { key, headers })).status).toBe(200);
    });
  });

  describe('an account that was made by whoever asked', () => {
    const asked = (): Asked => ({ key: ada.access_token });

    test('has a key of its own that nobody lists, rotates or revokes', async () => {
      const shown = { headers: { 'X-API-Key': ada.key } };
      expect(told(await world.ask('GET', '/agents', shown))).toEqual(says(200, []));
      const whoami = await world.ask('GET', '/v1/auth/whoami', { key: ada.key });
      const { key_id = '' } = whoami.body as { key_id?: string };
      expect(told(await world.ask('GET', '/api-keys', asked()))).toEqual(says(200, []));
      const { body } = await world.ask('GET', '/v1/api-keys', shown);
      expect(body).toEqual({ items: [], total: 0, skip: 0, limit: 50, has_more: false });
      const at = `api-keys/${uuid(key_id)}`;
      for (const [method, path] of [
        ['POST', `/${at}/rotate`],
        ['POST', `/v1/${at}/rotate`],
        ['DELETE', `/${at}`],
        ['DELETE', `/v1/${at}`],
        ['GET', `/v1/${at}`],
      ] as const) {
        expect(told(await world.ask(method, path, asked())), path).toEqual(refused(404, 'API key not found'));
      }
      expect((await world.ask('GET', '/agents', shown)).status).toBe(200);
    });

    test('reaches nothing of anybody else', async () => {
      const at = '/v1/projects/default';
      // A session has no part there, and a key is none but in its own project.
      for (const [key, status] of [
        [ada.access_token, 404],
        [ada.key, 401],
      ] as const) {
        expect((await world.ask('GET', at, { key })).status).toBe(404);
        for (const of of ['/secrets', '/principals', '/api-keys', '/tokens', '/permissions', '/audit-logs']) {
          expect((await world.ask('GET', `${at}${of}`, { key })).status, of).toBe(status);
        }
        const made = await post(`${at}/secrets`, { name: 'x', values: { k: 'v' } }, { key });
        expect(made.status).toBe(status);
        expect((await world.ask('GET', '/v1/projects/elsewhere/api-keys', { key })).status).toBe(status);
        for (const path of ['/v1/users', '/v1/audit-logs', '/v1/audit-logs/verification']) {
          expect((await world.ask('GET', path, { key })).status, path).toBe(403);
        }
      }
      const projects = await world.ask('GET', '/v1/projects', asked());
      expect((projects.body as { items: { handle: string }[] }).items.map(({ handle }) => handle)).toEqual([
        expect.stringMatching(/^account-[0-9a-f]{32}$/),
      ]);
      const organization = { ...asked(), headers: { 'X-Organization-Id': 'default' } };
      expect((await world.ask('GET', '/api/v1/keys', organization)).status).toBe(403);
      const members = await world.ask('GET', '/api/v1/members', asked());
      expect((members.body as { data: { email: string }[] }).data.map(({ email }) => email)).toEqual([ada.email]);
    });

    test('and another know nothing of each other', async () => {
      const bob = await register(world, 'bob');
      const made = await post('/api-keys', { name: 'of ada' }, asked());
      const { id } = made.body as { id: string };
      const theirs = { key: bob.access_token };
      expect((await world.ask('GET', '/api-keys', theirs)).body).toEqual([]);
      for (const method of ['GET', 'DELETE']) {
        expect((await world.ask(method, `/v1/api-keys/${id}`, theirs)).status).toBe(404);
      }
      expect((await world.ask('GET', '/api/v1/keys', theirs)).text).not.toContain(id);
    });

    test('of two who ask for one address at once one gets it', async () => {
      const body = { email: 'twins@accounts.test', name: 'x', password };
      const answers = await Promise.all([post('/auth/register', body), post('/v1/auth/register', body)]);
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 400]);
    });
  });
});

const closed = 'this server makes no accounts for who asks';

test('nobody makes themselves an account where the server was not told that they may', async () => {
  const world = await createHttpWorld({ dialects: ['mutx'] });
  const ask = (path: string, headers = {}) =>
    exchange({ port: world.port }, 'POST', path, {
      headers: { ...json, ...headers },
      body: JSON.stringify({ email: 'x@accounts.test', name: 'x', password }),
    });
  for (const path of ['/auth/register', '/v1/auth/register']) {
    expect(told(await ask(path))).toEqual(refused(403, closed));
  }
  const native = await ask('/v1/auth/register', ourClient);
  expect(native).toMatchObject({ status: 403, body: { error: { code: 'forbidden', message: closed } } });
  await world.close();
});

test('without the dialect everybody gets our own answers', async () => {
  const world = await createHttpWorld({ dialects: ['mobula'] });
  await world.vault.owner('users.create', { email: 'ada@example.test', password });
  const sent = { email: 'ada@example.test', password };
  for (const headers of [{}, ourClient, { 'User-Agent': 'curl/8' }]) {
    const made = await world.ask('POST', '/v1/auth/login', { ...sending(sent), headers: { ...json, ...headers } });
    expect(told(made)).toEqual(says(200, native));
    const { access_token: key } = made.body as Account;
    expect((await world.ask('POST', '/v1/auth/logout', { key, headers })).status).toBe(204);
    const register = sending({ ...sent, name: 'x' });
    expect(await world.ask('POST', '/v1/auth/register', register)).toMatchObject({ status: 403, body: { error: {} } });
  }
  for (const path of ['/auth/login', '/api-keys', '/v1/api-keys', '/agents', '/api/v1/keys', '/login/device/code']) {
    const answered = await world.ask('GET', path, { headers: bearer('made-up') });
    expect(answered, path).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
  }
  await world.close();
});
