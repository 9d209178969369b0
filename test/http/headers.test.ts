import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttpWorld, type HttpWorld, sending } from './world.ts';

let world: HttpWorld;
beforeAll(async () => {
  world = await createHttpWorld({ corsOrigins: ['https://console.example.com'] });
});
afterAll(() => world.close());

const paths = [
  '/healthz',
  '/openapi.json',
  '/metrics',
  '/v1/auth/whoami',
  '/nothing',
  '/%zz',
  '/.well-known/jwks.json',
];

test.each(paths)('the answer at %s has what guards it', async (path) => {
  const { headers } = await world.ask('GET', path);
  expect(headers).toMatchObject({
    'x-request-id': expect.stringMatching(/^req_[0-9a-z]{26}$/),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cache-control': /json$/.test(path) ? expect.stringMatching(/^public, max-age=\d+$/) : 'no-store',
  });
  expect(headers['strict-transport-security']).toBeUndefined();
  expect(headers['x-powered-by']).toBeUndefined();
  expect(headers.server).toBeUndefined();
});

test('each request has an id of its own, whatever the caller sends', async () => {
  const headers = { 'X-Request-Id': 'mine' };
  const ids = [await world.ask('GET', '/healthz', { headers }), await world.ask('GET', '/healthz', { headers })].map(
    (answered) => answered.headers['x-request-id'],
  );
  expect(new Set([...ids, 'mine']).size).toBe(3);
});

describe('pages of another origin', () => {
  test('may call where it is named', async () => {
    const headers = { Origin: 'https://console.example.com' };
    const plain = await world.ask('GET', '/healthz', { headers });
    expect(plain.headers).toMatchObject({
      'access-control-allow-origin': 'https://console.example.com',
      vary: 'Origin',
    });
    const asked = { headers: { ...headers, 'Access-Control-Request-Method': 'POST' } };
    const preflight = await world.ask('OPTIONS', '/v1/projects/default/secrets', asked);
    expect(preflight).toMatchObject({
      status: 204,
      headers: {
        'access-control-allow-origin': 'https://console.example.com',
        'access-control-allow-headers': expect.stringContaining('Authorization'),
        'access-control-allow-methods': expect.stringContaining('POST'),
      },
    });
    expect(preflight.headers['access-control-allow-credentials']).toBeUndefined();
  });

  test.each(['https://evil.example.com', 'null', 'https://console.example.com.evil.example'])(
    'and not %s',
    async (origin) => {
      const { headers } = await world.ask('OPTIONS', '/v1/auth/whoami', { headers: { Origin: origin } });
      expect(headers['access-control-allow-origin']).toBeUndefined();
      expect(headers['access-control-allow-headers']).toBeUndefined();
    },
  );
});

test('an idempotency key is visible and not long', async () => {
  const { key } = await world.vault.client('owner', ['owner']);
  const path = '/v1/projects/default/secrets';
  const statuses: number[] = [];
  for (const text of ['a b', 'a'.repeat(256), '', 'é', 'fine', 'a'.repeat(255)]) {
    const asked = sending({ name: `s${statuses.length}`, values: { k: 'v' } }, key);
    const headers = { ...asked.headers, 'Idempotency-Key': text };
    statuses.push((await world.ask('POST', path, { ...asked, headers })).status);
  }
  expect(statuses).toEqual([400, 400, 400, 400, 201, 201]);
});
