import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLocal } from '../../src/calls/local.ts';
import type { Globals } from '../../src/cli/command.ts';
import { placeOf, worldOf } from '../../src/cli/profiles.ts';
import { run } from '../../src/cli/run.ts';
import type { Io } from '../../src/io.ts';
import type { Call } from '../../src/operations.ts';
import { runDue } from '../../src/rotation/run.ts';
import { targetOf } from '../../src/rotation/target.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { createWorld, type World } from '../scripts/world.ts';

/** Several that rotate the same things: whatever one sees, another may have changed it before the next step. */

const globals = { asOwner: false, input: false } as Globals;

let world: World;
let io: Io;
let call: Call;
let close: () => Promise<unknown>;

const mobius = async (...argv: string[]): Promise<Record<string, string>> => {
  const { code, stdout, stderr } = await world.run(run, { argv });
  expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: '' });
  return stdout === '' ? {} : JSON.parse(stdout);
};

beforeEach(async () => {
  world = createWorld();
  await mobius('vault', 'init');
  await mobius('principals', 'create', 'worker', '--role', 'Worker');
  io = { ...fakeIo({ home: world.home, cwd: world.cwd, env: world.env }).io, now: world.now };
  ({ call, close } = await openLocal(worldOf(io), placeOf(io, globals), { kind: 'owner' }));
});
afterEach(async () => {
  await close();
  world.remove();
});

const make = async (name: string, every = '1h'): Promise<void> => {
  await mobius('api-keys', 'create', name, '--principal-id', 'worker');
  await mobius('rotations', 'set', `api-keys/${name}`, '--every', every, '--deliver', `file:${name}.key`);
};

const outcomes = async (over: Call = call, subjects: readonly string[] = []): Promise<string[]> => {
  const running = { io, globals, call: over, log: () => undefined, subjects, dryRun: false };
  const results = await runDue({ ...running, target: await targetOf(io, globals) }, ['default']);
  return results.map(({ subject, outcome }) => `${subject} ${outcome}`);
};

/** The same, but that something is done before an operation is asked for the first time. */
const before =
  (name: string, work: () => Promise<unknown>): Call =>
  async (asked, input, options) => {
    if (asked === name) {
      const first = work;
      work = async () => undefined;
      await first();
    }
    return call(asked, input, options);
  };

const keyIn = (name: string): string => readFileSync(join(world.cwd, `${name}.key`), 'utf8').trim();

const working = async (): Promise<number> => (await call('api-keys.list', { state: 'active' })).items.length;

test('one that was rotated since it was seen to be due is left alone', async () => {
  await make('ci');
  await world.tick(3_600_000);
  let key = '';
  const late = before('rotations.start', async () => {
    expect(await outcomes()).toEqual(['api-keys/ci rotated']);
    key = keyIn('ci');
  });
  expect(await outcomes(late)).toEqual(['api-keys/ci not_due']);
  expect(keyIn('ci')).toBe(key);
});

test('so is one whose end was near', async () => {
  await mobius('api-keys', 'create', 'short', '--principal-id', 'worker', '--expires-at', '3d');
  await mobius('rotations', 'set', 'api-keys/short', '--every', '30d', '--deliver', 'file:short.key');
  await world.tick(2 * 86_400_000);
  const late = before('rotations.start', async () => {
    expect(await outcomes()).toEqual(['api-keys/short rotated']);
  });
  expect(await outcomes(late)).toEqual(['api-keys/short not_due']);
  expect(await working()).toBe(1);
});

/** A rotation that begins, and of which no more is heard. */
const leave = async (name: string): Promise<void> => {
  const gone = { subject: `api-keys/${name}`, holder: 'somebody' };
  const { rotation, lock } = await call('rotations.start', gone);
  await call('rotations.advance', { rotation: rotation?.id ?? '', lock: lock ?? '', release: true });
};

test('one that was left is finished, due or not, and by one alone', async () => {
  await make('ci', '30d');
  await leave('ci');
  expect(await outcomes(before('rotations.start', () => outcomes()))).toEqual(['api-keys/ci not_due']);
  expect(existsSync(join(world.cwd, 'ci.key'))).toBe(true);
  const { items } = await call('rotations.list', { include_ended: true });
  expect(items.map(({ step }) => step)).toEqual(['done']);
});

test('what was left comes first, and one that fails stops no other', async () => {
  for (const name of ['a', 'b', 'c']) await make(name);
  await world.tick(3_600_000);
  await leave('c');
  const broken = before('rotations.issue', () => Promise.reject(new Error('the cable was pulled')));
  expect(await outcomes(broken)).toEqual(['api-keys/c failed', 'api-keys/a rotated', 'api-keys/b rotated']);
  await world.tick(61_000);
  expect(await outcomes()).toEqual(['api-keys/c rotated']);
});

test('one that somebody is at is left to them', async () => {
  await make('ci');
  await world.tick(3_600_000);
  await call('rotations.start', { subject: 'api-keys/ci', holder: 'process 1 on elsewhere' });
  expect(await outcomes()).toEqual(['api-keys/ci held']);
  await world.tick(61_000);
  expect(await outcomes()).toEqual(['api-keys/ci rotated']);
});

test('what was left of something that this machine knows nothing of is no business of its', async () => {
  await make('ci', '30d');
  await mobius('api-keys', 'create', 'other', '--principal-id', 'worker');
  await leave('other');
  expect(await outcomes()).toEqual([]);
  expect(await outcomes(call, ['api-keys/other'])).toEqual(['api-keys/other skipped']);
});

test('more than a page of them', async () => {
  await make('ci');
  for (let at = 0; at < 120; at++) {
    await call('api-keys.create', { name: `k${at}`, principal_id: 'worker' });
    await call('rotations.set', { subject: `api-keys/k${at}`, every_seconds: 3600 });
  }
  await world.tick(3_600_000);
  const found = await outcomes();
  expect(found).toHaveLength(121);
  expect(found.filter((one) => one.endsWith(' skipped'))).toHaveLength(120);
});

/** A server that calls the rotation otherwise from some operation on, and knows it by that. */
const renaming = (since: string, other: string): Call => {
  let id = '';
  return async (asked, input, options) => {
    const { rotation } = input as { rotation?: string };
    const answer = await call(asked, rotation === other ? { ...input, rotation: id } : input, options);
    if (asked !== since && id === '') return answer;
    const { rotation: inside = answer } = answer as { rotation?: unknown };
    id = (inside as { id: string }).id;
    return { ...answer, ...(inside === answer ? { id: other } : { rotation: { ...(inside as object), id: other } }) };
  };
};

test.each(['start', 'issue', 'advance'])(
  'a server can not lead to another file by what it calls one at %s',
  async (step) => {
    await make('ci');
    await world.tick(3_600_000);
    const other = join(world.cwd, 'other');
    for (const end of ['', '.new']) writeFileSync(`${other}${end}`, 'mine\n');
    const files = readdirSync(world.cwd).sort();
    expect(await outcomes(renaming(`rotations.${step}`, 'x/../other'))).toEqual(['api-keys/ci failed']);
    expect(readdirSync(world.cwd).sort()).toEqual(files);
    expect(readFileSync(other, 'utf8')).toBe('mine\n');
  },
);

const withKey =
  (key: string): Call =>
  async (asked, input, options) => {
    const answer = await call(asked, input, options);
    return asked === 'rotations.issue' ? { ...answer, key } : answer;
  };

test('nor put more than a key into one', async () => {
  await make('ci');
  await world.tick(3_600_000);
  for (const key of ['one\ntwo', 'esc\u001b[2J', 'nul\0', '']) {
    expect(await outcomes(withKey(key))).toEqual(['api-keys/ci failed']);
    expect(existsSync(join(world.cwd, 'ci.key'))).toBe(false);
    await world.tick(61_000);
  }
});
