import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHttpWorld, type HttpWorld } from './world.ts';

let world: HttpWorld;
beforeEach(async () => {
  world = await createHttpWorld({ log: 'info' });
});
afterEach(() => world.close());

const half =
  'POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{';

const opened = (): Promise<Socket> =>
  new Promise((done, failed) => {
    const socket = connect(world.port, '127.0.0.1', () => done(socket)).on('error', failed);
  });

const inFlight = async (): Promise<number> => {
  const { text } = await world.ask('GET', '/metrics');
  return Number(/^mobius_http_in_flight (\S+)$/m.exec(text)?.[1]);
};

test('a caller who hangs up in the middle of a body leaves nothing behind', async () => {
  const sockets = await Promise.all(Array.from({ length: 50 }, opened));
  for (const socket of sockets) socket.write(half);
  // The one that asks is itself in flight.
  await expect.poll(inFlight, { timeout: 10_000 }).toBe(51);
  for (const socket of sockets) socket.destroy();
  await expect.poll(inFlight, { timeout: 10_000 }).toBe(1);
});

test('bytes that are no HTTP behind half a body end the connection', async () => {
  const socket = await opened();
  const closed = new Promise((done) => socket.once('close', done));
  socket.write(`POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n`);
  await closed;
  await expect.poll(inFlight, { timeout: 10_000 }).toBe(1);
});
