import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MobiusError } from '../../src/errors.ts';
import { isLoopback, parseAddress } from '../../src/server/address.ts';
import { makeVault, type TestVault } from '../core/world.ts';
import { ask, createHttpWorld } from './world.ts';

let vault: TestVault;
const folder = mkdtempSync(join(tmpdir(), 'mobius-listen-'));
beforeAll(async () => {
  vault = await makeVault();
});
afterAll(async () => {
  await vault.close();
  rmSync(folder, { recursive: true, force: true });
});

const refusalOf = async (options: Parameters<typeof createHttpWorld>[0]): Promise<MobiusError> => {
  const started = await createHttpWorld(options, { vault }).catch((error: unknown) => error);
  if (started instanceof MobiusError) return started;
  throw started;
};

describe('an address', () => {
  test.each([
    ['127.0.0.1:7373', '127.0.0.1', 7373, true],
    ['localhost:0', '127.0.0.1', 0, true],
    ['127.9.9.9:1', '127.9.9.9', 1, true],
    ['[::1]:7373', '::1', 7373, true],
    ['0.0.0.0:7373', '0.0.0.0', 7373, false],
    ['[::]:7373', '::', 7373, false],
    ['[::ffff:127.0.0.1]:1', '::ffff:127.0.0.1', 1, false],
    ['localhost.example.com:80', 'localhost.example.com', 80, false],
    ['127.example.com:80', '127.example.com', 80, false],
    ['10.0.0.1:80', '10.0.0.1', 80, false],
  ])('%s', (text, host, port, loopback) => {
    const address = parseAddress(text);
    expect({ ...address, loopback: isLoopback(address) }).toEqual({ host, port, loopback });
  });

  test.each([
    '',
    '7373',
    ':7373',
    '127.0.0.1',
    '127.0.0.1:70000',
    'http://127.0.0.1:1',
    '::1:7373',
    '[::g]:1',
    'a b:1',
  ])('is not "%s"', (text) => {
    expect(() => parseAddress(text)).toThrow(/--listen must be HOST:PORT/);
  });
});

test('others can reach it only behind TLS or a proxy', async () => {
  const listen = { host: '0.0.0.0', port: 0 };
  const error = await refusalOf({ listen });
  expect({ code: error.code, message: error.message }).toEqual({
    code: 'usage',
    message: '--listen "0.0.0.0:0" can be reached from other machines, and nothing would be encrypted',
  });
  const behind = await createHttpWorld({ listen, behindProxy: true }, { vault });
  expect(await behind.ask('GET', '/healthz')).toMatchObject({ status: 200 });
  await behind.stop();
});

test('a port that is taken is told with its flag', async () => {
  const one = await createHttpWorld({}, { vault });
  const error = await refusalOf({ listen: { host: '127.0.0.1', port: one.port } });
  expect(error.message).toBe(`can't listen on --listen "127.0.0.1:${one.port}": address already in use`);
  expect(error.kind.exit).toBe(1);
  await one.stop();
});

test('what is no certificate is refused', async () => {
  const tls = { cert: Buffer.from('no'), key: Buffer.from('no') };
  expect((await refusalOf({ tls })).message).toBe('--tls-cert and --tls-key are no certificate and its key in PEM');
});

describe.skipIf(process.platform === 'win32')('a socket', () => {
  const path = join(folder, 'own', 'mobius.sock');

  test('is for its owner alone, and gone after the stop', async () => {
    const world = await createHttpWorld({ unix: path }, { vault });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'own')).mode & 0o777).toBe(0o700);
    expect(await ask({ socketPath: path }, 'GET', '/healthz')).toMatchObject({ status: 200 });
    expect(await ask({ socketPath: path }, 'GET', '/v1/auth/whoami')).toMatchObject({ status: 401 });
    expect(world.entries().find(({ operation }) => operation === 'healthz')).toMatchObject({ ip: '127.0.0.1' });
    await world.stop();
    expect(existsSync(path)).toBe(false);
  });

  test('that somebody answers on is not taken away, and one that was left is', async () => {
    const only = { unix: path };
    const world = await createHttpWorld(only, { vault });
    expect((await refusalOf(only)).message).toBe(`somebody answers on --unix "${path}" already`);
    await world.stop();
    // A server that is closed under another name leaves its socket behind, as a killed one does.
    const left = createServer();
    await new Promise<void>((done) => left.listen(join(folder, 'own', 'left'), done));
    renameSync(join(folder, 'own', 'left'), path);
    await new Promise((done) => left.close(done));
    expect(existsSync(path)).toBe(true);
    const next = await createHttpWorld(only, { vault });
    expect(await ask({ socketPath: path }, 'GET', '/healthz')).toMatchObject({ status: 200 });
    await next.stop();
  });

  test('does not replace a file', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, 'mine');
    expect((await refusalOf({ unix: file })).message).toBe(`--unix "${file}" is there already and is no socket`);
  });

  // Where root may make none either.
  test('that may not be made is told with its flag', async () => {
    expect((await refusalOf({ unix: '/proc/mobius.sock' })).message).toMatch(
      /can't listen on --unix .*(permission denied|no such file)/,
    );
  });

  test('serves the owner without a credential where that is asked for, and still a key as what it is', async () => {
    const error = await refusalOf({ listen: { host: '127.0.0.1', port: 0 }, ownerWithoutCredential: true });
    expect(error.message).toBe('the owner is served on a private socket only');
    const world = await createHttpWorld({ unix: path, ownerWithoutCredential: true }, { vault });
    const whoami = (key?: string) =>
      ask({ socketPath: path }, 'GET', '/v1/auth/whoami', key === undefined ? {} : { key });
    expect(await whoami()).toMatchObject({ status: 200, body: { kind: 'owner' } });
    expect(await whoami('mbx_nothing')).toMatchObject({ status: 401 });
    const { key } = await vault.client('viewer', ['viewer']);
    expect(await whoami(key)).toMatchObject({ status: 200, body: { kind: 'api-key' } });
    await world.stop();
  });
});
