import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { minute } from '../core/world.ts';
import { type Asked, json, sending } from '../http/world.ts';
import { engines } from '../store/postgres-shared.ts';
import { createDialectWorld, type DialectWorld, type Key, type Shown, says, shown, told } from './world.ts';

const refused = (status: number, error: string) => says(status, { error });

const notShown = refused(401, 'this needs a credential');
const unknownKey = refused(401, 'the API key was not accepted');
const unknownToken = refused(401, 'the login or token was not accepted');
const needsKey = refused(403, 'this needs an API key');
const noToken = refused(404, 'this is no token of project "default", or it ended long ago');

/** Whatever an API key is asked for. */
const refusals: Record<Exclude<Shown, 'an API key'>, object> = {
  nothing: notShown,
  'an empty header': unknownKey,
  'a scheme alone': unknownKey,
  'another scheme': unknownKey,
  'two words': unknownKey,
  'two headers': unknownKey,
  'a made-up key': unknownKey,
  'a key with a letter changed': unknownKey,
  'a JWT of nobody': unknownToken,
  'a session that was changed': unknownToken,
  'an expired session': unknownToken,
  'a revoked session': unknownToken,
  'a refresh token': unknownKey,
  'an expired API key': unknownKey,
  'a revoked API key': unknownKey,
  'a disabled API key': unknownKey,
  'a login of the command line': needsKey,
  'a short-lived token': needsKey,
  'an expired token': unknownToken,
  'a revoked token': unknownToken,
};

const tokens = '/api/2/auth/tokens';
const nowhere = '00000000-0000-7000-8000-000000000000';

interface Made {
  id: string;
  token: string;
  expiresTimeString: string;
  requestLimit: string;
  remaining: string;
}

describe.each(engines())('Mobula over %s', (_, place) => {
  let world: DialectWorld;
  beforeAll(async () => {
    world = await createDialectWorld(await place());
  });
  afterAll(() => world.close());

  let made = 0;
  /** A key that nobody has made a token with: each has its own count of a minute. */
  const newKey = async (role = 'Operator'): Promise<Key> => {
    const { owner } = world.vault;
    const { id: principal_id } = await owner('principals.create', { name: `program ${++made}`, role_ids: [role] });
    return owner('api-keys.create', { name: `key ${made}`, principal_id });
  };
  const post = (key: string, body: unknown) => world.ask('POST', tokens, sending(body, key));
  const mint = async (key: string, body: object = { count: 1 }): Promise<Made[]> => {
    const { status, body: answer } = await post(key, body);
    expect(status).toBe(200);
    return (answer as { createApiTokens: Made[] }).createApiTokens;
  };
  const one = async (key: string, body?: object): Promise<Made> => (await mint(key, body))[0] as Made;
  const list = async (key: string) => told(await world.ask('GET', tokens, { key }));
  const inspect = (key: string, token: string) => world.ask('GET', `/api/2/auth/token?token=${token}`, { key });
  const revoke = (key: string, id: string, more: Asked = {}) =>
    world.ask('DELETE', `${tokens}/${id}`, { key, ...more });
  const use = async (token: string): Promise<number> =>
    (await world.ask('GET', '/api/2/market/data?asset=Bitcoin', { key: token })).status;
  const itemOf = ({ token: _, ...item }: Made) => item;

  describe.each([
    ['POST', tokens],
    ['GET', tokens],
    ['GET', `/api/2/auth/token?token=x`],
    ['DELETE', `${tokens}/${nowhere}`],
  ])('%s %s needs an API key', (method, path) => {
    test.each(Object.keys(refusals) as (keyof typeof refusals)[])('%s is none', async (what) => {
      const body = method === 'POST' ? { body: '{"count":1}' } : {};
      const asked = { headers: shown[what](world.credentials), ...body };
      expect(told(await world.ask(method, path, asked))).toEqual(refusals[what]);
    });

    test('a session is none', async () => {
      const asked = { ...world.as('session'), ...(method === 'POST' ? { body: '{"count":1}' } : {}) };
      expect(told(await world.ask(method, path, asked))).toEqual(needsKey);
    });
  });

  describe('any other path takes a key or a token', () => {
    const taken: readonly Shown[] = ['an API key', 'a short-lived token'];
    const neither = refused(403, 'this needs an API key or a short-lived token');
    test.each(Object.keys(shown) as Shown[])('%s', async (what) => {
      const answered = await world.ask('GET', '/api/2/anything', { headers: shown[what](world.credentials) });
      const expected = what === 'a login of the command line' ? neither : refusals[what as keyof typeof refusals];
      expect(told(answered)).toEqual(taken.includes(what) ? says(200, {}) : expected);
    });

    test('a session is neither', async () => {
      expect(told(await world.ask('GET', '/api/2/anything', world.as('session')))).toEqual(neither);
    });
  });

  describe('where a credential stands', () => {
    const ways: [string, (text: string) => Record<string, string | string[]>, object, object][] = [
      ['raw', (text) => ({ Authorization: text }), says(200, {}), unknownKey],
      ['raw with spaces around it', (text) => ({ Authorization: ` ${text} ` }), says(200, {}), unknownKey],
      ['behind Bearer', (text) => ({ Authorization: `Bearer ${text}` }), says(200, {}), says(200, {})],
      ['behind bearer', (text) => ({ Authorization: `bearer ${text}` }), says(200, {}), says(200, {})],
      ['in x-api-key', (text) => ({ 'x-api-key': text }), says(200, {}), unknownKey],
      ['in X-API-KEY', (text) => ({ 'X-API-KEY': text }), says(200, {}), unknownKey],
      ['in x-api-key behind Bearer', (text) => ({ 'x-api-key': `Bearer ${text}` }), unknownKey, unknownKey],
      ['in x-api-key twice', (text) => ({ 'x-api-key': [text, text] }), unknownKey, unknownKey],
      ['nowhere', () => ({ 'x-api-key': '' }), unknownKey, unknownKey],
      [
        'in both, of which Authorization counts',
        (text) => ({ Authorization: `Bearer ${text}`, 'x-api-key': 'made-up' }),
        says(200, {}),
        says(200, {}),
      ],
      [
        'in both, of which the wrong one counts',
        (text) => ({ Authorization: 'made-up', 'x-api-key': text }),
        unknownKey,
        unknownKey,
      ],
    ];
    test.each(ways)('%s', async (_, headersOf, ofKey, ofToken) => {
      const { key, token } = world.credentials;
      const ask = async (text: string) => told(await world.ask('GET', '/api/2/x', { headers: headersOf(text) }));
      expect(await ask(key)).toEqual(ofKey);
      expect(await ask(token)).toEqual(ofToken);
    });

    test('in a query it is none', async () => {
      expect(told(await world.ask('GET', `/api/2/x?apiKey=${world.credentials.key}`))).toEqual(notShown);
    });
  });

  test('a key that may not make tokens has nothing to do with any', async () => {
    const { key } = await newKey('Viewer');
    const missing = (permission: string) =>
      refused(403, `this needs the permission "${permission}" in project "default"`);
    expect(told(await post(key, { count: 1 }))).toEqual(missing('mobius.tokens.issue'));
    expect(await list(key)).toEqual(missing('mobius.tokens.issue'));
    expect(told(await inspect(key, world.credentials.token))).toEqual(missing('mobius.tokens.issue'));
    expect(told(await revoke(key, nowhere))).toEqual(missing('mobius.tokens.issue'));
  });

  test('tokens are made with what was asked for, and else as the contract has it', async () => {
    const { key } = await newKey();
    const item = (seconds: number, limit: string) => ({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      token: expect.stringMatching(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/),
      expiresTimeString: new Date(world.vault.clock.now + seconds * 1000).toISOString(),
      requestLimit: limit,
      remaining: limit,
    });
    const said = (...createApiTokens: object[]) => says(200, { createApiTokens });
    expect(told(await post(key, { count: 1 }))).toEqual(said(item(3600, '5000')));
    expect(told(await post(key, { expiresIn: 60_000 }))).toEqual(said(item(60, '5000')));
    expect(told(await post(key, { expiresIn: 86_400_000, requestLimit: '1000000' }))).toEqual(
      said(item(86_400, '1000000')),
    );
    expect(told(await post(key, { requestLimit: 1, count: null }))).toEqual(said(item(3600, '1')));
    const { body } = await post(key, { count: 25, expiresIn: 90_999, requestLimit: '7', more: {} });
    expect(body).toEqual({ createApiTokens: Array.from({ length: 25 }, () => item(90, '7')) });
    const ids = (body as { createApiTokens: Made[] }).createApiTokens.map(({ id }) => id);
    expect(new Set(ids).size).toBe(25);
  });

  test.each<[string, string | undefined, string]>([
    ['no body', undefined, 'the body must be an object'],
    ['no JSON', '{', 'the body is no JSON: it breaks at line 1'],
    ['a list', '[]', 'the body must be an object'],
    ['null', 'null', 'the body must be an object'],
    ['nothing', '{}', 'at least one of expiresIn, count and requestLimit must be given'],
    ['unknown fields alone', '{"ttl":5}', 'at least one of expiresIn, count and requestLimit must be given'],
    ['nulls', '{"count":null,"expiresIn":null}', 'at least one of expiresIn, count and requestLimit must be given'],
    ['too short a life', '{"expiresIn":59999}', '"expiresIn" must be from 60000 to 86400000'],
    ['too long a life', '{"expiresIn":86400001}', '"expiresIn" must be from 60000 to 86400000'],
    ['a life as text', '{"expiresIn":"60000"}', '"expiresIn" must be a whole number'],
    ['a part of a millisecond', '{"expiresIn":60000.5}', '"expiresIn" must be a whole number'],
    ['none', '{"count":0}', '"count" must be from 1 to 25'],
    ['too many', '{"count":26}', '"count" must be from 1 to 25'],
    ['a count as text', '{"count":"2"}', '"count" must be a whole number'],
    ['a truth', '{"count":true}', '"count" must be a whole number'],
    ['no requests', '{"requestLimit":"0"}', '"requestLimit" must be from 1 to 1000000'],
    ['too many requests', '{"requestLimit":"1000001"}', '"requestLimit" must be from 1 to 1000000'],
    ['fewer than no requests', '{"requestLimit":-1}', '"requestLimit" must be from 1 to 1000000'],
    ['half a request', '{"requestLimit":1.5}', '"requestLimit" must be a positive whole number'],
    ['an empty limit', '{"requestLimit":""}', '"requestLimit" must be a positive whole number'],
    ['a limit in words', '{"requestLimit":"1e3"}', '"requestLimit" must be a positive whole number'],
    ['a limit with a sign', '{"requestLimit":"+5"}', '"requestLimit" must be a positive whole number'],
    ['a list of limits', '{"requestLimit":["5"]}', '"requestLimit" must be a positive whole number'],
  ])('a token is not made of %s', async (_, body, message) => {
    const { key } = world.credentials;
    const asked = { key, headers: json, ...(body === undefined ? {} : { body }) };
    expect(told(await world.ask('POST', tokens, asked))).toEqual(refused(400, message));
  });

  test('a body that is too large is refused', async () => {
    const { key } = world.credentials;
    expect(told(await post(key, { more: 'x'.repeat(70_000) }))).toEqual(refused(413, 'the body is too large'));
  });

  test('a token is listed, inspected, spent and revoked', async () => {
    const { key } = await newKey();
    const [first, second] = (await mint(key, { count: 2, requestLimit: '3' })) as [Made, Made];
    const items = [first, second].map(itemOf);
    expect(await list(key)).toEqual(says(200, { apiTokens: expect.arrayContaining(items) }));
    expect(told(await inspect(key, first.token))).toEqual(says(200, { apiToken: itemOf(first) }));

    expect([await use(first.token), await use(first.token)]).toEqual([200, 200]);
    expect(told(await inspect(key, first.token))).toEqual(
      says(200, { apiToken: { ...itemOf(first), remaining: '1' } }),
    );
    expect([await use(first.token), await use(first.token)]).toEqual([200, 429]);
    expect(told(await world.ask('GET', '/api/2/x', { key: first.token }))).toEqual(
      refused(429, expect.stringMatching(/requests/) as never),
    );
    expect(told(await inspect(key, first.token))).toEqual(
      says(200, { apiToken: { ...itemOf(first), remaining: '0' } }),
    );

    expect(await use(second.token)).toBe(200);
    expect(told(await revoke(key, second.id))).toEqual(says(200, { deleteApiToken: second.id }));
    expect(told(await world.ask('GET', '/api/2/x', { key: second.token }))).toEqual(unknownToken);
    expect(told(await inspect(key, second.token))).toEqual(noToken);
    expect(told(await revoke(key, second.id))).toEqual(refused(404, `no token "${second.id}" in project "default"`));
    expect(await list(key)).toEqual(says(200, { apiTokens: [{ ...itemOf(first), remaining: '0' }] }));
  });

  test('sixteen requests at once spend a token exactly', async () => {
    const { token } = await one((await newKey()).key, { requestLimit: '10' });
    const statuses = await Promise.all(Array.from({ length: 16 }, () => use(token)));
    expect(statuses.sort()).toEqual([...Array(10).fill(200), ...Array(6).fill(429)]);
  });

  test('one that has ended is in no list, and nobody inspects or revokes it', async () => {
    const { key } = await newKey();
    const made = await one(key, { expiresIn: 60_000 });
    world.vault.clock.now += 60_000;
    expect(await list(key)).toEqual(says(200, { apiTokens: [] }));
    expect(told(await inspect(key, made.token))).toEqual(noToken);
    expect((await revoke(key, made.id)).status).toBe(404);
    expect(told(await world.ask('GET', '/api/2/x', { key: made.token }))).toEqual(unknownToken);
  });

  test('a list holds all of its own key and nothing of others', async () => {
    const [mine, other] = [await newKey(), await newKey()];
    const own = (await Promise.all(Array.from({ length: 5 }, () => mint(mine.key, { count: 25 })))).flat();
    const foreign = await one(other.key);
    const { body } = await list(mine.key);
    const ids = (body as { apiTokens: Made[] }).apiTokens.map(({ id }) => id);
    expect(ids.sort()).toEqual(own.map(({ id }) => id).sort());
    expect(told(await inspect(mine.key, foreign.token))).toEqual(noToken);
    expect((await revoke(mine.key, foreign.id)).status).toBe(404);
    expect(await use(foreign.token)).toBe(200);
    const { strangerKey } = world.credentials;
    expect((await inspect(strangerKey, foreign.token)).status).toBe(404);
    expect((await revoke(strangerKey, foreign.id)).status).toBe(404);
  });

  test('a token goes with its key', async () => {
    const { key, id } = await newKey();
    const { token } = await one(key);
    expect(await use(token)).toBe(200);
    await world.vault.owner('api-keys.revoke', { id });
    expect(await use(token)).toBe(401);
    expect(await list(key)).toEqual(unknownKey);
  });

  test('what was made natively is seen, used and revoked here, and the other way round', async () => {
    const { key } = await newKey();
    const { items } = await world.call(key)('tokens.create', { request_limit: 5 });
    const [native = { id: '', token: '', expires_at: '' }] = items;
    expect(await list(key)).toEqual(
      says(200, {
        apiTokens: [
          {
            id: native.id,
            expiresTimeString: new Date(native.expires_at).toISOString(),
            requestLimit: '5',
            remaining: '5',
          },
        ],
      }),
    );
    expect(await use(native.token)).toBe(200);
    expect((await revoke(key, native.id)).status).toBe(200);
    expect((await world.ask('GET', '/v1/auth/whoami', { key: native.token })).status).toBe(401);

    const made = await one(key, { requestLimit: '2' });
    const { owner } = world.vault;
    expect(await owner('tokens.get', { id: made.id })).toMatchObject({ state: 'active', request_limit: 2 });
    expect((await world.ask('GET', '/v1/auth/whoami', { key: made.token })).status).toBe(200);
    expect(await owner('tokens.verify', { token: made.token })).toMatchObject({ valid: true, remaining: 0 });
    expect(await use(made.token)).toBe(429);
    await owner('tokens.revoke', { id: made.id });
    expect(await use(made.token)).toBe(401);
  });

  const noUuid = refused(400, '"id" must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057');
  test.each([
    ['no UUID', 'not-a-uuid', noUuid],
    ['a character that is none', '%00', noUuid],
    ['a spelling of ours', 'key_01h455vb4pex5vsknk084sn02q', noUuid],
    ['an unknown UUID', nowhere, refused(404, `no token "${nowhere}" in project "default"`)],
  ])('%s names no token', async (_, id, expected) => {
    expect(told(await revoke(world.credentials.key, id))).toEqual(expected);
  });

  test.each([
    ['no token', '', refused(400, '"token" is required')],
    ['an empty one', '?token=', refused(400, '"token" is required')],
    ['what is no JWT', '?token=x', noToken],
    ['a long text', `?token=${'x'.repeat(9000)}`, refused(400, expect.any(String) as never)],
    ['a JWT of nobody', '?token=eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.', noToken],
  ])('%s can’t be inspected', async (_, query, expected) => {
    expect(told(await world.ask('GET', `/api/2/auth/token${query}`, world.as('key')))).toEqual(expected);
  });

  test('a session can’t be inspected', async () => {
    expect(told(await inspect(world.credentials.key, world.credentials.session))).toEqual(noToken);
  });

  test('the habits of clients do no harm', async () => {
    const { key } = await newKey();
    const headers = { ...json, 'x-api-key': key };
    const answered = await world.ask('POST', `${tokens}/`, { headers: { 'x-api-key': key }, body: '{"count":2}' });
    expect(answered.status).toBe(200);
    const [first, second] = (answered.body as { createApiTokens: [Made, Made] }).createApiTokens;
    expect((await world.ask('GET', `${tokens}/?page=1&page=2`, { headers })).status).toBe(200);
    expect((await world.ask('GET', `/api/2/auth/token/?token=${first.token}`, { headers })).status).toBe(200);
    const removed = await world.ask('DELETE', `${tokens}/${first.id.toUpperCase()}/`, { headers });
    expect(told(removed)).toEqual(says(200, { deleteApiToken: first.id }));
    const other = await world.ask('DELETE', `${tokens}/${second.id}`, { headers, body: '{}' });
    expect(told(other)).toEqual(says(200, { deleteApiToken: second.id }));
  });

  test.each([
    ['POST', '/api/2/market/data'],
    ['PUT', tokens],
    ['DELETE', tokens],
    ['POST', '/api/2/auth/token'],
  ])('%s %s is nothing', async (method, path) => {
    const { allow, ...answered } = told(await world.ask(method, path, world.as('key')));
    expect(answered).toEqual(refused(404, `this path does not take ${method}`));
    expect(allow).toContain('GET');
  });

  describe('five times a minute', () => {
    const most = refused(429, 'a key may ask for tokens 5 times a minute');
    const later = (seconds: number) => ({ ...most, retryAfter: String(seconds) });

    test('and not once more, of sixteen at once', async () => {
      const { key } = await newKey();
      const answers = await Promise.all(Array.from({ length: 16 }, () => post(key, { count: 1 })));
      expect(answers.map(({ status }) => status).sort()).toEqual([...Array(5).fill(200), ...Array(11).fill(429)]);
      expect((await list(key)).body).toMatchObject({ apiTokens: { length: 5 } });
    });

    test('a minute after each, to the second that the answer says', async () => {
      const { key } = await newKey();
      const { clock } = world.vault;
      const began = clock.now;
      for (const second of [0, 10, 20, 30, 40]) {
        clock.now = began + second * 1000;
        await mint(key, { count: 25 });
      }
      clock.now = began + 45_500;
      expect(told(await post(key, { count: 1 }))).toEqual(later(15));
      clock.now = began + minute - 1;
      expect(told(await post(key, { count: 1 }))).toEqual(later(1));
      clock.now = began + minute;
      await mint(key);
      expect(told(await post(key, { count: 1 }))).toEqual(later(10));
      clock.now += 10_000;
      await mint(key);
      expect(told(await post(key, { count: 1 }))).toEqual(later(10));
    });

    test('of which those that were refused are none', async () => {
      const { key } = await newKey();
      const { clock } = world.vault;
      for (let n = 0; n < 6; n++) expect((await post(key, { count: 26 })).status).toBe(400);
      for (let n = 0; n < 5; n++) await mint(key);
      for (let n = 0; n < 6; n++) expect((await post(key, { count: 1 })).status).toBe(429);
      clock.now += 6_000;
      // What was refused is written down by now.
      await world.settle();
      expect((await post(key, { count: 1 })).status).toBe(429);
      await world.settle();
      clock.now += 54_000;
      for (let n = 0; n < 5; n++) await mint(key);
    });

    test('for each key', async () => {
      const [one, other] = [await newKey(), await newKey()];
      for (let n = 0; n < 5; n++) await mint(one.key);
      expect((await post(one.key, { count: 1 })).status).toBe(429);
      await mint(other.key);
    });
  });
});
