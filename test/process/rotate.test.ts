import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { local, type Place, served } from '../places.ts';
import { createWorld, type World } from '../scripts/world.ts';
import { newDatabase, noPostgres } from '../store/postgres-shared.ts';
import { type Ended, ended, program } from './machine.ts';

/** Rotations as cron has them done: killed, at once, a hundred of them, beside a consumer that reads the file. */

interface Desk {
  world: World;
  /** Runs the built program; the function is called for each event that it tells. */
  mobius(args: readonly string[], onEvent?: (event: string, kill: () => void) => void): Promise<Ended>;
  json<T = Record<string, string>>(...args: string[]): Promise<T>;
  close(): Promise<void>;
}

const openDesk = async (place: Place): Promise<Desk> => {
  const world = createWorld();
  const ready = await place.open(world, run);
  Object.assign(world.env, ready.env);
  const env = { ...world.env, PATH: process.env.PATH };
  const desk: Desk = {
    world,
    mobius(args, onEvent) {
      const stdio = ['ignore', 'pipe', 'pipe'] as const;
      const child = spawn(process.execPath, [program, ...args], { cwd: world.cwd, env, stdio: [...stdio] });
      child.stderr.on('data', (part: Buffer) => {
        for (const [, event = ''] of String(part).matchAll(/"event":"(\w+)"/g)) {
          onEvent?.(event, () => void child.kill('SIGKILL'));
        }
      });
      return ended(child);
    },
    async json(...args) {
      const { code, stdout, stderr } = await desk.mobius(args);
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
      return JSON.parse(stdout);
    },
    async close() {
      await ready.close();
      world.remove();
    },
  };
  await desk.json('principals', 'create', 'worker', '--role', 'Worker');
  return desk;
};

const newKey = async ({ json, world }: Desk, name: string): Promise<string> => {
  const file = join(world.cwd, `${name}.key`);
  await json('api-keys', 'create', name, '--principal-id', 'worker', '--out', file);
  return file;
};

const keyIn = (file: string): string => {
  const text = readFileSync(file, 'utf8');
  expect(text).toMatch(/^mbx_\w{49}\n$/);
  return text.trim();
};

const isAccepted = async ({ world }: Desk, file: string): Promise<boolean> => {
  const line = { argv: ['whoami', '--api-key', keyIn(file), '-F', 'key_id'] };
  return (await world.run(run, line)).code === 0;
};

const workingIds = async ({ json }: Desk, name: string): Promise<string[]> => {
  type Keys = { items: { id: string; name: string; state: string }[] };
  const { items } = await json<Keys>('api-keys', 'list', '--limit', '200');
  return items.filter((key) => key.name === name && ['active', 'retiring'].includes(key.state)).map(({ id }) => id);
};

const steps = ['begun', 'issued', 'delivering', 'brought', 'delivered', 'verified', 'done'];
let kills = 0;

const rotationsIn = (place: Place): void => {
  let desk: Desk;
  beforeAll(async () => {
    desk = await openDesk(place);
  });
  afterAll(() => desk.close());

  test.each(steps)('killed when it is %s, the consumer goes on, and the next run ends with one key', async (step) => {
    const name = `killed-${step}`;
    const file = await newKey(desk, name);
    const argv = ['api-keys', 'rotate', name, '--out', file, '--verify', 'sleep 0.1', '--log-format', 'json'];
    await desk.mobius(argv, (event, kill) => {
      if (event !== step) return;
      kills += 1;
      kill();
    });
    expect(await isAccepted(desk, file)).toBe(true);
    const again = await desk.mobius(argv);
    expect(again).toMatchObject({ code: 0 });
    expect(await isAccepted(desk, file)).toBe(true);
    const { key_id: id } = await desk.json('whoami', '--api-key', keyIn(file));
    expect(await workingIds(desk, name)).toEqual([id]);
    expect(await desk.json('rotations', 'list')).toMatchObject({ items: [] });
  });

  test('of two at once one does it, and the other says who is at it or that nothing is due', async () => {
    const file = await newKey(desk, 'twice');
    const argv = ['api-keys', 'rotate', 'twice', '--out', file, '--verify', 'sleep 1', '-o', 'json'];
    let begun: () => void = () => undefined;
    const isBegun = new Promise<void>((done) => {
      begun = done;
    });
    const first = desk.mobius([...argv, '--log-format', 'json'], (event) => event === 'begun' && begun());
    await isBegun;
    const second = await desk.mobius(argv);
    expect(second).toMatchObject({ code: 6, stdout: '' });
    expect(JSON.parse(second.stderr).error).toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^"api-keys\/twice" is being rotated by process \d+ on \S+, for \d+ s$/),
      details: { reason: 'rotation_held' },
    });
    expect((await first).code).toBe(0);
    const third = await desk.mobius([...argv, '--if-older-than', '3650d']);
    expect(third).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(third.stdout)).toMatchObject({ rotated: false, subject: 'api-keys/twice' });
    expect(await isAccepted(desk, file)).toBe(true);
    expect(await workingIds(desk, 'twice')).toHaveLength(1);
  });

  test('begun at one moment by five, it is done, and none is refused by anything but the lock', async () => {
    const file = await newKey(desk, 'five');
    const argv = ['api-keys', 'rotate', 'five', '--out', file, '--grace', '1h', '-o', 'json'];
    const all = await Promise.all(Array.from({ length: 5 }, () => desk.mobius(argv)));
    expect(all.filter(({ code }) => code === 0).length).toBeGreaterThan(0);
    for (const { code, stderr } of all.filter(({ code }) => code !== 0)) {
      expect([code, JSON.parse(stderr).error.details.reason]).toEqual([
        6,
        expect.stringMatching(/^(rotation_held|changed_meanwhile|rotation_lost)$/),
      ]);
    }
    expect(await isAccepted(desk, file)).toBe(true);
  });

  test('a consumer that reads the file sees neither a refusal nor a part of a key in a hundred rotations', async () => {
    const file = await newKey(desk, 'often');
    const argv = ['api-keys', 'rotate', 'often', '--out', file, '--grace', '1h', '-q'];
    const { env, home, now } = desk.world;
    const where = env.SERVER_URL ?? join(home, '.local', 'share', 'mobius', 'vault.db');
    const consumer = fork('test/process/consumer.ts', [file, where, String(now())], {
      execArgv: ['--import', 'tsx'],
      env: { ...env, PATH: process.env.PATH },
    });
    await once(consumer, 'message');
    for (let turn = 0; turn < 100; turn++) {
      expect(await desk.world.run(run, { argv })).toMatchObject({ code: 0 });
    }
    consumer.send('end');
    const [said] = await once(consumer, 'message');
    expect(said).toEqual({ reads: expect.any(Number), keys: expect.any(Number), wrong: [] });
    expect(said.reads).toBeGreaterThan(100);
    expect(said.keys).toBeGreaterThan(50);
  }, 300_000);
};

describe('a rotation', () => {
  describe('of a local vault', () => rotationsIn(local));
  describe('on a server', () => rotationsIn(served()));
  const reason = noPostgres();
  if (reason === undefined) describe('on a server over PostgreSQL', () => rotationsIn(served(newDatabase)));
  else process.stderr.write(`left out: rotations on a server over PostgreSQL (${reason})\n`);

  test.runIf(process.env.CI)('nothing is left out where everything must hold', () => expect(reason).toBeUndefined());

  afterAll(() => process.stdout.write(`rotations were killed at ${kills} steps\n`));
});

test('a worker rotates the key that it runs with, where a schedule says so', async () => {
  const desk = await openDesk(local);
  try {
    const file = await newKey(desk, 'own');
    const self = (...more: string[]) =>
      desk.mobius(['api-keys', 'rotate', '--self', '--api-key', keyIn(file), '--out', file, ...more]);
    const refused = await self();
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining('mobius.keys.issue') });
    await desk.json('rotations', 'set', 'api-keys/own', '--every', '30d', '--grace', '1h');
    const before = keyIn(file);
    expect(await self()).toMatchObject({ code: 0 });
    expect(keyIn(file)).not.toBe(before);
    expect(await isAccepted(desk, file)).toBe(true);
    writeFileSync(file, `${before}\n`);
    const late = await self();
    expect(late).toMatchObject({ code: 6, stderr: expect.stringContaining('retiring') });
  } finally {
    await desk.close();
  }
});
