import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Ended, type Machine, newMachine, withTools } from './machine.ts';
import { openTerminal } from './terminal.ts';

/** A vault that a passphrase opens, and the agent that holds it open. */

interface State {
  pid: number;
  since: string;
  idle_until?: string;
  locks_at: string;
}

const passphrase = 'plainly a fake passphrase of a test';
const hash = /^[0-9a-f]+-[0-9a-f]+-[0-9a-f]{1,8}\.sock$/;
const longMs = 120_000;

/** A new passphrase takes a while to hash: the vault is made once, and copied for each test. */
let template: Machine;
let machine: Machine;
let folder: string;
const pids = new Set<number>();

beforeAll(async () => {
  template = newMachine();
  writeFileSync(join(template.work, 'passphrase.txt'), `${passphrase}\n`);
  await template.json('vault', 'init', '--passphrase-file', 'passphrase.txt');
});
afterAll(() => template.remove());
beforeEach(() => {
  machine = newMachine();
  folder = join(machine.dataFolder, 'run');
  writeFileSync(join(machine.work, 'passphrase.txt'), `${passphrase}\n`);
  mkdirSync(machine.dataFolder, { recursive: true });
  copyFileSync(template.vault, machine.vault);
});
afterEach(() => {
  for (const pid of pids) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  pids.clear();
  machine.remove();
});

/** One that nobody waits for is in the table of processes still, and runs no more. */
const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

const until = async (what: () => boolean, mostMs = 10_000): Promise<void> => {
  for (const end = Date.now() + mostMs; !what(); await sleep(20)) {
    if (Date.now() > end) throw new Error('waited in vain');
  }
};

const unlock = async (...args: string[]): Promise<State> => {
  const { agent } = await machine.json<{ agent: State }>(
    ...['vault', 'unlock', '--passphrase-file', 'passphrase.txt', ...args],
  );
  pids.add(agent.pid);
  return agent;
};

const sockets = (): string[] => readdirSync(folder).filter((name) => hash.test(name));
const socketPath = (): string => join(folder, sockets()[0] ?? '');
const list = (env: Record<string, string> = {}): Promise<Ended> => machine.mobius(['roles', 'list', '-q'], { env });
const isLocked = async (): Promise<void> => expect(await list()).toMatchObject({ code: 3, stdout: '' });
const agents = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return line.includes('\0agent\0') && line.includes(machine.vault);
      } catch {
        return false;
      }
    })
    .map(Number);

test('from unlock to lock no command needs a passphrase, and after it each does', async () => {
  await isLocked();
  const { pid } = await unlock();
  expect(lstatSync(folder).mode & 0o777).toBe(0o700);
  expect(lstatSync(socketPath()).mode & 0o777).toBe(0o600);
  const { key, principal } = await machine.json<{ key: string; principal: { id: string } }>(
    ...['principals', 'create', 'ci', '--role', 'Viewer', '--with-key'],
  );
  expect(await machine.json('principals', 'get', 'ci')).toMatchObject({ id: principal.id });
  const asKey = { env: { MOBIUS_API_KEY: key } };
  expect(JSON.parse((await machine.mobius(['whoami'], asKey)).stdout)).toMatchObject({ name: 'ci' });
  expect(await machine.mobius(['principals', 'create', 'two'], asKey)).toMatchObject({ code: 4 });
  expect(await machine.mobius(['principals', 'get', 'nobody'])).toMatchObject({ code: 5 });
  await machine.json('secrets', 'create', 'db', '--set', 'password=fake-value');
  expect(await machine.bash("mobius run --secret db=DB_ -- sh -c 'echo ${#DB_PASSWORD}'")).toMatchObject({
    code: 0,
    stdout: '10\n',
  });
  expect(await machine.json('vault', 'status')).toMatchObject({
    state: 'open',
    unlocked_by: 'the agent',
    agent: { pid },
  });
  expect(await machine.json('vault', 'lock')).toMatchObject({ agent: 'ended' });
  expect(isRunning(pid)).toBe(false);
  expect(sockets()).toEqual([]);
  await isLocked();
  expect(await machine.json('vault', 'lock')).toMatchObject({ agent: 'none' });
  expect(await machine.mobius(['vault', 'status'])).toMatchObject({ code: 3 });
});

test('what names a key goes past the agent, and fails where the key is wrong', async () => {
  await unlock();
  writeFileSync(join(machine.work, 'wrong.txt'), 'another fake passphrase\n');
  expect(await list({ MOBIUS_VAULT_PASSPHRASE_FILE: 'wrong.txt' })).toMatchObject({ code: 3 });
  const { stderr } = await machine.mobius(['roles', 'list', '-q', '--log-level', 'debug']);
  expect(stderr).toContain("the vault's agent at");
  const named = await machine.mobius(
    ['roles', 'list', '-q', '--log-level', 'debug', '--passphrase-file', 'passphrase.txt'],
    {},
  );
  expect(named.stderr).toContain('opened by passphrase file "passphrase.txt"');
});

test('a wrong passphrase starts nothing', async () => {
  writeFileSync(join(machine.work, 'wrong.txt'), 'another fake passphrase\n');
  const refused = await machine.mobius(['vault', 'unlock', '--passphrase-file', 'wrong.txt']);
  expect(refused).toMatchObject({ code: 3, stdout: '' });
  expect(agents()).toEqual([]);
});

test('the agent shows no secret: not in its line, not in its variables, and its folder is not ours', async () => {
  const { code, stdout } = await machine.mobius(['vault', 'unlock'], {
    env: { MOBIUS_VAULT_PASSPHRASE: passphrase, MOBIUS_API_KEY: 'mbx_fake' },
  });
  expect(code).toBe(0);
  const { agent } = JSON.parse(stdout) as { agent: State };
  pids.add(agent.pid);
  for (const file of ['cmdline', 'environ']) {
    const text = readFileSync(`/proc/${agent.pid}/${file}`, 'utf8');
    expect(text).not.toContain(passphrase);
    expect(text).not.toContain('mbx_fake');
  }
  expect(await list()).toMatchObject({ code: 0 });
});

test('a pipe that unlock writes to is at its end when unlock is', async () => {
  const began = Date.now();
  const { code, stdout } = await machine.bash(
    'mobius vault unlock --passphrase-file passphrase.txt 2>&1 | cat; echo after',
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(/after\n$/);
  expect(Date.now() - began).toBeLessThan(20_000);
  for (const pid of agents()) pids.add(pid);
  expect(pids.size).toBe(1);
});

test('a hundred clients at once are all answered', { timeout: longMs }, async () => {
  await unlock();
  const names = Array.from({ length: 100 }, (_, at) => `client-${at}`);
  const ended = await Promise.all(
    names.map((name) => machine.mobius(['principals', 'create', name, '-q'], { limitMs: longMs })),
  );
  expect(ended.filter(({ code }) => code !== 0)).toEqual([]);
  const { items } = await machine.json<{ items: { name: string }[] }>('principals', 'list', '--limit', '200');
  expect(items.map(({ name }) => name).sort()).toEqual([...names].sort());
});

describe('an agent that is there already', () => {
  test('stays, and is told of; with a limit a new one takes its place', async () => {
    const first = await unlock();
    const again = await machine.json<{ agent: State }>('vault', 'unlock');
    expect(again.agent).toMatchObject({ pid: first.pid, locks_at: first.locks_at });
    const second = await unlock('--max', '1h', '--idle', '0');
    expect(second.pid).not.toBe(first.pid);
    expect(second.idle_until).toBeUndefined();
    expect(Date.parse(second.locks_at) - Date.parse(second.since)).toBe(3_600_000);
    expect(isRunning(first.pid)).toBe(false);
    expect(sockets()).toHaveLength(1);
    expect(await list()).toMatchObject({ code: 0 });
  });

  test('of five at once one starts it, the others find it, and no other process stays', async () => {
    const states = await Promise.all(Array.from({ length: 5 }, () => unlock()));
    expect(new Set(states.map(({ pid }) => pid)).size).toBe(1);
    expect(agents()).toEqual([states[0]?.pid]);
    expect(sockets()).toHaveLength(1);
  });
});

describe('its end', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('by %s leaves no socket', async (signal) => {
    const { pid } = await unlock();
    process.kill(pid, signal);
    await until(() => !isRunning(pid));
    expect(sockets()).toEqual([]);
    await isLocked();
  });

  test('by force leaves a socket, which commands pass over and the next unlock replaces', async () => {
    const { pid } = await unlock();
    process.kill(pid, 'SIGKILL');
    await until(() => !isRunning(pid));
    expect(sockets()).toHaveLength(1);
    await isLocked();
    expect(await machine.json('vault', 'lock')).toMatchObject({ agent: 'none' });
    await unlock();
    expect(sockets()).toHaveLength(1);
    expect(await list()).toMatchObject({ code: 0 });
  });

  test('comes when nothing was asked for so long; who asks puts it off, who looks does not', async () => {
    // A slow command in between must not use the time up.
    const { pid } = await unlock('--idle', '8s');
    for (let times = 0; times < 3; times++) {
      await sleep(3000);
      expect(await list()).toMatchObject({ code: 0 });
    }
    const end = Date.now() + 15_000;
    while (isRunning(pid) && Date.now() < end) {
      await machine.mobius(['vault', 'status']);
      await sleep(200);
    }
    expect(isRunning(pid)).toBe(false);
    expect(sockets()).toEqual([]);
    await isLocked();
  }, 60_000);

  test('comes in any case when its time is over', async () => {
    const { pid } = await unlock('--max', '3s');
    const began = Date.now();
    while (isRunning(pid) && Date.now() - began < 10_000) {
      await list();
      await sleep(100);
    }
    expect(isRunning(pid)).toBe(false);
    await isLocked();
  });

  test('comes when the file of the vault is another one, which it is never taken for', async () => {
    const { pid } = await unlock();
    // It can't see the change before the command does.
    process.kill(pid, 'SIGSTOP');
    renameSync(machine.vault, `${machine.vault}.old`);
    for (const part of ['-wal', '-shm']) renameSync(`${machine.vault}${part}`, `${machine.vault}.old${part}`);
    copyFileSync(template.vault, machine.vault);
    expect(await list({ MOBIUS_TIMEOUT: '3' })).toMatchObject({ code: 3, stdout: '' });
    process.kill(pid, 'SIGCONT');
    await until(() => !isRunning(pid));
    expect(sockets()).toEqual([]);
  });

  test('comes when its socket is gone', async () => {
    const { pid } = await unlock();
    renameSync(socketPath(), `${folder}/away`);
    await until(() => !isRunning(pid));
  });
});

describe('a place that others could have made', () => {
  const refused = async (why: RegExp): Promise<void> => {
    for (const line of [
      ['roles', 'list', '-q'],
      ['vault', 'unlock', '--passphrase-file', 'passphrase.txt', '--max', '1h'],
    ]) {
      const { code, stdout, stderr } = await machine.mobius(line);
      expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
      expect(JSON.parse(stderr).error.message).toMatch(why);
    }
  };

  test('is refused where its folder is open to them', async () => {
    await unlock();
    chmodSync(folder, 0o770);
    await refused(/run" is open to other users$/);
    chmodSync(folder, 0o700);
    expect(await list()).toMatchObject({ code: 0 });
  });

  test('is refused where its folder is a link', async () => {
    await unlock();
    renameSync(folder, `${folder}.real`);
    symlinkSync(`${folder}.real`, folder);
    await refused(/run" is a link$/);
  });

  test('is refused where the socket is a link to another one', async () => {
    const { pid } = await unlock();
    const path = socketPath();
    process.kill(pid, 'SIGTERM');
    await until(() => !isRunning(pid));
    const elsewhere = join(machine.work, 'theirs.sock');
    const asked: string[] = [];
    const server = createServer((socket) => socket.on('data', (part) => asked.push(String(part))));
    await new Promise<void>((done) => server.listen(elsewhere, done));
    symlinkSync(elsewhere, path);
    const { code, stderr } = await list();
    expect(code).toBe(4);
    expect(JSON.parse(stderr).error.message).toMatch(/\.sock" is a link$/);
    expect(asked).toEqual([]);
    server.close();
  });
});

test('where the system has a folder for what runs now, it listens there; a path that is too long is given up', async () => {
  const runtime = join(machine.work, 'runtime');
  mkdirSync(runtime, { mode: 0o700 });
  const env = { XDG_RUNTIME_DIR: runtime };
  const { stdout } = await machine.mobius(['vault', 'unlock', '--passphrase-file', 'passphrase.txt'], { env });
  pids.add((JSON.parse(stdout) as { agent: State }).agent.pid);
  expect(readdirSync(join(runtime, 'mobius'))).toEqual([expect.stringMatching(hash)]);
  expect(await list(env)).toMatchObject({ code: 0 });
  expect((await machine.mobius(['vault', 'lock'], { env })).code).toBe(0);

  const long = join(machine.work, 'x'.repeat(100));
  mkdirSync(long, { mode: 0o700 });
  const far = { XDG_RUNTIME_DIR: long };
  const opened = await machine.mobius(['vault', 'unlock', '--passphrase-file', 'passphrase.txt'], { env: far });
  expect(opened).toMatchObject({ code: 0, stderr: '' });
  pids.add((JSON.parse(opened.stdout) as { agent: State }).agent.pid);
  expect(await list(far)).toMatchObject({ code: 0 });
  expect((await machine.mobius(['vault', 'lock'], { env: far })).code).toBe(0);
  expect(readdirSync(long)).toEqual([]);
});

test('a re-key goes by under it, and a destroyed version is gone from the disk while it stays', async () => {
  await unlock();
  await machine.json('secrets', 'create', 'db', '--set', 'password=fake-value');
  await machine.json('secrets', 'update', 'db', '--set', 'password=fake-other');
  await machine.json('secrets', 'destroy-version', 'db', '1', '--yes');
  const file = new Sqlite(machine.vault, { readonly: true });
  const pending = file.prepare('select scrub_pending_at from vault').pluck();
  await until(() => pending.get() === null);
  file.close();
  await machine.json('vault', 'rekey', '--passphrase-file', 'passphrase.txt', '--yes');
  expect(await machine.json('secrets', 'get', 'db')).toMatchObject({ name: 'db' });
});

withTools('tmux')('Ctrl-C at the question for the passphrase leaves no process', async () => {
  const terminal = openTerminal(machine);
  try {
    await terminal.run('mobius vault unlock; echo "code $?"');
    await terminal.shows(/Passphrase of the vault:/);
    terminal.press('C-c');
    await terminal.shows(/^code 130$/);
    expect(agents()).toEqual([]);
    await terminal.run('mobius vault unlock; echo "code $?"');
    await terminal.shows(/Passphrase of the vault:/);
    terminal.enter(passphrase);
    await terminal.shows(/^code 0$/);
    for (const pid of agents()) pids.add(pid);
  } finally {
    terminal.close();
  }
  // The terminal is gone, and the agent, which never had it, is not.
  await sleep(300);
  expect(pids.size).toBe(1);
  for (const pid of pids) {
    const [, , , session, terminalNumber] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\)\s/s, '')
      .split(' ');
    expect({ session, terminalNumber }).toEqual({ session: String(pid), terminalNumber: '0' });
  }
  expect(await list()).toMatchObject({ code: 0 });
});
