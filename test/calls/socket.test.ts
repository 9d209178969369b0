import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { type Answer, openConnection, type Request } from '../../src/calls/http.ts';
import { answerIn, askSocket, reachSocket } from '../../src/calls/socket.ts';

const folder = mkdtempSync(join(tmpdir(), 'mobius-socket-'));
const path = join(folder, 'a.sock');
let server: Server | undefined;
afterEach(async () => {
  await new Promise<void>((done) => (server === undefined ? done() : server.close(() => done())));
  server = undefined;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const listen = (made: Server): Promise<void> => {
  server = made;
  return new Promise((done) => made.listen(path, done));
};

const ask = (request: Partial<Request> = {}, timeoutMs?: number): Promise<Answer> =>
  openConnection(new URL('http://localhost'), { env: {}, socketPath: path, timeoutMs }).send({
    method: 'GET',
    path: '/x?a=1',
    headers: {},
    ...request,
  });

/** Answers with these bytes, each part when the one before was taken, and ends. */
const saying = (...parts: readonly (string | Buffer)[]): Promise<void> =>
  listen(
    createServer((socket: Socket) => {
      socket.on('error', () => undefined);
      socket.once('data', async () => {
        for (const part of parts) {
          await new Promise((done) => socket.write(part, done));
          await new Promise((done) => setImmediate(done));
        }
        socket.end();
      });
    }),
  );

test('a request arrives whole at a server of Node, and its answer comes back', async () => {
  const seen: unknown[] = [];
  await listen(
    createHttpServer(async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      const { method, url, headers } = request;
      seen.push([method, url, headers.authorization, Buffer.concat(parts).toString('utf8')]);
      const text = JSON.stringify({ id: 'ä'.repeat(200_000) });
      response.writeHead(201, { 'X-Request-Id': ' r ', 'Content-Length': Buffer.byteLength(text) }).end(text);
    }),
  );
  const body = JSON.stringify({ name: 'ö'.repeat(100_000) });
  const answer = await ask({ method: 'POST', headers: { Authorization: 'Bearer plainly-fake' }, body });
  expect(seen).toEqual([['POST', '/x?a=1', 'Bearer plainly-fake', body]]);
  expect(answer).toMatchObject({ status: 201, headers: { 'x-request-id': 'r' } });
  expect(answer.text).toBe(JSON.stringify({ id: 'ä'.repeat(200_000) }));
});

/** A server that counts who connects, and who is gone. */
const counting = async (): Promise<{ came: number; gone: number }> => {
  const counts = { came: 0, gone: 0 };
  const made = createHttpServer((_, response) => void response.writeHead(200, { 'Content-Length': 2 }).end('{}'));
  made.on('connection', (socket: Socket) => {
    counts.came++;
    socket.on('close', () => counts.gone++);
  });
  await listen(made);
  return counts;
};

const askNow = (): Promise<Answer> =>
  new Promise((done, failed) => {
    const request = { method: 'GET', path: '/', headers: {} };
    askSocket(path, request, 1000)({ connected: () => undefined, done, failed });
  });

test('who asks as soon as somebody was reached needs no other connection, and the next one does', async () => {
  const counts = await counting();
  await reachSocket(path);
  expect(await askNow()).toMatchObject({ status: 200, text: '{}' });
  expect(counts.came).toBe(1);
  await askNow();
  expect(counts.came).toBe(2);
  await expect.poll(() => counts.gone).toBe(2);
});

test('a connection that nobody asks through at once is closed', async () => {
  const counts = await counting();
  await reachSocket(path);
  await reachSocket(path);
  await expect.poll(() => counts).toEqual({ came: 2, gone: 2 });
  await askNow();
  expect(counts.came).toBe(3);
});

test('where nobody listens the fault of the system says so', async () => {
  await expect(reachSocket(join(folder, 'none.sock'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('an answer is put together wherever it was cut', () => {
  const bytes = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{ä}');
  for (let length = 0; length < bytes.length; length++) {
    const least = answerIn(bytes.subarray(0, length));
    expect(least).toBeGreaterThan(length);
    expect(least).toBeLessThanOrEqual(bytes.length);
  }
  expect(answerIn(bytes)).toMatchObject({ status: 200, text: '{ä}' });
});

test.each([
  ['without a body', 'HTTP/1.1 204 No Content\r\n\r\n', { status: 204, text: '' }],
  ['in parts', ['HTTP/1.1 200 OK\r\nContent-Le', 'ngth: 2\r\n\r', '\n{', '}'], { status: 200, text: '{}' }],
] as const)('an answer %s', async (_, said, expected) => {
  await saying(...[said].flat());
  expect(await ask()).toMatchObject(expected);
});

test.each([
  ['that is cut off', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}', 'closed the connection before it answered'],
  ['that is none', 'SSH-2.0-fake\r\n\r\n', 'answered something that is no HTTP'],
  ['that never begins', 'x'.repeat(70_000), 'answered something that is no HTTP'],
  ['whose length nobody tells', 'HTTP/1.1 200 OK\r\n\r\n{}', 'answered something that is no HTTP'],
  ['in another spelling', 'HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\n{}', 'answered something that is no HTTP'],
  ['that is too long', 'HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n', 'answered with more than 32 MiB'],
])('an answer %s is refused', async (_, said, message) => {
  await saying(said);
  await expect(ask()).rejects.toMatchObject({ code: 'service_unavailable', message: `"${path}" ${message}` });
});

test('nothing listens, nobody answers, and whoever asks may give up', async () => {
  await expect(ask()).rejects.toMatchObject({ message: `nothing listens at "${path}"` });
  await listen(createServer((socket) => void socket.on('error', () => undefined).resume()));
  await expect(ask({}, 20)).rejects.toMatchObject({ details: { reason: 'timeout' } });
  await expect(ask({ signal: AbortSignal.timeout(20) })).rejects.toMatchObject({ details: { reason: 'abort' } });
});

test('what would begin another line of a request is refused before anything is sent', async () => {
  let asked = 0;
  await listen(createServer(() => void asked++));
  const headers = { Authorization: 'Bearer fake\r\nX-Other: 1' };
  await expect(ask({ headers })).rejects.toMatchObject({ code: 'usage' });
  await expect(ask({ path: '/x HTTP/1.1\r\nX-Other: 1' })).rejects.toMatchObject({ code: 'usage' });
  expect(asked).toBe(0);
});
