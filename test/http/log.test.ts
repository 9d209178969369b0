import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHttpWorld, type HttpWorld, json, messageOf, sending } from './world.ts';

let world: HttpWorld;
let key: string;
beforeAll(async () => {
  world = await createHttpWorld();
  key = (await world.vault.client('owner', ['owner'])).key;
});
afterAll(() => world.close());

const secrets = '/v1/projects/default/secrets';
const value = 'plain-secret-value';

test('each request is a line, with its id, its operation and nothing of what was said', async () => {
  const made = await world.ask('POST', secrets, sending({ name: 'logged-name', values: { k: value } }, key));
  await world.ask('GET', `${secrets}/logged-name?note=${value}`, { key });
  await world.ask('GET', `${secrets}?tag=env:${value}`, { key });
  await world.ask('POST', '/v1/projects/default/api-keys/verify', sending({ key }, key));
  await world.ask('GET', `/${value}/${key}`, { headers: { Cookie: value, Authorization: `Basic ${value}` } });
  await world.ask('GET', `/%zz${value}`);
  await world.ask('POST', secrets, { key, headers: json, body: `{"name":"${value}` });
  await world.raw(`${value}\r\n\r\n`);
  expect(world.log()).not.toContain(value);
  expect(world.log()).not.toContain(key);
  expect(world.log()).not.toContain('logged-name');
  const line = world.entries().find(({ request_id }) => request_id === made.headers['x-request-id']);
  expect(line).toEqual({
    level: 'info',
    time: '2026-06-01T12:00:00.000Z',
    request_id: made.headers['x-request-id'],
    operation: 'secrets.create',
    method: 'POST',
    route: secrets.replace('default', ':project'),
    status: 201,
    duration_ms: expect.any(Number),
    ip: '127.0.0.1',
    message: 'answered',
  });
});

test('what goes wrong inside is in the log with its stack, and not in the answer', async () => {
  const own = await createHttpWorld();
  const client = await own.vault.client('owner', ['owner']);
  own.vault.edit((file) => file.exec('drop table secrets'));
  const answered = await own.ask('GET', secrets, { key: client.key });
  expect(answered.status).toBe(500);
  expect(answered.text).not.toMatch(/sqlite|table|\.ts|node:|vault\.db/i);
  expect(await own.ask('GET', '/healthz')).toMatchObject({ status: 200 });
  const line = own.entries().find(({ level }) => level === 'error');
  expect(line).toMatchObject({ request_id: answered.headers['x-request-id'], stack: expect.stringContaining('\n') });
  if (messageOf(answered)?.startsWith('something')) expect(answered.text).toContain('its log has the request id');
  await own.close();
});

test('a level that is asked for leaves the lesser ones out', async () => {
  const own = await createHttpWorld({ log: 'error' });
  await own.ask('GET', '/healthz');
  await own.close();
  expect(own.log()).toBe('');
});

test("the caller's address is the connection's, unless a proxy is said to stand there", async () => {
  const headers = { 'X-Forwarded-For': '203.0.113.9, 198.51.100.7' };
  const ipOf = async (behindProxy: boolean, given: Record<string, string>): Promise<unknown> => {
    const own = await createHttpWorld({ behindProxy });
    await own.ask('GET', '/healthz', { headers: given });
    await own.close();
    return own.entries().find(({ operation }) => operation === 'healthz')?.ip;
  };
  expect(await ipOf(false, headers)).toBe('127.0.0.1');
  expect(await ipOf(true, headers)).toBe('198.51.100.7');
  expect(await ipOf(true, {})).toBe('127.0.0.1');
  expect(await ipOf(true, { 'X-Forwarded-For': '203.0.113.9, nonsense' })).toBe('0.0.0.0');
  expect(await ipOf(true, { 'X-Forwarded-For': '203.0.113.9:4711' })).toBe('203.0.113.9');
  expect(await ipOf(true, { 'X-Forwarded-For': '[2001:db8::1]:4711' })).toBe('2001:db8::1');
  expect(await ipOf(true, { 'X-Forwarded-For': '::ffff:203.0.113.9' })).toBe('203.0.113.9');
});
