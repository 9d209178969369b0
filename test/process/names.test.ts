import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Machine, newMachine, withTools } from './machine.ts';

let machine: Machine;
let keyFile: string;
beforeAll(async () => {
  machine = newMachine();
  await machine.json('vault', 'init');
  const { id } = await machine.json('vault', 'status');
  keyFile = join(machine.home, '.config', 'mobius', 'keys', `${id}.key`);
  await machine.json('principals', 'create', '--name', 'worker', '--role', 'Worker');
  await machine.json('principals', 'create', '--name', 'watcher');
  await machine.json('principals', 'create', '--name', '-flag');
  await machine.json('principals', 'create', '--name', 'turned\u202eback');
  await machine.json('projects', 'create', 'Other');
  await machine.json('principals', 'create', '--name', 'stranger', '--project', 'other');
  await machine.json('api-keys', 'create', 'ci', '--principal-id', 'worker');
});
afterAll(() => machine.remove());

/** Always ends well and says nothing but names. */
const names = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string[]> => {
  const { code, stdout, stderr } = await machine.mobius(['vault', 'names', ...args], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.split('\n').filter((name) => name !== '');
};

test('tells each kind of name, and those that begin as typed', async () => {
  expect(await names(['principals'])).toEqual(['worker', 'watcher']);
  expect(await names(['principals', 'wo'])).toEqual(['worker']);
  expect(await names(['principals', '--project', 'other'])).toEqual(['stranger']);
  expect(await names(['projects'])).toEqual(['default', 'other']);
  expect(await names(['api-keys'])).toEqual(['ci']);
  expect(await names(['subjects', 'api'])).toEqual(['api-keys/ci']);
  expect(await names(['roles', 'Work'])).toEqual(['Worker']);
  expect(await names(['assignments', 'ras_'])).toHaveLength(1);
  for (const kind of ['users', 'tokens', 'secrets', 'rotations', 'profiles', 'nothing']) {
    expect(await names([kind])).toEqual([]);
  }
});

test('no more than two hundred, of those that begin as typed', async () => {
  const many = Object.fromEntries(Array.from({ length: 430 }, (_, index) => [`many-${index}`, { key: 'fake' }]));
  writeFileSync(join(machine.work, 'many.json'), JSON.stringify(many));
  await machine.json('import', 'json', 'many.json');
  expect(await names(['secrets', 'many'])).toHaveLength(200);
  expect(await names(['secrets', 'many-429'])).toEqual(['many-429']);
  expect(await names(['subjects'])).toHaveLength(200);
});

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

test('writes nothing, neither what waits for the next command', async () => {
  await machine.json('audit-logs', 'list');
  const before = hashOf(machine.vault);
  await names(['principals']);
  await names(['principals'], { MOBIUS_API_KEY: 'mbx_fake' });
  expect(hashOf(machine.vault)).toBe(before);
});

test('says nothing where nothing opens the vault by itself, and asks for nothing', async () => {
  renameSync(keyFile, `${keyFile}.away`);
  try {
    expect(await names(['principals'])).toEqual([]);
    expect(await names(['principals'], { MOBIUS_VAULT_KEY_COMMAND: `cat ${keyFile}.away; touch ran` })).toEqual([]);
    expect(existsSync(join(machine.work, 'ran'))).toBe(false);
  } finally {
    renameSync(`${keyFile}.away`, keyFile);
  }
  expect(await names(['principals', 'wo'])).toEqual(['worker']);
});

test('asks no server and no database', async () => {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  const url = `http://127.0.0.1:${port}`;
  const folder = join(machine.home, '.config', 'mobius');
  mkdirSync(folder, { recursive: true });
  const credentials = join(folder, 'credentials');
  writeFileSync(credentials, `[far]\napi_url = "${url}"\ntoken = "mbx_fake"\n`, { mode: 0o600 });
  try {
    expect(await names(['principals'], { MOBIUS_API_URL: url })).toEqual([]);
    expect(await names(['principals', '--api-url', url])).toEqual([]);
    expect(await names(['principals', '--profile', 'far'])).toEqual([]);
    expect(await names(['principals', '--vault', `postgres://127.0.0.1:${port}/x`])).toEqual([]);
    expect(await names(['profiles'])).toEqual(['far']);
    writeFileSync(credentials, 'not = [valid', { mode: 0o600 });
    expect(await names(['profiles'])).toEqual([]);
    expect(connections).toBe(0);
  } finally {
    rmSync(credentials);
    server.close();
  }
});

test('the project around the working folder counts as far as it is trusted, and is not spoken of', async () => {
  const file = join(machine.work, 'mobius.json');
  writeFileSync(file, '{"project":"other"}');
  try {
    expect(await names(['principals', 'st'])).toEqual([]);
    await machine.json('trust');
    expect(await names(['principals', 'st'])).toEqual(['stranger']);
  } finally {
    rmSync(file);
  }
});

withTools('mkfifo')('waits for nothing that nobody writes', async () => {
  const pipe = join(machine.work, 'pipe');
  execFileSync('mkfifo', [pipe]);
  expect(await names(['principals', '--vault', pipe])).toEqual([]);
  const file = join(machine.work, 'mobius.json');
  execFileSync('mkfifo', [file]);
  expect(await names(['principals'])).toEqual([]);
  rmSync(file);
  expect(await names(['profiles'], { MOBIUS_CREDENTIALS_FILE: pipe })).toEqual([]);
  expect(await names(['principals'], { MOBIUS_CREDENTIALS_FILE: pipe })).toEqual([]);
  renameSync(keyFile, `${keyFile}.away`);
  try {
    execFileSync('mkfifo', ['-m', '600', keyFile]);
    expect(await names(['principals'])).toEqual([]);
  } finally {
    renameSync(`${keyFile}.away`, keyFile);
  }
});

test('asks the agent, which stays no longer for it', async () => {
  await machine.json('vault', 'unlock');
  renameSync(keyFile, `${keyFile}.away`);
  const stays = async (): Promise<string> =>
    (await machine.json<{ agent: { idle_until: string } }>('vault', 'status')).agent.idle_until;
  try {
    const before = await stays();
    await sleep(1_100);
    expect(await names(['principals', 'wo'])).toEqual(['worker']);
    expect(await stays()).toBe(before);
    await machine.json('principals', 'list');
    expect(await stays()).not.toBe(before);
  } finally {
    renameSync(`${keyFile}.away`, keyFile);
    await machine.mobius(['vault', 'lock']);
  }
});
