import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DialectName, dialectNames, dialectOf } from '../../src/dialects/names.ts';
import { type Asked, sending } from '../http/world.ts';
import { engines } from '../store/postgres-shared.ts';
import { register } from './accounts.ts';
import { type Credentials, createDialectWorld, type DialectWorld, password, shown } from './world.ts';

/** The same numbers for the same seed, between 0 and 1. */
const seeded = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

type Chance = () => number;
const below = (chance: Chance, end: number): number => Math.floor(chance() * end);
const oneOf = <T>(chance: Chance, all: readonly T[]): T => all[below(chance, all.length)] as T;

const texts = [
  '',
  ' ',
  '\0',
  '\ud800',
  '__proto__',
  'constructor',
  'ünï😀',
  'x'.repeat(300),
  '-1',
  '1e309',
  '@me',
  'a@b.cd',
];
const names = [
  ...['name', 'expires_in_days', 'expiresIn', 'count', 'requestLimit', 'email', 'password', 'refresh_token', 'token'],
  ...['device_code', 'grant_type', 'client_id', 'skip', 'limit', '__proto__'],
];

const odd = (chance: Chance, depth = 0): unknown => {
  const kind = below(chance, depth > 3 ? 4 : 6);
  if (kind === 0) return oneOf(chance, [null, true, false]);
  if (kind === 1) return oneOf(chance, [0, -1, 1.5, 1, 60_000, 2 ** 53, 1e308, 5e-324]);
  if (kind <= 3) return oneOf(chance, texts);
  if (kind === 4) return Array.from({ length: below(chance, 4) }, () => odd(chance, depth + 1));
  return oddObject(chance, depth + 1);
};

const oddObject = (chance: Chance, depth = 0): object =>
  Object.fromEntries(Array.from({ length: below(chance, 5) }, () => [oneOf(chance, names), odd(chance, depth)]));

const oddBody = (chance: Chance): string | Uint8Array | undefined => {
  const kind = below(chance, 8);
  if (kind === 0) return undefined;
  if (kind === 1) return Uint8Array.from({ length: below(chance, 60) }, () => below(chance, 256));
  const text = JSON.stringify(kind === 2 ? odd(chance) : oddObject(chance));
  return kind === 3 ? text.slice(0, below(chance, text.length)) : text;
};

const encoded = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

const oddPart = (chance: Chance): string =>
  oneOf(chance, [
    '00000000-0000-7000-8000-000000000000',
    '%',
    '%zz',
    '%ff',
    ...texts.map((text) => encoded(text) || 'x'),
  ]);

const oddHeaders = (chance: Chance, credentials: Credentials): Record<string, string | string[]> => {
  const latin = Array.from({ length: below(chance, 20) }, () => String.fromCharCode(0x20 + below(chance, 0x5f))).join(
    '',
  );
  const live = oneOf(chance, [credentials.session, credentials.key, credentials.admin, credentials.token]);
  const all: Record<string, string | string[]> = {
    ...oneOf(chance, Object.values(shown))(credentials),
    ...(chance() < 0.7 ? { Authorization: `Bearer ${live}` } : {}),
    ...(chance() < 0.2 ? { 'X-API-Key': oneOf(chance, [live, latin, '']) } : {}),
    ...(chance() < 0.3 ? { 'X-Organization-Id': oneOf(chance, [latin, 'default', 'elsewhere', '\xff', '@me']) } : {}),
    ...(chance() < 0.2 ? { 'Idempotency-Key': latin } : {}),
    ...(chance() < 0.3 ? { 'Content-Type': oneOf(chance, ['', 'application/json', 'text/plain', 'x/\xff', ';']) } : {}),
    ...(chance() < 0.1 ? { 'Content-Encoding': 'gzip' } : {}),
  };
  return all;
};

const routesOf = async (name: DialectName): Promise<{ method: string; path: string }[]> => {
  const { routes, beside } = await dialectOf(name);
  return [...routes, ...beside].map(({ method, path }) => ({ method, path }));
};

describe.each(engines())('any dialect over %s', (_, place) => {
  let world: DialectWorld;
  beforeAll(async () => {
    world = await createDialectWorld(await place());
  });
  afterAll(() => world.close());

  test.each(dialectNames)('%s answers whatever comes, and never that it failed', async (name) => {
    const chance = seeded(name.length);
    const statuses = new Set<number>();
    for (const { method, path } of await routesOf(name)) {
      // Passwords are slow to check, and there is nothing to them that there isn't to the others.
      const isSlow = /login|register/.test(path);
      for (let n = 0; n < (isSlow ? 40 : 200); n++) {
        const query = chance() < 0.3 ? `?${oneOf(chance, names)}=${oddPart(chance)}&${oddPart(chance)}` : '';
        const target = path.replace(/\{\w+\}|\*/g, () => oddPart(chance)) + (chance() < 0.1 ? '/' : '') + query;
        const body = oddBody(chance);
        const asked = { headers: oddHeaders(chance, world.credentials), ...(body === undefined ? {} : { body }) };
        const { status, text } = await world.ask(chance() < 0.95 ? method : 'PATCH', target, asked);
        expect(status, `${method} ${target} ${JSON.stringify(asked)} ${text}`).toBeLessThan(500);
        statuses.add(status);
      }
    }
    expect([...statuses]).toEqual(expect.arrayContaining([400, 401, 404]));
    expect(world.entries().filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('the log holds no credential and nothing of a query or a body', async () => {
    const account = await register(world, 'logged');
    const headers = { 'User-Agent': 'secret-agent' };
    const minted = await world.ask('POST', '/api/2/auth/tokens', sending({ count: 1 }, world.credentials.key));
    const [token = ''] = /eyJ[\w-]+\.[\w-]+\.[\w-]+/.exec(minted.text) ?? [];
    const asks: [string, string, Asked][] = [
      ['GET', `/api/2/auth/token?token=${token}`, world.as('key')],
      ['GET', `/api/2/auth/token?token=secret-query`, { headers: { 'x-api-key': world.credentials.key } }],
      ['GET', `/api/2/market/secret-path?asset=secret-query`, { headers: { Authorization: world.credentials.key } }],
      ['GET', `/api/2/%zz?token=${token}`, {}],
      ['GET', '/agents', { headers: { 'X-API-Key': account.key } }],
      ['GET', '/agents', { headers: { 'X-API-Key': 'secret-header' } }],
      ['POST', '/auth/login', sending({ email: account.email, password })],
      ['POST', '/auth/login', sending({ email: 'secret-body@x.test', password: 'secret-body' })],
      ['POST', '/auth/refresh', sending({ refresh_token: account.refresh_token })],
      ['POST', '/api-keys', { key: account.access_token, headers, body: '{"name":"secret-body"}' }],
      ['DELETE', '/api-keys/secret-path', { key: account.access_token }],
      ['GET', '/api/v1/keys', { ...world.as('session'), headers: { 'X-Organization-Id': 'secret-header' } }],
      ['GET', '/api/v1/secret-path', world.as('session')],
    ];
    const answers: string[] = [];
    for (const [method, path, asked] of asks) answers.push((await world.ask(method, path, asked)).text);
    const log = world.log();
    const secrets = [token, account.key, account.access_token, account.refresh_token, account.email, password];
    for (const secret of [...secrets, world.credentials.key, world.credentials.session]) {
      expect(secret.length).toBeGreaterThan(8);
      expect(log).not.toContain(secret);
    }
    expect(log).not.toMatch(/secret-(query|path|header|body|agent)|[?&]token=|eyJ|mutx_live_|mbx_[0-9A-Za-z]{8}/);
    const given = answers.flatMap(
      (text) => text.match(/mutx_live_[\w-]{43}|eyJ[\w-]+\.[\w-]+\.[\w-]+|mbr_\w{49}/g) ?? [],
    );
    expect(given.length).toBeGreaterThan(3);
    for (const text of given) expect(log).not.toContain(text);
    const line = world.entries().find(({ route }) => route === '/api/2/auth/token');
    expect(line).toMatchObject({ operation: 'mobula tokens.inspect', method: 'GET', message: 'answered' });
  });
});
