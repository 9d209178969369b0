import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test } from 'vitest';
import type { Tls } from '../../src/server/listen.ts';
import { makeCertificates } from '../store/certificates.ts';
import { createHttpWorld, type HttpWorld, json, rawTo } from './world.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

const certificate = (): Tls => {
  const certificates = makeCertificates();
  try {
    const issued = certificates.authority('test').issue('localhost');
    return { cert: readFileSync(issued.certificate), key: readFileSync(issued.key) };
  } finally {
    certificates.remove();
  }
};

const secrets = '/v1/projects/default/secrets';
const sleepUntil = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 100 && !(await isSo()); tries++) await sleep(50);
};

test('what is being answered ends, and nothing new begins', async () => {
  const world = await createHttpWorld();
  const { key } = await world.vault.client('owner', ['owner']);
  const body = JSON.stringify({ name: 'slow', values: { k: 'v' } });
  const head = `POST ${secrets} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n`;
  const socket = connect(world.port, '127.0.0.1');
  const parts: string[] = [];
  socket.on('data', (part) => parts.push(String(part)));
  socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`);
  await sleep(200);
  const stopping = world.stop();
  await sleep(200);
  await expect(world.ask('GET', '/healthz')).rejects.toThrow(/ECONNREFUSED/);
  socket.write(body.slice(5));
  await once(socket, 'close');
  expect(parts.join('')).toMatch(/^HTTP\/1.1 201 /);
  await stopping;
  expect(await world.vault.owner('secrets.get', { secret: 'slow' })).toMatchObject({ version: 1 });
  await world.vault.close();
});

test('who never ends is not waited for longer than was said', async () => {
  const world = await createHttpWorld({ stopTimeoutSeconds: 1 });
  const hanging = rawTo(world.port, `POST ${secrets} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{`, 20_000);
  await sleep(200);
  const began = Date.now();
  await world.stop();
  expect(Date.now() - began).toBeGreaterThan(800);
  expect(Date.now() - began).toBeLessThan(5000);
  await hanging;
  await world.vault.close();
});

test('a connection that is kept and idle does not keep the server', async () => {
  const world = await createHttpWorld();
  const agent = new Agent({ keepAlive: true });
  const asked = request({ port: world.port, host: '127.0.0.1', path: '/healthz', agent }).end();
  const [response] = await once(asked, 'response');
  response.resume();
  await once(response, 'end');
  const fresh = connect(world.port, '127.0.0.1').on('error', () => undefined);
  await once(fresh, 'connect');
  const began = Date.now();
  await world.close();
  expect(Date.now() - began).toBeLessThan(3000);
  agent.destroy();
  fresh.destroy();
});

test('a connection that lives on while it stops is told that it is not ready', async () => {
  const world = await createHttpWorld();
  const socket = connect(world.port, '127.0.0.1');
  const parts: string[] = [];
  socket.on('data', (part) => parts.push(String(part)));
  socket.write('GET /readyz HTTP/1.1\r\nHost: x\r\n');
  await sleep(200);
  const stopping = world.stop();
  socket.write('\r\n');
  await once(socket, 'close');
  expect(parts.join('')).toMatch(/^HTTP\/1.1 503 [\s\S]*"status":"stopping"/);
  expect(parts.join('')).toMatch(/^Connection: close\r$/im);
  await stopping;
  await world.vault.close();
});

test('the first use of a key is durable within a second or so, and the last at the stop', async () => {
  const world = await createHttpWorld();
  const one = await world.vault.client('one', ['viewer']);
  const two = await world.vault.client('two', ['viewer']);
  const usedAt = async (id: string): Promise<string | undefined> =>
    (await world.vault.owner('api-keys.get', { id })).last_used_at;
  await world.ask('GET', '/v1/auth/whoami', { key: one.key });
  await sleepUntil(async () => (await usedAt(one.keyId)) !== undefined);
  expect(await usedAt(one.keyId)).toBeDefined();
  await world.ask('GET', '/v1/auth/whoami', { key: two.key, headers: json });
  await world.stop();
  expect(await usedAt(two.keyId)).toBeDefined();
  await world.vault.close();
});

describe('an answer that is read slowly or not at all', () => {
  const values = Object.fromEntries(Array.from({ length: 14 }, (_, n) => [`k${n}`, 'v'.repeat(1024 * 1024)]));
  const asking = {
    references: Object.keys(values).map((name) => `large.${name}`),
    recipient: Buffer.alloc(32, 9).toString('base64'),
  };

  const ask = async (world: HttpWorld, socket: Socket, more: string): Promise<void> => {
    const { key } = await world.vault.client('owner', ['owner']);
    await world.vault.owner('secrets.create', { name: 'large', values });
    const body = JSON.stringify(asking);
    const head = `POST ${secrets}/use HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n`;
    socket.write(`${head}${more}Content-Length: ${body.length}\r\n\r\n${body}`);
  };

  /** How much of the answer came, and how much was said to come, where the server is stopped after the first of it. */
  const readWhileItStops = async (
    world: HttpWorld,
    socket: Socket,
    more = '',
  ): Promise<[came: number, said: number]> => {
    const parts: Buffer[] = [];
    socket.on('data', (part) => parts.push(part)).on('error', () => undefined);
    await ask(world, socket, more);
    await once(socket, 'data');
    socket.pause();
    const stopping = world.stop();
    await sleep(200);
    const closed = once(socket, 'close');
    socket.resume();
    await closed;
    await stopping;
    await world.vault.close();
    const text = Buffer.concat(parts).toString('latin1');
    return [text.length - text.indexOf('\r\n\r\n') - 4, Number(/^Content-Length: (\d+)/im.exec(text)?.[1])];
  };

  test.each([
    ['plainly', ''],
    ["by Node's server", 'TE: trailers\r\n'],
  ])('is not cut off, %s', async (_, more) => {
    const world = await createHttpWorld();
    const [came, said] = await readWhileItStops(world, connect(world.port, '127.0.0.1'), more);
    expect(came).toBe(said);
  });

  test("keeps no place when nobody reads it, by Node's server", async () => {
    const world = await createHttpWorld();
    const socket = connect(world.port, '127.0.0.1').pause();
    await ask(world, socket, 'TE: trailers\r\n');
    // Its line is written when the connection is gone.
    const asked = () => world.entries().filter(({ operation }) => operation === 'secrets.use');
    await expect.poll(asked, { timeout: 60_000, interval: 500 }).toHaveLength(1);
    socket.destroy();
    await world.close();
  });

  test.skipIf(!hasOpenssl)('is not cut off, encrypted', async () => {
    const world = await createHttpWorld({ tls: certificate() });
    const [came, said] = await readWhileItStops(world, connectTls({ port: world.port, rejectUnauthorized: false }));
    expect(came).toBe(said);
  });
});

describe.skipIf(!hasOpenssl)('over TLS', () => {
  /** The first bytes of a hello. */
  const begun = Buffer.from('16030100ff010000fb0303', 'hex');

  test.each([
    ['who has only begun to encrypt', (port: number) => connect(port).setNoDelay(true), begun],
    [
      'who never ends a request',
      (port: number) => connectTls({ port, rejectUnauthorized: false }),
      `POST ${secrets} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{`,
    ],
  ])('%s is not waited for longer than was said', async (_, to, bytes) => {
    const world = await createHttpWorld({ tls: certificate(), stopTimeoutSeconds: 1 });
    const socket = to(world.port).on('error', () => undefined);
    socket.write(bytes);
    await sleep(300);
    const began = Date.now();
    const closed = once(socket.resume(), 'close');
    await world.stop();
    expect(Date.now() - began).toBeLessThan(5000);
    await closed;
    await world.vault.close();
  });

  test('who never ends to begin is let go', { timeout: 30_000 }, async () => {
    const world = await createHttpWorld({ tls: certificate() });
    const socket = connect(world.port).on('error', () => undefined);
    socket.write(begun);
    await once(socket.resume(), 'close');
    await world.close();
  });
});
