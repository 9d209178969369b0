import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Machine } from '../process/machine.ts';
import { machineWithVault, type Served, serve } from './served.ts';
import { ask, sending } from './world.ts';

// A server, and beside it commands of other processes that change the same vault file.

let machine: Machine;
let served: Served;
let key: string;
beforeEach(async () => {
  machine = await machineWithVault();
  ({ key } = await machine.json<{ key: string }>('principals', 'create', 'ci', '--role', 'Viewer', '--with-key'));
  served = await serve(machine, '--listen', '127.0.0.1:0');
});
afterEach(async () => {
  served.kill('SIGTERM');
  await served.ended;
});

const whoami = async (): Promise<number> => (await ask(served, 'GET', '/v1/auth/whoami', { key })).status;

const ends: [string, string[], string[] | undefined][] = [
  [
    'a disabled key',
    ['api-keys', 'update', 'ci', '--state', 'disabled'],
    ['api-keys', 'update', 'ci', '--state', 'active'],
  ],
  [
    'a disabled principal',
    ['principals', 'update', 'ci', '--state', 'disabled'],
    ['principals', 'update', 'ci', '--state', 'active'],
  ],
  [
    'another network',
    ['api-keys', 'update', 'ci', '--allow-ip', '203.0.113.1'],
    ['api-keys', 'update', 'ci', '--allow-ip', ''],
  ],
  ['a revoked key', ['api-keys', 'revoke', 'ci'], undefined],
];
test.each(ends)('%s is refused from the very next request, and taken back as fast', async (_, end, back) => {
  expect(await whoami()).toBe(200);
  expect((await machine.mobius(end)).code).toBe(0);
  expect([401, 403]).toContain(await whoami());
  if (back === undefined) return;
  expect((await machine.mobius(back)).code).toBe(0);
  expect(await whoami()).toBe(200);
});

test('an expiry holds to the second', async () => {
  const expires = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3000);
  const made = ['api-keys', 'create', 'short', '--principal-id', 'ci', '--expires-at', expires.toISOString()];
  const short = await machine.json<{ key: string }>(...made);
  const status = async () => (await ask(served, 'GET', '/v1/auth/whoami', { key: short.key })).status;
  expect(await status()).toBe(200);
  await new Promise((done) => setTimeout(done, expires.getTime() - Date.now()));
  expect(await status()).toBe(401);
});

test('a change of roles holds from the very next request', async () => {
  const create = () =>
    ask(
      served,
      'POST',
      '/v1/projects/default/roles',
      sending({ name: 'r', permissions: ['mobius.project.view'] }, key),
    );
  expect((await create()).status).toBe(403);
  await machine.json('principals', 'update', 'ci', '--role-ids', 'Owner');
  expect((await create()).status).toBe(201);
  await machine.json('principals', 'update', 'ci', '--role-ids', 'Viewer');
  expect((await create()).status).toBe(403);
});

test('a disabled user and a new password end their sessions, whichever process made them', async () => {
  await machine.bash('printf a-fake-password | mobius users create ada@example.test --administrator');
  const signIn = async () => {
    const asked = sending({ email: 'ada@example.test', password: 'a-fake-password' });
    return (await ask(served, 'POST', '/v1/auth/login', asked)).body as { access_token: string };
  };
  const list = async (token: string) => (await ask(served, 'GET', '/v1/users', { key: token })).status;
  const first = await signIn();
  expect(await list(first.access_token)).toBe(200);
  await machine.json('users', 'disable', 'ada@example.test');
  expect(await list(first.access_token)).toBe(401);
  await machine.json('users', 'enable', 'ada@example.test');
  expect(await list(first.access_token)).toBe(401);
  const second = await signIn();
  expect(await list(second.access_token)).toBe(200);
  await machine.bash('printf another-fake-password | mobius users set-password ada@example.test');
  expect(await list(second.access_token)).toBe(401);
});

test('the first use of a key is on the disk within a second or so, while the server goes on', async () => {
  expect(await whoami()).toBe(200);
  const until = Date.now() + 5_000;
  const lastUsed = async () => (await machine.json<{ last_used_at?: string }>('api-keys', 'get', 'ci')).last_used_at;
  while ((await lastUsed()) === undefined && Date.now() < until) await new Promise((done) => setTimeout(done, 100));
  expect(await lastUsed()).toBeDefined();
});
