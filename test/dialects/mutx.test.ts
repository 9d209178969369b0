import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { day } from '../core/world.ts';
import { type Asked, json, sending } from '../http/world.ts';
import { engines, rowsOf } from '../store/postgres-shared.ts';
import { register } from './accounts.ts';
import { bearer, createDialectWorld, type DialectWorld, type Shown, says, shown, told, uuid, uuids } from './world.ts';

const refused = (status: number, detail: unknown) => says(status, { detail });

const missing = refused(401, 'Missing authorization header');
const unreadable = refused(401, 'Invalid authorization header format');
const notAccepted = refused(401, 'Invalid or expired token');
const notFound = refused(404, 'API key not found');
const wrong = (...detail: object[]) => refused(422, detail);

const unreadables: readonly Shown[] = [
  'an empty header',
  'a scheme alone',
  'another scheme',
  'two words',
  'two headers',
];
const refusalOf = (what: Shown): object => {
  if (what === 'nothing') return missing;
  return unreadables.includes(what) ? unreadable : notAccepted;
};

const nowhere = '00000000-0000-7000-8000-000000000000';
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const everything = Object.keys(shown) as Shown[];

interface Made {
  id: string;
  name: string;
  key: string;
  created_at: string;
  expires_at: string | null;
}

describe.each(engines())('MUTX over %s', (_, place) => {
  let world: DialectWorld;
  let address: string | undefined;
  beforeAll(async () => {
    address = await place();
    world = await createDialectWorld(address);
  });
  afterAll(() => world.close());

  const session = (): Asked => ({ key: world.credentials.session });
  const create = async (at: string, body: object, asked: Asked = session()): Promise<Made> => {
    const answered = await world.ask('POST', at, { ...asked, body: JSON.stringify(body) });
    expect(answered.status).toBe(201);
    return answered.body as Made;
  };
  const idsAt = async (at: string, asked: Asked): Promise<string[]> => {
    const { body } = await world.ask('GET', at, asked);
    return (Array.isArray(body) ? body : (body as { items: { id: string }[] }).items).map(({ id }) => id);
  };
  const works = async (key: string): Promise<number> =>
    (await world.ask('GET', '/agents', { headers: { 'X-API-Key': key } })).status;
  const revokeAll = async (asked: Asked): Promise<void> => {
    for (const id of await idsAt('/api-keys', asked)) await world.ask('DELETE', `/api-keys/${id}`, asked);
  };

  describe.each([
    ['GET', '/api-keys', false],
    ['POST', '/api-keys', false],
    ['POST', `/api-keys/${nowhere}/rotate`, false],
    ['DELETE', `/api-keys/${nowhere}`, false],
    ['GET', '/v1/api-keys', true],
    ['GET', `/v1/api-keys/${nowhere}`, true],
    ['POST', '/v1/api-keys', true],
    ['POST', `/v1/api-keys/${nowhere}/rotate`, true],
    ['DELETE', `/v1/api-keys/${nowhere}`, true],
    ['GET', '/agents', true],
    ['GET', '/auth/me', false],
    ['GET', '/v1/auth/me', false],
    ['POST', '/auth/logout', false],
    ['POST', '/v1/auth/logout', false],
  ] as const)('%s %s', (method, path, takesKeys) => {
    const body = method === 'POST' ? { body: '{"name":""}' } : {};
    test.each(everything.filter((what) => !takesKeys || what !== 'an API key'))('is refused to %s', async (what) => {
      const headers = shown[what](world.credentials);
      expect(told(await world.ask(method, path, { headers, ...body }))).toEqual(refusalOf(what));
    });

    test.each([
      ['an API key', 'key', takesKeys],
      ['a key that is none', 'revokedKey', false],
      ['a login', 'cli', false],
      ['a session', 'session', false],
      ['a token', 'token', false],
    ] as const)('takes in X-API-Key what it takes elsewhere: %s', async (_, name, isTaken) => {
      const headers = { 'X-API-Key': world.credentials[name] };
      const answered = await world.ask(method, path, { headers, ...body });
      if (isTaken) expect([200, 404, 422]).toContain(answered.status);
      else expect(told(answered)).toEqual(notAccepted);
    });
  });

  test('Authorization counts where both are sent', async () => {
    const { key } = world.credentials;
    const both = (authorization: string, text: string) =>
      world.ask('GET', '/agents', { headers: { Authorization: authorization, 'X-API-Key': text } });
    expect(told(await both(`Bearer ${key}`, 'made-up'))).toEqual(says(200, []));
    expect(told(await both('Bearer made-up', key))).toEqual(notAccepted);
    expect(told(await both('Basic eDp5', key))).toEqual(unreadable);
  });

  test('who may not make keys makes none', async () => {
    const asked = { key: world.credentials.viewer, body: '{"name":"x"}' };
    const message = 'this needs the permission "mobius.keys.issue" in project "default"';
    expect(told(await world.ask('POST', '/api-keys', asked))).toEqual(refused(403, message));
    expect(told(await world.ask('GET', '/api-keys', world.as('viewer')))).toEqual(says(200, []));
  });

  describe.each(['/api-keys', '/v1/api-keys'])('at %s', (at) => {
    test('a key is made, listed, used, rotated and revoked', async () => {
      const { clock } = world.vault;
      const sent = sending({ name: 'GitHub Actions', expires_in_days: 30 }, world.credentials.session);
      const answered = await world.ask('POST', at, sent);
      const made = answered.body as Made;
      const expires_at = new Date(clock.now + 30 * day).toISOString().replace('.000Z', 'Z');
      const shape = (key: string) => ({
        id: expect.stringMatching(uuids),
        name: 'GitHub Actions',
        key: expect.stringMatching(key),
        created_at: expect.stringMatching(time),
        expires_at,
      });
      expect(told(answered)).toEqual(says(201, shape('^mutx_live_[0-9A-Za-z_-]{43}$')));
      const item = (is_active: boolean, { id, created_at }: Made, last_used: unknown = null) => ({
        id,
        name: 'GitHub Actions',
        last_used,
        created_at,
        expires_at,
        is_active,
      });
      const get = (id: string) => world.ask('GET', `/v1/api-keys/${id}`, session());
      expect(told(await get(made.id))).toEqual(says(200, item(true, made)));
      expect((await idsAt(at, session()))[0]).toBe(made.id);
      expect(await works(made.key)).toBe(200);

      const rotated = await world.ask('POST', `${at}/${made.id}/rotate`, session());
      const next = rotated.body as Made;
      expect(told(rotated)).toEqual(says(200, shape('^mutx_live_')));
      expect(next.id).not.toBe(made.id);
      expect([await works(made.key), await works(next.key)]).toEqual([401, 200]);
      await world.settle();
      expect(told(await get(made.id))).toEqual(says(200, item(false, made, expect.stringMatching(time))));
      const named = ((await world.ask('GET', '/v1/api-keys?limit=100', session())).body as { items: Made[] }).items
        .filter(({ name }) => name === 'GitHub Actions')
        .filter((one) => (one as unknown as { is_active: boolean }).is_active);
      expect(named.map(({ id }) => id)).toEqual([next.id]);
      expect(told(await world.ask('POST', `${at}/${made.id}/rotate`, session()))).toEqual(
        refused(409, 'API key is already revoked and cannot be rotated'),
      );

      for (let n = 0; n < 2; n++) {
        expect(told(await world.ask('DELETE', `${at}/${next.id}`, session()))).toEqual(says(204));
        expect(await works(next.key)).toBe(401);
      }
      expect(await idsAt('/api-keys', session())).not.toContain(next.id);
      expect(await idsAt('/v1/api-keys', session())).toContain(next.id);
    });

    test.each([
      ['days as text', { name: '30', expires_in_days: ' 30 ' }, 30],
      ['days that are whole', { name: 'whole', expires_in_days: 1.0 }, 1],
      ['most days', { name: 'most', expires_in_days: 365 }, 365],
      ['null for no end', { name: 'none', expires_in_days: null }, undefined],
      ['nothing for no end', { name: 'none', more: 1 }, undefined],
    ])('takes %s', async (_, body, days) => {
      const end = days === undefined ? null : world.vault.clock.now + days * day;
      const { id, expires_at } = await create(at, body);
      expect(expires_at === null ? null : Date.parse(expires_at)).toBe(end);
      await world.ask('DELETE', `${at}/${id}`, session());
    });

    const field = (name: string, type: string, msg: string, input: unknown) => ({
      type,
      loc: ['body', name],
      msg,
      input,
    });
    const days = (type: string, msg: string, input: unknown) => field('expires_in_days', type, msg, input);
    const integer = 'Input should be a valid integer';
    test.each<[string, string | undefined, object[]]>([
      ['no body', undefined, [{ type: 'missing', loc: ['body'], msg: 'Field required', input: null }]],
      [
        'no JSON',
        '{',
        [{ type: 'json_invalid', loc: ['body'], msg: 'the body is no JSON: it breaks at line 1', input: null }],
      ],
      [
        'a list',
        '[1]',
        [
          {
            type: 'model_attributes_type',
            loc: ['body'],
            msg: 'Input should be a valid dictionary or object to extract fields from',
            input: [1],
          },
        ],
      ],
      ['no name', '{"a":1}', [field('name', 'missing', 'Field required', { a: 1 })]],
      ['a number as a name', '{"name":1}', [field('name', 'string_type', 'Input should be a valid string', 1)]],
      ['null as a name', '{"name":null}', [field('name', 'string_type', 'Input should be a valid string', null)]],
      [
        'an empty name',
        '{"name":""}',
        [field('name', 'string_too_short', 'String should have at least 1 character', '')],
      ],
      [
        'a blank name',
        '{"name":" "}',
        [field('name', 'string_too_short', 'String should have at least 1 character', ' ')],
      ],
      [
        'too many days',
        '{"name":"x","expires_in_days":366}',
        [days('less_than_equal', 'Input should be less than or equal to 365', 366)],
      ],
      [
        'no days',
        '{"name":"x","expires_in_days":0}',
        [days('greater_than_equal', 'Input should be greater than or equal to 1', 0)],
      ],
      [
        'days in words',
        '{"name":"x","expires_in_days":"many"}',
        [days('int_parsing', `${integer}, unable to parse string as an integer`, 'many')],
      ],
      [
        'half a day',
        '{"name":"x","expires_in_days":0.5}',
        [days('int_from_float', `${integer}, got a number with a fractional part`, 0.5)],
      ],
      ['a list of days', '{"name":"x","expires_in_days":[1]}', [days('int_type', integer, [1])]],
      [
        'two faults',
        '{"expires_in_days":"many"}',
        [
          field('name', 'missing', 'Field required', { expires_in_days: 'many' }),
          days('int_parsing', `${integer}, unable to parse string as an integer`, 'many'),
        ],
      ],
      [
        'a name that is too long',
        JSON.stringify({ name: 'x'.repeat(129) }),
        [field('name', 'value_error', '"name" must be at most 128 characters', null)],
      ],
    ])('a key is not made of %s', async (_, body, detail) => {
      const headers = { ...json, ...bearer(world.credentials.session) };
      const answered = await world.ask('POST', at, { headers, ...(body === undefined ? {} : { body }) });
      expect(told(answered)).toEqual(wrong(...detail));
    });

    test('a body that is too large is refused', async () => {
      const sent = sending({ name: 'x'.repeat(70_000) }, world.credentials.session);
      expect(told(await world.ask('POST', at, sent))).toEqual(refused(413, 'the body is too large'));
    });

    test.each([
      ['POST', 'x/rotate'],
      ['DELETE', 'x'],
      ['DELETE', 'key_01h455vb4pex5vsknk084sn02q'],
    ])('%s of what is no UUID is refused', async (method, path) => {
      const input = path.split('/')[0];
      const detail = { type: 'uuid_parsing', loc: ['path', 'key_id'], msg: 'Input should be a valid UUID', input };
      expect(told(await world.ask(method, `${at}/${path}`, session()))).toEqual(wrong(detail));
    });

    test('a key of others is as one that is not there', async () => {
      const { id, key } = await create(at, { name: 'of the stranger' }, world.as('stranger'));
      for (const [method, path] of [
        ['POST', `${at}/${id}/rotate`],
        ['DELETE', `${at}/${id}`],
        ['GET', `/v1/api-keys/${id}`],
        ['POST', `${at}/${nowhere}/rotate`],
        ['DELETE', `${at}/${nowhere}`],
        ['GET', `/v1/api-keys/${nowhere}`],
      ] as const) {
        expect(told(await world.ask(method, path, session())), path).toEqual(notFound);
        expect(told(await world.ask(method, path, world.as('admin'))), path).toEqual(notFound);
      }
      expect(await works(key)).toBe(200);
      expect(await idsAt(at, session())).not.toContain(id);
    });

    test('the habits of clients do no harm', async () => {
      const headers = { ...json, ...bearer(world.credentials.session) };
      const { id } = await create(at, { name: 'harmless' });
      expect((await world.ask('GET', `${at}?page=1`, { headers })).status).toBe(200);
      const rotated = await world.ask('POST', `${at}/${id.toUpperCase()}/rotate`, { headers, body: 'null' });
      expect(rotated.status).toBe(200);
      const next = (rotated.body as Made).id;
      const there = await world.ask('DELETE', `${at}/${next}/?x=1`, { headers });
      expect(told(there)).toEqual({ status: 307, location: `${at}/${next}?x=1` });
      expect((await world.ask('POST', `${at}/`)).headers.location).toBe(at);
      expect(told(await world.ask('DELETE', `${at}/${next.toUpperCase()}`, { headers, body: '{}' }))).toEqual(
        says(204),
      );
    });

    test.each(['PUT', 'PATCH', 'DELETE'])('%s is no method of it', async (method) => {
      const answered = told(await world.ask(method, at, session()));
      expect(answered).toEqual({ ...refused(405, 'Method Not Allowed'), allow: 'GET, HEAD, OPTIONS, POST' });
      expect(told(await world.ask('GET', `${at}/a/b`, session()))).toEqual(refused(404, 'Not Found'));
    });
  });

  test('the later list has pages', async () => {
    const account = await register(world, 'pages');
    const asked = { key: account.access_token };
    const ids: string[] = [];
    for (let n = 0; n < 7; n++) ids.unshift((await create('/v1/api-keys', { name: `key ${n}` }, asked)).id);
    const page = async (query: string) => (await world.ask('GET', `/v1/api-keys${query}`, asked)).body;
    const said = (skip: number, limit: number, part: string[]) => ({
      items: part.map((id) => expect.objectContaining({ id })),
      total: 7,
      skip,
      limit,
      has_more: skip + part.length < 7,
    });
    expect(await page('')).toEqual(said(0, 50, ids));
    expect(await page('?limit=3')).toEqual(said(0, 3, ids.slice(0, 3)));
    expect(await page('?skip=3&limit=3')).toEqual(said(3, 3, ids.slice(3, 6)));
    expect(await page('?skip=6&limit=%201')).toEqual(said(6, 1, ids.slice(6)));
    expect(await page('?skip=9')).toEqual({ ...said(9, 50, []), has_more: false });
    expect((await world.ask('GET', '/api-keys', asked)).body).toEqual(ids.map((id) => expect.objectContaining({ id })));
    const query = (name: string, type: string, msg: string, input: string) =>
      wrong({ type, loc: ['query', name], msg, input });
    const parsing = 'Input should be a valid integer, unable to parse string as an integer';
    for (const [asks, expected] of [
      ['limit=0', query('limit', 'greater_than_equal', 'Input should be greater than or equal to 1', '0')],
      ['limit=101', query('limit', 'less_than_equal', 'Input should be less than or equal to 100', '101')],
      ['skip=-1', query('skip', 'greater_than_equal', 'Input should be greater than or equal to 0', '-1')],
      ['skip=x', query('skip', 'int_parsing', parsing, 'x')],
      ['limit=', query('limit', 'int_parsing', parsing, '')],
    ] as const) {
      expect(told(await world.ask('GET', `/v1/api-keys?${asks}`, asked)), asks).toEqual(expected);
    }
  });

  test('what was made natively is seen, rotated and revoked here, and the other way round', async () => {
    const { owner } = world.vault;
    const ann = world.call(world.credentials.session);
    const native = await ann('api-keys.create', { name: 'made natively', principal_id: world.people.ann.email });
    expect(await idsAt('/api-keys', session())).toContain(uuid(native.id));
    const { body } = await world.ask('POST', `/api-keys/${uuid(native.id)}/rotate`, session());
    const next = body as Made;
    expect([await works(native.key), await works(next.key)]).toEqual([401, 200]);
    expect(await owner('api-keys.verify', { key: next.key })).toMatchObject({ valid: true, name: 'made natively' });
    expect((await world.ask('GET', '/v1/auth/whoami', { key: next.key })).status).toBe(200);
    const found = await ann('api-keys.get', { id: 'made natively' });
    expect(found).toMatchObject({ rotated_from: native.id, key_prefix: 'mutx_liv', state: 'active' });
    await owner('api-keys.revoke', { id: found.id });
    expect(await works(next.key)).toBe(401);
    expect(told(await world.ask('DELETE', `/api-keys/${next.id}`, session()))).toEqual(says(204));
    const made = await create('/v1/api-keys', { name: 'rotated natively' });
    const { items } = await ann('api-keys.list', { principal_id: world.people.ann.email });
    const { id = '' } = items.find((one) => uuid(one.id) === made.id) ?? {};
    const rotated = await ann('api-keys.rotate', { id });
    expect([await works(made.key), await works(rotated.key)]).toEqual([401, 200]);
    await revokeAll(session());
  });

  test('a key that ends is no active one, and not counted', async () => {
    const account = await register(world, 'ends');
    const { clock } = world.vault;
    const began = clock.now;
    const asked = (): Asked => ({ headers: { 'X-API-Key': account.key } });
    const made = await create('/v1/api-keys', { name: 'a day', expires_in_days: 1 }, asked());
    clock.now += day - 1;
    expect(await works(made.key)).toBe(200);
    clock.now += 1;
    expect(await works(made.key)).toBe(401);
    const { body } = await world.ask('GET', `/v1/api-keys/${made.id}`, asked());
    expect(body).toMatchObject({ is_active: false });
    for (let n = 0; n < 10; n++) await create('/v1/api-keys', { name: 'kept' }, asked());
    clock.now = began;
  });

  describe('at once', () => {
    test('sixteen rotations of one key give one', async () => {
      const account = await register(world, 'rotates');
      const asked = { key: account.access_token };
      const { id, key } = await create('/api-keys', { name: 'one', expires_in_days: 5 }, asked);
      const all = Array.from({ length: 16 }, () => world.ask('POST', `/api-keys/${id}/rotate`, asked));
      const answers = await Promise.all(all);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(15).fill(409)]);
      const [given] = answers.filter(({ status }) => status === 200).map(({ body }) => body as Made);
      expect(await idsAt('/api-keys', asked)).toEqual([given?.id]);
      expect([await works(key), await works(given?.key ?? '')]).toEqual([401, 200]);
    });

    test('sixteen are asked for and ten made, the account’s own apart', async () => {
      const account = await register(world, 'ten');
      const asked = { key: account.access_token };
      const all = Array.from({ length: 16 }, (_, n) =>
        world.ask('POST', '/api-keys', { ...asked, body: `{"name":"${n}"}` }),
      );
      const answers = await Promise.all(all);
      expect(answers.map(({ status }) => status).sort()).toEqual([...Array(10).fill(201), ...Array(6).fill(409)]);
      const full = refused(409, 'Active API key limit reached (10)');
      expect(told(await world.ask('POST', '/v1/api-keys', { ...asked, body: '{"name":"x"}' }))).toEqual(full);
      const [first = ''] = await idsAt('/api-keys', asked);
      // In the place of one there may be another.
      expect((await world.ask('POST', `/api-keys/${first}/rotate`, asked)).status).toBe(200);
      const [next = ''] = await idsAt('/api-keys', asked);
      expect((await world.ask('DELETE', `/api-keys/${next}`, asked)).status).toBe(204);
      await create('/api-keys', { name: 'in its place' }, asked);
      expect((await world.ask('POST', '/api-keys', { ...asked, body: '{"name":"x"}' })).status).toBe(409);
      expect(await works(account.key)).toBe(200);
    });
  });

  test('a rotation that fails leaves the old key as it was', async () => {
    const { id, key } = await create('/api-keys', { name: 'kept' });
    const before = (await world.ask('GET', `/v1/api-keys/${id}`, session())).body;
    const fail = async (inFile: string, inDatabase: string): Promise<void> => {
      if (address === undefined) world.vault.edit((file) => file.exec(inFile));
      else await rowsOf(address, inDatabase);
    };
    await fail(
      "create trigger no_more before insert on api_keys begin select raise(abort, 'no more'); end",
      `create function no_more() returns trigger language plpgsql as $$ begin raise 'no more'; end $$;
       create trigger no_more before insert on api_keys for each row execute function no_more()`,
    );
    try {
      const failed = await world.ask('POST', `/api-keys/${id}/rotate`, session());
      expect(told(failed)).toEqual(refused(500, expect.any(String)));
      expect(failed.text).not.toMatch(/no more|trigger|insert/);
    } finally {
      await fail('drop trigger no_more', 'drop trigger no_more on api_keys; drop function no_more()');
    }
    expect((await world.ask('GET', `/v1/api-keys/${id}`, session())).body).toEqual(before);
    expect(await works(key)).toBe(200);
    expect((await world.ask('POST', `/api-keys/${id}/rotate`, session())).status).toBe(200);
    expect(await works(key)).toBe(401);
  });
});
