import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { entries } from '../core/chain.ts';
import { type Answered, type Asked, createHttpWorld, type HttpWorld, json, sending } from '../http/world.ts';

/** What somebody might try against a server that speaks all three. */

const password = 'a-fake-password';

let world: HttpWorld;
beforeEach(async () => {
  world = await createHttpWorld({ dialects: ['mobilenext', 'mobula', 'mutx'], openRegistration: true });
});
afterEach(() => world.close());

type Item = Record<string, unknown>;
const item = ({ body }: Answered): Item => body as Item;

const person = async (email: string, role = 'Operator'): Promise<string> => {
  await world.vault.owner('users.create', { email, password, role_ids: [role] });
  return signIn(email);
};

const signIn = async (email: string): Promise<string> =>
  String(item(await world.ask('POST', '/auth/login', sending({ email, password }))).access_token);

const having = (key: string, headers: Record<string, string> = {}): Asked => ({ key, headers });

const posting = (value: unknown, key: string, headers: Record<string, string> = {}): Asked => ({
  key,
  headers: { ...json, ...headers },
  body: JSON.stringify(value),
});

describe('MobileNext', () => {
  test('of two keys of one name the one that no name finds is rotated in our own contract too', async () => {
    const ada = await person('ada@example.test');
    for (const _ of [1, 2]) await world.ask('POST', '/api/v1/keys', posting({ name: 'twin' }, ada));
    const { items } = await world.vault.owner('api-keys.list', {});
    for (const { id } of items) {
      const made = await world.vault.owner('api-keys.rotate', { id });
      expect(made).toMatchObject({ name: 'twin', rotated_from: id });
      expect(made.key).toMatch(/^mob_/);
    }
    expect(await world.vault.owner('api-keys.list', { state: 'active' })).toMatchObject({
      items: [{ name: 'twin' }, { name: 'twin' }],
    });
  });

  test('a key is found by its UUID alone, not by its name or by our own id', async () => {
    const ada = await person('ada@example.test');
    await world.ask('POST', '/api/v1/keys', posting({ name: 'prod' }, ada));
    const { items } = await world.vault.owner('api-keys.list', {});
    for (const id of ['prod', items[0]?.id, '@me']) {
      expect((await world.ask('DELETE', `/api/v1/keys/${id}`, having(ada))).status).toBe(404);
    }
    expect((await world.vault.owner('api-keys.list', {})).items).toMatchObject([{ state: 'active' }]);
  });

  test('who is not accepted learns nothing of what else was wrong', async () => {
    const body = { headers: json, body: '{"a":' };
    for (const asked of [body, { ...body, key: 'mob_made-up' }]) {
      expect((await world.ask('POST', '/api/v1/sessions', asked)).status).toBe(401);
    }
  });
});

describe('Mobula', () => {
  test('who is not accepted learns nothing of what else was wrong, and a key may ask anything', async () => {
    const { key } = await world.vault.client('mula', ['Operator']);
    for (const query of ['a=1&a=2', 'a=%zz']) {
      expect((await world.ask('GET', `/api/2/market?${query}`)).status).toBe(401);
      expect(await world.ask('GET', `/api/2/market?${query}`, having(key))).toMatchObject({ status: 200, text: '{}' });
    }
  });
});

describe('MUTX', () => {
  test('a refusal repeats no password and no refresh token', async () => {
    const secret = 'a-fake-secret-to-find';
    for (const [path, body] of [
      ['login', { password: secret }],
      ['login', { email: 'a@b.test', password: [secret] }],
      ['login', [secret]],
      ['register', { email: 'a@b.test', password: secret }],
      ['refresh', { refresh_token: { secret } }],
      ['refresh', secret],
    ] as const) {
      const answer = await world.ask('POST', `/auth/${path}`, sending(body));
      expect({ status: answer.status, isRepeated: answer.text.includes(secret) }).toEqual({
        status: 422,
        isRepeated: false,
      });
    }
    expect(world.log()).not.toContain(secret);
  });

  test('a refresh token ends its session', async () => {
    await person('ada@example.test');
    const made = item(await world.ask('POST', '/auth/login', sending({ email: 'ada@example.test', password })));
    const { refresh_token, access_token } = made;
    expect((await world.ask('POST', '/auth/logout', sending({ refresh_token }))).status).toBe(200);
    expect((await world.ask('GET', '/auth/me', having(String(access_token)))).status).toBe(401);
  });

  test('a path is asked for again with all of its query', async () => {
    const { status, headers } = await world.ask('GET', '/v1/api-keys/?skip=1?2');
    expect([status, headers.location]).toEqual([307, '/v1/api-keys?skip=1?2']);
  });
});

describe('a key', () => {
  test('of a person, made in another contract, makes no keys for them', async () => {
    const ada = await person('ada@example.test');
    const { apiKey } = item(await world.ask('POST', '/api/v1/keys', posting({ name: 'a' }, ada)));
    const other = await world.ask('POST', '/v1/api-keys', posting({ name: 'b' }, String(apiKey)));
    expect(other.status).toBe(403);
    const { key } = item(await world.ask('POST', '/v1/api-keys', posting({ name: 'c' }, ada)));
    expect((await world.ask('POST', '/v1/api-keys', posting({ name: 'd' }, String(key)))).status).toBe(201);
  });

  test('lifts no limits by rotating another', async () => {
    const { principal } = await world.vault.client('mula', ['Operator']);
    const make = (name: string, rate_limit: string) =>
      world.vault.owner('api-keys.create', { name, principal_id: principal.id, rate_limit });
    const [wide, narrow] = [await make('wide', '1000/1s'), await make('narrow', '1/3600s')];
    const call = world.vault.as(wide.key);
    await expect(call('api-keys.rotate', { id: narrow.id })).rejects.toMatchObject({ code: 'forbidden' });
    expect(await call('api-keys.rotate', { id: wide.id })).toMatchObject({ rate_limit: '1000/1s' });
  });
});

describe('the audit log', () => {
  const logged = async (action: string, project: string): Promise<string[]> => {
    const { id } = await world.vault.owner('projects.get', { id: project });
    return entries(world.vault)
      .filter((entry) => entry.action === action && entry.project_id === id)
      .map(({ resource_type }) => resource_type)
      .sort();
  };

  test('of a project says that somebody took a part in it', async () => {
    await world.vault.owner('users.create', { email: 'root@example.test', password, administrator: true });
    const root = await signIn('root@example.test');
    await world.ask('POST', '/v1/api-keys', posting({ name: 'a' }, root));
    expect(await logged('api-keys.create', 'default')).toEqual(['api_key', 'principal']);
    const { headers } = await world.ask(
      'POST',
      '/auth/register',
      sending({ email: 'm@example.test', name: 'M', password }),
    );
    const { project = '' } = await world.vault.as(String(headers['x-api-key']))('auth.whoami', {});
    expect(await logged('auth.register', project)).toEqual(['api_key', 'principal']);
  });
});

describe('a key that makes a request repeatable', () => {
  const once = { 'Idempotency-Key': 'once' };

  test('gives no answer of another organization or contract', async () => {
    const ada = await person('ada@example.test');
    await world.vault.owner('projects.create', { name: 'B', handle: 'bee' });
    const part = { name: 'ada', user_id: 'ada@example.test', role_ids: ['Operator'] };
    await world.vault.owner('principals.create', { ...part, project: 'bee' });
    const body = { name: 'i' };
    expect((await world.ask('POST', '/api/v1/keys', posting(body, ada, once))).status).toBe(201);
    for (const answer of [
      await world.ask('POST', '/api/v1/keys', posting(body, ada, { ...once, 'X-Organization-Id': 'bee' })),
      await world.ask('POST', '/v1/api-keys', posting(body, ada, once)),
      await world.ask('POST', '/v1/projects/default/api-keys', posting({ ...body, principal_id: '@me' }, ada, once)),
    ]) {
      expect(answer.status).toBe(409);
      expect(answer.text).not.toContain('mob_');
    }
  });

  test('gives the same answer a moment later, also where time is part of what is asked', async () => {
    const ada = await person('ada@example.test');
    const ask = (days: number) =>
      world.ask('POST', '/v1/api-keys', posting({ name: 'e', expires_in_days: days }, ada, once));
    const first = await ask(3);
    world.vault.clock.now += 1000;
    expect(await ask(3)).toMatchObject({ status: 201, text: first.text });
    expect((await ask(4)).status).toBe(409);
  });
});
