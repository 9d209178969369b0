import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { day, minute } from '../core/world.ts';
import { json, sending } from '../http/world.ts';
import { engines } from '../store/postgres-shared.ts';
import { bearer, createDialectWorld, type DialectWorld, type Shown, says, shown, told, uuid, uuids } from './world.ts';

const refused = (status: number, code: string, message: string) => says(status, { error: { code, message } });

const unknownKey = refused(401, 'unauthorized', 'the API key was not accepted');
const unknownLogin = refused(401, 'unauthorized', 'the login or token was not accepted');
const noSession = refused(403, 'forbidden', 'this needs an interactive session');
const mayNot = refused(403, 'forbidden', 'this needs the permission "mobius.keys.issue" in project "default"');
const notOfThisContract = refused(401, 'unauthorized', 'this takes an API key');
const noKey = (id: string) => refused(404, 'not_found', `no api key "${id}"`);
const wrong = (message: string) => refused(400, 'bad_request', message);

/** Whatever it is that a session is asked for. */
const refusals: Record<Shown, object> = {
  nothing: refused(401, 'unauthorized', 'this needs a credential'),
  'an empty header': unknownKey,
  'a scheme alone': unknownKey,
  'another scheme': unknownKey,
  'two words': unknownKey,
  'two headers': unknownKey,
  'a made-up key': unknownKey,
  'a key with a letter changed': unknownKey,
  'a JWT of nobody': unknownLogin,
  'a session that was changed': unknownLogin,
  'an expired session': unknownLogin,
  'a revoked session': unknownLogin,
  'a refresh token': unknownKey,
  'an API key': noSession,
  'an expired API key': unknownKey,
  'a revoked API key': unknownKey,
  'a disabled API key': unknownKey,
  'a login of the command line': noSession,
  'a short-lived token': noSession,
  'an expired token': unknownLogin,
  'a revoked token': unknownLogin,
};

const keys = '/api/v1/keys';
const nowhere = '00000000-0000-7000-8000-000000000000';
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

describe.each(engines())('MobileNext over %s', (_, place) => {
  let world: DialectWorld;
  beforeAll(async () => {
    world = await createDialectWorld(await place());
  });
  afterAll(() => world.close());

  const create = async (name: string, session = world.credentials.session): Promise<{ id: string; apiKey: string }> => {
    const answered = await world.ask('POST', keys, sending({ name }, session));
    expect(answered.status).toBe(201);
    return answered.body as { id: string; apiKey: string };
  };

  const list = async (asked = world.as('session')): Promise<Record<string, unknown>[]> => {
    const { status, body } = await world.ask('GET', keys, asked);
    expect(status).toBe(200);
    return (body as { data: Record<string, unknown>[] }).data;
  };

  const whoami = async (key: string): Promise<number> => (await world.ask('GET', '/v1/auth/whoami', { key })).status;

  describe.each([
    ['GET', keys],
    ['POST', keys],
    ['DELETE', `${keys}/${nowhere}`],
    ['GET', '/api/v1/organizations'],
    ['GET', '/api/v1/members'],
  ])('%s %s needs a session', (method, path) => {
    test.each(Object.keys(shown) as Shown[])('%s is none', async (what) => {
      const body = method === 'POST' ? JSON.stringify({ name: 'never made' }) : undefined;
      const asked = { headers: shown[what](world.credentials), ...(body === undefined ? {} : { body }) };
      expect(told(await world.ask(method, path, asked))).toEqual(refusals[what]);
    });
  });

  test('whoever is not accepted learns nothing of what else was wrong', async () => {
    expect(told(await world.ask('POST', keys, { headers: json, body: '{' }))).toEqual(refusals.nothing);
    expect(told(await world.ask('POST', keys, { ...world.as('key'), body: '{' }))).toEqual(noSession);
    expect(told(await world.ask('POST', keys, { ...world.as('viewer'), body: '[]' }))).toEqual(
      wrong('"name" is required'),
    );
  });

  test('a viewer lists and does nothing else', async () => {
    const { id, apiKey } = await create('seen by a viewer');
    expect((await list(world.as('viewer'))).map((item) => item.id)).toContain(id);
    expect(told(await world.ask('POST', keys, sending({ name: 'x' }, world.credentials.viewer)))).toEqual(mayNot);
    expect(told(await world.ask('DELETE', `${keys}/${id}`, world.as('viewer')))).toEqual(mayNot);
    expect(await whoami(apiKey)).toBe(200);
  });

  test('a key is made, listed, used and deleted', async () => {
    const answered = await world.ask('POST', keys, sending({ name: 'CI pipeline' }, world.credentials.session));
    const made = answered.body as { id: string; apiKey: string; createdAt: string };
    expect(told(answered)).toEqual(
      says(201, {
        id: expect.stringMatching(uuids),
        apiKey: expect.stringMatching(/^mob_[0-9A-Za-z]{49}$/),
        name: 'CI pipeline',
        createdAt: expect.stringMatching(time),
      }),
    );
    const item = {
      id: made.id,
      apiKeySuffix: made.apiKey.slice(-3),
      name: 'CI pipeline',
      createdAt: made.createdAt,
      lastUsedAt: null,
    };
    const before = await list();
    expect(before.find(({ id }) => id === made.id)).toEqual(item);
    const data = before.map((one) => ({ ...one, lastUsedAt: expect.toSatisfy((at) => at === null || time.test(at)) }));
    expect(told(await world.ask('GET', keys, world.as('session')))).toEqual(says(200, { object: 'list', data }));
    expect(told(await world.ask('POST', '/api/v1/sessions', { key: made.apiKey }))).toEqual(
      says(201, { id: expect.stringMatching(/^[0-9a-f-]{36}$/) }),
    );
    expect(told(await world.ask('DELETE', `${keys}/${made.id}`, world.as('session')))).toEqual(says(204));
    expect(told(await world.ask('POST', '/api/v1/sessions', { key: made.apiKey }))).toEqual(unknownKey);
    expect(told(await world.ask('DELETE', `${keys}/${made.id}`, world.as('session')))).toEqual(
      refused(404, 'not_found', expect.stringMatching(/^no api key "key_\w{26}" in project "default"$/) as never),
    );
    expect((await list()).map(({ id }) => id)).not.toContain(made.id);
  });

  test('any member’s key can be deleted by whoever may, and several may have one name', async () => {
    const [own, other] = [await create('twice'), await create('twice', world.credentials.admin)];
    expect(own.id).not.toBe(other.id);
    expect((await list()).filter(({ name }) => name === 'twice')).toHaveLength(2);
    expect((await world.ask('DELETE', `${keys}/${other.id}`, world.as('session'))).status).toBe(204);
    expect((await world.ask('DELETE', `${keys}/${own.id}`, world.as('admin'))).status).toBe(204);
    expect([await whoami(own.apiKey), await whoami(other.apiKey)]).toEqual([401, 401]);
  });

  test('what was made natively is listed and deleted, and the other way round', async () => {
    const { owner } = world.vault;
    const native = await owner('api-keys.create', { name: 'made natively', principal_id: world.people.ann.email });
    expect((await list()).find(({ id }) => id === uuid(native.id))).toMatchObject({
      name: 'made natively',
      apiKeySuffix: native.key_suffix,
    });
    // Live as it is, it is no key of this contract.
    expect(told(await world.ask('POST', '/api/v1/sessions', { key: native.key }))).toEqual(notOfThisContract);
    expect((await world.ask('DELETE', `${keys}/${uuid(native.id)}`, world.as('session'))).status).toBe(204);
    expect(await whoami(native.key)).toBe(401);

    const made = await create('made here');
    const seen = await world.call(world.credentials.session)('api-keys.get', { id: 'made here' });
    expect(seen).toMatchObject({ name: 'made here', key_prefix: made.apiKey.slice(0, 8), state: 'active' });
    expect(uuid(seen.id)).toBe(made.id);
    expect(await owner('api-keys.verify', { key: made.apiKey })).toMatchObject({ valid: true, key_id: seen.id });
    expect(await whoami(made.apiKey)).toBe(200);
    await owner('api-keys.revoke', { id: seen.id });
    expect(told(await world.ask('POST', '/api/v1/sessions', { key: made.apiKey }))).toEqual(unknownKey);
    expect((await list()).map(({ id }) => id)).not.toContain(made.id);
  });

  test('a list holds all there are', async () => {
    const { owner } = world.vault;
    const project = 'many';
    await owner('projects.create', { handle: project, name: 'Many' });
    await owner('principals.create', { name: 'maker', role_ids: ['Viewer'], project });
    for (let n = 0; n < 203; n++) await owner('api-keys.create', { name: `key ${n}`, principal_id: 'maker', project });
    const asked = { key: world.credentials.admin, headers: { 'X-Organization-Id': project } };
    expect((await list(asked)).map(({ name }) => name)).toEqual(Array.from({ length: 203 }, (_, n) => `key ${n}`));
  });

  test.each<[string, string | undefined, object]>([
    ['no body', undefined, wrong('"name" is required')],
    ['an empty body', '', wrong('"name" is required')],
    ['no JSON', '{', wrong('the body is no JSON: it breaks at line 1')],
    ['a text', '"name"', wrong('"name" is required')],
    ['a list', '[{"name":"x"}]', wrong('"name" is required')],
    ['null', 'null', wrong('"name" is required')],
    ['no name', '{}', wrong('"name" is required')],
    ['null as a name', '{"name":null}', wrong('"name" is required')],
    ['a number as a name', '{"name":1}', wrong('"name" must be text')],
    ['an object as a name', '{"name":{}}', wrong('"name" must be text')],
    ['an empty name', '{"name":""}', wrong('"name" must not be empty')],
    ['a blank name', '{"name":"  "}', wrong('"name" must not be empty')],
    [
      'a name that is too long',
      JSON.stringify({ name: 'x'.repeat(129) }),
      wrong('"name" must be at most 128 characters'),
    ],
    ['two names', '{"name":"a","name":"b"}', wrong('line 1 of the body has "name" for the second time in one object')],
  ])('a key is not made of %s', async (_, body, expected) => {
    const asked = {
      headers: { ...json, ...bearer(world.credentials.session) },
      ...(body === undefined ? {} : { body }),
    };
    expect(told(await world.ask('POST', keys, asked))).toEqual(expected);
  });

  test('a body that is too large is refused', async () => {
    const asked = sending({ name: 'x'.repeat(70_000) }, world.credentials.session);
    expect(told(await world.ask('POST', keys, asked))).toEqual(refused(413, 'bad_request', 'the body is too large'));
  });

  test.each([
    ['an unknown UUID', nowhere, noKey('key_0000000000e008000000000000" in project "default')],
    ['no UUID', 'not-a-uuid', noKey('not-a-uuid')],
    ['the name of a key', "ann's%20key", noKey("ann's key")],
    ['a character that is none', '%00', noKey('\0')],
  ])('%s names no key', async (_, id, expected) => {
    expect(told(await world.ask('DELETE', `${keys}/${id}`, world.as('session')))).toEqual(expected);
    expect(await whoami(world.credentials.key)).toBe(200);
  });

  test('our own spelling of an id names no key', async () => {
    const { items } = await world.vault.owner('api-keys.list', {});
    const id = items.find(({ name }) => name === "ann's key")?.id ?? '';
    expect(told(await world.ask('DELETE', `${keys}/${id}`, world.as('session')))).toEqual(noKey(id));
    expect(await whoami(world.credentials.key)).toBe(200);
  });

  test('the habits of clients do no harm', async () => {
    const { session } = world.credentials;
    const headers = { ...bearer(session), ...json };
    const made = await world.ask('POST', `${keys}/`, {
      headers: { ...bearer(session), 'Content-Type': 'text/plain' },
      body: '{"name":"unknown fields","extra":{"a":[1]},"expires_at":1}',
    });
    expect(made.status).toBe(201);
    const { id, apiKey } = made.body as { id: string; apiKey: string };
    expect((await world.ask('GET', `${keys}/`, { headers })).status).toBe(200);
    expect((await world.ask('GET', `${keys}?limit=1&limit=2`, { headers })).status).toBe(200);
    expect((await world.ask('GET', keys, { headers: { ...json, Authorization: `bearer  ${session} ` } })).status).toBe(
      200,
    );
    const removed = await world.ask('DELETE', `${keys}/${id.toUpperCase()}/`, { headers, body: '{"id":1}' });
    expect(told(removed)).toEqual(says(204));
    expect(await whoami(apiKey)).toBe(401);
    const again = await create('deleted with a content type');
    expect(told(await world.ask('DELETE', `${keys}/${again.id}`, { headers }))).toEqual(says(204));
  });

  test.each([
    ['PUT', keys, 'GET, HEAD, OPTIONS, POST'],
    ['PATCH', `${keys}/${nowhere}`, 'DELETE, OPTIONS'],
    ['GET', `${keys}/${nowhere}`, 'DELETE, OPTIONS'],
    ['DELETE', '/api/v1/members', 'GET, HEAD, OPTIONS'],
    ['GET', '/api/v1/sessions', 'OPTIONS, POST'],
    ['GET', '/login/device/code', 'OPTIONS, POST'],
  ])('%s %s is no method there', async (method, path, allow) => {
    expect(told(await world.ask(method, path, world.as('session')))).toEqual({
      ...refused(405, 'method_not_allowed', `this path does not take ${method}`),
      allow,
    });
  });

  test.each(['/api/v1/', '/api/v1/unknown', '/login/device/unknown'])('%s is no path', async (path) => {
    expect(told(await world.ask('GET', path, world.as('session')))).toEqual(refused(404, 'not_found', 'no such path'));
  });

  describe('an organization', () => {
    const organization = (id: string, key = world.credentials.session) => ({
      key,
      headers: { 'X-Organization-Id': id },
    });
    const idOf = async (handle: string): Promise<string> => {
      const { items } = await world.vault.owner('projects.list', {});
      return items.find((one) => one.handle === handle)?.id ?? '';
    };

    test('is named by id, by its UUID in any case, and by handle', async () => {
      const id = await idOf('default');
      // What this reading itself is noted for a second later.
      const shown = async (more?: ReturnType<typeof organization>) =>
        (await list(more)).map(({ lastUsedAt: _, ...key }) => key);
      const all = await shown();
      for (const name of [id, uuid(id), uuid(id).toUpperCase(), 'default', ' default ', '']) {
        expect(await shown(organization(name))).toEqual(all);
      }
    });

    test('of others is forbidden as one that is not there is', async () => {
      for (const name of [
        'elsewhere',
        await idOf('elsewhere'),
        uuid(await idOf('elsewhere')),
        nowhere,
        'no such one',
      ]) {
        for (const [method, path] of [
          ['GET', keys],
          ['POST', keys],
          ['DELETE', `${keys}/${nowhere}`],
          ['GET', '/api/v1/members'],
        ] as const) {
          const { key, headers } = organization(name);
          const body = method === 'POST' ? { body: '{"name":"x"}' } : {};
          const answered = await world.ask(method, path, { key, headers, ...body });
          const said = /^(elsewhere|prj_|[0-9a-f-]{36})/.test(name) && name !== nowhere ? 'elsewhere' : name;
          expect(told(answered), `${method} ${name}`).toEqual(refused(403, 'forbidden', `no project "${said}"`));
        }
      }
    });

    test('that is not named is the one that the caller has a part in', async () => {
      const { stranger } = world.credentials;
      const before = await list(world.as('stranger'));
      expect(before.map(({ name }) => name)).toEqual(['key']);
      const made = await create('of the stranger', stranger);
      const at = `${keys}/${made.id}`;
      expect((await list()).map(({ id }) => id)).not.toContain(made.id);
      expect((await world.ask('DELETE', at, world.as('session'))).status).toBe(404);
      expect((await world.ask('DELETE', at, organization('elsewhere', world.credentials.admin))).status).toBe(204);
    });

    test('a key of one is none in another', async () => {
      const { apiKey } = await create('of default');
      const at = '/api/v1/sessions';
      expect((await world.ask('POST', at, organization('default', apiKey))).status).toBe(201);
      expect(told(await world.ask('POST', at, organization('elsewhere', apiKey)))).toEqual(unknownKey);
    });

    test('organizations are listed with the role in each', async () => {
      const at = '/api/v1/organizations';
      const item = async (handle: string, name: string, role: string) => ({
        id: uuid(await idOf(handle)),
        name,
        type: 'team',
        role,
        createdAt: expect.stringMatching(time),
      });
      const said = (...data: object[]) => says(200, { object: 'list', data });
      const ofAnn = said(await item('default', 'Default', 'readwrite'));
      expect(told(await world.ask('GET', at, world.as('session')))).toEqual(ofAnn);
      expect(told(await world.ask('GET', at, organization('default')))).toEqual(ofAnn);
      expect(told(await world.ask('GET', `${at}/`, world.as('viewer')))).toEqual(
        said(await item('default', 'Default', 'readonly')),
      );
      const { body } = await world.ask('GET', at, world.as('admin'));
      expect((body as { data: object[] }).data).toContainEqual(await item('elsewhere', 'Elsewhere', 'admin'));
    });

    test('its members are people alone', async () => {
      const { ann, viewer } = world.people;
      const member = ({ id, email }: { id: string; email: string }) => ({
        id: uuid(id),
        email,
        createdAt: expect.stringMatching(time),
      });
      const answered = await world.ask('GET', '/api/v1/members', world.as('viewer'));
      const { data } = answered.body as { data: unknown[] };
      expect(told(answered)).toEqual(says(200, { object: 'list', data }));
      expect(data).toEqual(expect.arrayContaining([member(ann), member(viewer)]));
      expect(JSON.stringify(data)).not.toContain('stranger');
    });
  });

  describe('a session of a device', () => {
    const at = '/api/v1/sessions';
    test.each(Object.keys(shown) as Shown[])('is not begun with %s', async (what) => {
      const isOther = [noSession, unknownLogin].some((one) => one === refusals[what]) || what === 'a refresh token';
      const isOurs = /API key$/.test(what) || what === 'a key with a letter changed';
      const answered = await world.ask('POST', at, { headers: shown[what](world.credentials) });
      expect(told(answered)).toEqual(isOther || isOurs ? notOfThisContract : refusals[what]);
    });
  });

  describe('a device login', () => {
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code';
    const client_id = 'mobile-cli';
    const begin = () => world.ask('POST', '/login/device/code', sending({ client_id }));
    const poll = (device_code: unknown, more: object = {}) => {
      world.vault.clock.now += 6_000;
      return world.ask('POST', '/login/device/token', sending({ client_id, device_code, grant_type, ...more }));
    };
    const flat = (error: string) => says(400, { error });

    test('gives a session that lives until it is ended', async () => {
      const begun = await begin();
      expect(told(begun)).toEqual(
        says(200, {
          device_code: expect.stringMatching(/^mbd_\w{49}$/),
          user_code: expect.stringMatching(/^[A-Z]{4}-[A-Z]{4}$/),
          verification_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/device$/),
          expires_in: 600,
          interval: 5,
        }),
      );
      const { device_code, user_code } = begun.body as Record<string, string>;
      expect(told(await poll(device_code))).toEqual(flat('authorization_pending'));
      world.vault.clock.now -= 5_000;
      expect(told(await poll(device_code))).toEqual(flat('slow_down'));
      const ann = world.call(world.credentials.session);
      await ann('auth.decide-device', { user_code: user_code ?? '', approve: true });
      const given = await poll(device_code);
      const { access_token: token } = given.body as { access_token: string };
      expect(told(given)).toEqual(says(200, { access_token: expect.stringMatching(/^eyJ/), token_type: 'Bearer' }));
      expect(told(await poll(device_code))).toEqual(flat('invalid_grant'));

      const { id } = await create('made by a device', token);
      world.vault.clock.now += 20 * minute;
      await world.renew();
      expect((await list({ key: token })).map((item) => item.id)).toContain(id);
      expect((await world.ask('DELETE', `${keys}/${id}`, { key: token })).status).toBe(204);
      const { items } = await world.call(world.credentials.session)('auth.list-credentials', {});
      const [login] = items.filter(({ label }) => label === client_id);
      expect(login).toMatchObject({ kind: 'session', status: 'active' });
      await world.call(world.credentials.session)('auth.revoke-credential', { id: login?.id ?? '' });
      expect(told(await world.ask('GET', keys, { key: token }))).toEqual(unknownLogin);
    });

    test('ends by logging out natively, and by itself after thirty days', async () => {
      const logIn = async (): Promise<string> => {
        const { device_code, user_code } = (await begin()).body as Record<string, string>;
        await world.call(world.credentials.session)('auth.decide-device', {
          user_code: user_code ?? '',
          approve: true,
        });
        return ((await poll(device_code)).body as { access_token: string }).access_token;
      };
      const [one, other] = [await logIn(), await logIn()];
      expect(
        (await world.ask('POST', '/v1/auth/logout', { key: one, headers: { 'User-Agent': 'mobius/1' } })).status,
      ).toBe(204);
      expect(told(await world.ask('GET', keys, { key: one }))).toEqual(unknownLogin);
      world.vault.clock.now += 29 * day;
      await world.renew();
      expect((await world.ask('GET', keys, { key: other })).status).toBe(200);
      world.vault.clock.now += day;
      await world.renew();
      expect(told(await world.ask('GET', keys, { key: other }))).toEqual(unknownLogin);
    });

    test('that is refused or waits too long gives none', async () => {
      const { device_code, user_code } = (await begin()).body as Record<string, string>;
      await world.call(world.credentials.session)('auth.decide-device', { user_code: user_code ?? '', approve: false });
      expect(told(await poll(device_code))).toEqual(flat('access_denied'));
      const late = (await begin()).body as Record<string, string>;
      world.vault.clock.now += 10 * minute;
      expect(told(await poll(late.device_code))).toEqual(flat('expired_token'));
      await world.renew();
    });

    test.each<[string, object]>([
      ['nothing', {}],
      ['a number', { device_code: 1 }],
      ['an empty text', { device_code: '' }],
      ['a text that is too long', { device_code: 'x'.repeat(300) }],
      ['no grant', { device_code: 'x', grant_type: undefined }],
      ['another grant', { device_code: 'x', grant_type: 'password' }],
    ])('is not asked for with %s', async (_, more) => {
      const answered = await poll(undefined, more);
      expect(told(answered)).toEqual(flat('invalid_request'));
    });

    test('an unknown code is none, and what is no JSON is no request', async () => {
      expect(told(await poll('made-up'))).toEqual(flat('invalid_grant'));
      const odd = await world.ask('POST', '/login/device/token', { headers: json, body: 'device_code=x' });
      expect(told(odd)).toEqual(flat('invalid_request'));
    });

    test('is begun without a body, and with credentials that nobody looks at', async () => {
      const bare = await world.ask('POST', '/login/device/code');
      expect(bare.status).toBe(200);
      const headers = { ...bearer('made-up'), 'X-Organization-Id': 'elsewhere' };
      expect((await world.ask('POST', '/login/device/code/', { headers, body: '{"client_id":5}' })).status).toBe(200);
    });
  });
});
