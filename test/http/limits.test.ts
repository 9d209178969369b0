import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeOf, createHttpWorld, type HttpWorld, json, messageOf, sending } from './world.ts';

let world: HttpWorld;
let key: string;
beforeAll(async () => {
  world = await createHttpWorld();
  key = (await world.vault.client('owner', ['owner'])).key;
});
afterAll(() => world.close());

const secrets = '/v1/projects/default/secrets';
const mebibyte = 1024 * 1024;
const bodyOf = (raw: string): { error?: { code?: string } } =>
  JSON.parse(raw.slice(raw.indexOf('\r\n\r\n') + 4)) as { error?: { code?: string } };

test('the largest secret comes through, and a larger body does not', async () => {
  const values = Object.fromEntries(Array.from({ length: 15 }, (_, index) => [`k${index}`, 'v'.repeat(mebibyte)]));
  expect(await world.ask('POST', secrets, sending({ name: 'large', values }, key))).toMatchObject({ status: 201 });
  const headers = { ...json, 'Content-Length': String(21 * mebibyte) };
  const answered = await world.ask('POST', secrets, { key, headers });
  expect({ status: answered.status, message: messageOf(answered) }).toEqual({
    status: 413,
    message: 'the body is too large',
  });
});

test('a chunked body without end is cut off', async () => {
  const head = `POST ${secrets} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const chunk = `100000\r\n${'a'.repeat(mebibyte)}\r\n`;
  expect(await world.raw(head + chunk.repeat(22))).toMatch(/^HTTP\/1.1 413 /);
});

test('little is read where no credential is needed, or with one that is none', async () => {
  const headers = { ...json, 'Content-Length': String(mebibyte) };
  expect(await world.ask('POST', '/v1/auth/login', { headers })).toMatchObject({ status: 413 });
  const body = `{"name":"${'a'.repeat(mebibyte)}"}`;
  const answered = await world.ask('POST', secrets, { key: 'mbx_nothing', headers: json, body });
  expect([400, 401]).toContain(answered.status);
});

test('large headers are refused, with an answer', async () => {
  const raw = await world.raw(`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: ${'a'.repeat(20_000)}\r\n\r\n`);
  expect(raw).toMatch(/^HTTP\/1.1 431 /);
  expect(raw).toMatch(/^X-Request-Id: req_\w{26}\r$/m);
  expect(raw).toMatch(/^Connection: close\r$/m);
  expect(bodyOf(raw).error?.code).toBe('bad_request');
});

test.each([
  ['no HTTP at all', 'hello\r\n\r\n'],
  ['the hello of TLS', Buffer.from('16030100ff010000fb0303', 'hex')],
  ['zeros', Buffer.alloc(64)],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na'],
  [
    'a length and chunks',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['a header with a line feed alone', 'GET / HTTP/1.1\r\nHost: x\r\nA: b\nC: d\r\n\r\n'],
  ['a space before the colon', 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 1\r\n\r\na'],
  ['no host', 'GET / HTTP/1.1\r\n\r\n'],
])('%s is answered with a 400, and the connection closed', async (_, bytes) => {
  const raw = await world.raw(bytes);
  expect(raw).toMatch(/^HTTP\/1.1 400 /);
  expect(raw).toMatch(/^Connection: close\r$/im);
});

test('garbage behind a request is not answered as that request', async () => {
  const raw = await world.raw(`GET /v1/auth/whoami HTTP/1.1\r\nHost: x\r\n\r\nGARBAGE\r\n\r\n`);
  expect(raw).toMatch(/^HTTP\/1.1 401 /);
  expect(raw.match(/HTTP\/1.1 /g)).toHaveLength(1);
});

test('an expectation that nobody knows is passed over', async () => {
  const raw = await world.raw('GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nConnection: close\r\n\r\n');
  expect(raw).toMatch(/^HTTP\/1.1 200 /);
  expect(raw).toMatch(/^X-Request-Id: req_/im);
});

test('a request to be another protocol is an ordinary one', async () => {
  const raw = await world.raw(
    'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    500,
  );
  expect(raw).toMatch(/^HTTP\/1.1 200 /);
});

test('who sends headers slowly is let go', async () => {
  const began = Date.now();
  const raw = await world.raw('GET /healthz HTTP/1.1\r\nHost: x\r\n', 20_000);
  expect(raw).toMatch(/^HTTP\/1.1 408 /);
  expect(Date.now() - began).toBeLessThan(15_000);
}, 30_000);

test('after all this it works as before', async () => {
  expect(await world.ask('GET', '/v1/auth/whoami', { key })).toMatchObject({ status: 200 });
  expect(codeOf(await world.ask('GET', '/nothing'))).toBe('not_found');
});
