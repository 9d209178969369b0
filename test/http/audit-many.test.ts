import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLocal } from '../../src/calls/local.ts';
import type { Entry } from '../core/chain.ts';
import { world } from '../faults/world.ts';
import type { Machine } from '../process/machine.ts';
import { freePort } from '../store/postgres.ts';
import { newDatabase, noPostgres, rowsOf } from '../store/postgres-shared.ts';
import { children, type Start } from '../store/processes.ts';
import { countedIn, entriesOf, keyFileOf, placeOf, refusalsAmong, sum } from './audit-log.ts';
import type { Report, Task, Told } from './audit-worker.ts';
import { machineWithVault, serve } from './served.ts';

/**
 * Ten processes at once, and what the audit log has of them afterwards: a chain without a gap or a fork, one entry for each
 * change that was answered as done, one at most for each that was not.
 */

const folder = mkdtempSync(join(tmpdir(), 'mobius-audit-many-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let start: Start;
beforeAll(async () => {
  start = await children(folder, 'test/http/audit-worker.ts');
});

const processes = 10;
/** Changes and two refusals, in each round of each process. */
const perRound = 20;
/** Ten thousand of them in both places together; where everything must hold, in each. */
const rounds = Number(process.env.MOBIUS_TEST_ROUNDS ?? (process.env.CI ? 50 : 25));

/** Few: each of them is a password that is hashed, twice. */
const persons = 3;
const password = 'plainly a fake password';
const emailOf = (number: number): string => `person-${number}@example.test`;

interface Scene {
  machine: Machine;
  owner: string;
  viewer: string;
}

const sceneAt = async (address?: string): Promise<Scene> => {
  const machine = await machineWithVault(address);
  const made = async (name: string, role: string): Promise<string> =>
    (await machine.json<{ key: string }>('principals', 'create', name, '--role', role, '--with-key')).key;
  const { call, close } = await openLocal(world, placeOf(machine), { kind: 'owner' });
  await call('principals.create', { name: 'worker', role_ids: ['Worker'] });
  for (let n = 0; n < persons; n++) await call('users.create', { email: emailOf(n), password });
  await close();
  return { machine, owner: await made('ci', 'Owner'), viewer: await made('onlooker', 'Viewer') };
};

const work = async (task: Pick<Task, 'viewer' | 'file' | 'servers'>): Promise<Report[]> => {
  const tasks = Array.from({ length: processes }, (_, number): Task => {
    const person = { email: emailOf(number), password };
    return { ...task, number, rounds, ...(number < persons ? { person } : {}) };
  });
  const ended = await Promise.all(tasks.map((one) => start([JSON.stringify(one)]).ended));
  for (const { code, stderr } of ended) expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return ended.map(({ stdout }) => JSON.parse(stdout) as Report);
};

const spelled = ({ action, about }: Pick<Told, 'about'> & { action: string }): string => `${action} ${about}`;

const aboutOf = ({ action, resource_id: id, plain }: Entry): string => {
  const [used] = (plain.changes?.references ?? []) as { reference: string }[];
  return spelled({ action, about: used?.reference ?? plain.resource_name ?? id });
};

/** Of the changes that processes made; what made the scene has other names. */
const expectEach = (entries: readonly Entry[], reports: readonly Report[]): void => {
  const found = new Map<string, string[]>();
  for (const entry of entries) {
    const about = aboutOf(entry);
    found.set(about, [...(found.get(about) ?? []), entry.resource_id]);
  }
  const done = new Map(reports.flatMap((report) => report.done).map((told) => [spelled(told), told]));
  const lost = new Set(reports.flatMap((report) => report.lost).map(spelled));
  const idsOf = (about: string): string[] => found.get(about) ?? [];
  const wrong = [...done].filter(([about, { id }]) => {
    const ids = idsOf(about);
    return ids.length !== 1 || (id !== undefined && id !== ids[0]);
  });
  expect(wrong).toEqual([]);
  expect([...lost].filter((about) => idsOf(about).length > 1)).toEqual([]);
  const made = [...found.keys()].filter((about) => about.includes(' process-'));
  expect(made.filter((about) => !done.has(about) && !lost.has(about))).toEqual([]);
};

const refusals = (reports: readonly Report[], by?: string): number =>
  sum(reports.flatMap(({ refused }) => (by === undefined ? Object.values(refused) : [refused[by] ?? 0])));

const tell = (where: string, reports: readonly Report[], began: number): void => {
  const [done, lost] = (['done', 'lost'] as const).map((kind) => sum(reports.map((report) => report[kind].length)));
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(
    `${where}: ${done} changes, ${refusals(reports)} refusals, ${lost} answers lost, ${seconds} seconds\n`,
  );
};

test('ten processes over one file', { timeout: 600_000 }, async () => {
  const scene = await sceneAt();
  const { machine, viewer } = scene;
  const began = performance.now();
  const reports = await work({ viewer, file: { path: machine.vault, keyFile: keyFileOf(machine) } });
  tell('a file', reports, began);
  const entries = await entriesOf(machine);
  expectEach(entries, reports);
  expect(sum(reports.map(({ done }) => done.length))).toBe(processes * rounds * (perRound - 2) + 2 * persons);
  expect(countedIn(refusalsAmong(entries))).toBe(processes * rounds * 2);
  expect(await machine.mobius(['vault', 'check'])).toMatchObject({ code: 0 });
});

const reason = noPostgres();

describe.skipIf(reason !== undefined)('over a database', () => {
  test('ten processes through two servers, one of which is killed and started again', {
    timeout: 600_000,
  }, async () => {
    const address = await newDatabase();
    const scene = await sceneAt(address);
    const { machine, owner: key, viewer } = scene;
    const ports = [await freePort(), await freePort()];
    const serveAt = (at: 0 | 1) => serve(machine, '--listen', `127.0.0.1:${ports[at]}`, '--log', 'info');
    const [first, other] = [await serveAt(0), await serveAt(1)];
    const began = performance.now();
    const working = work({ viewer, servers: { urls: [first.url, other.url], key } });
    const written = async (): Promise<number> =>
      (await rowsOf<{ count: number }>(address, 'select count(*)::int as count from audit_log'))[0]?.count ?? 0;
    const all = processes * rounds * perRound;
    const reached = (least: number): Promise<void> =>
      expect.poll(written, { timeout: 300_000, interval: 100 }).toBeGreaterThan(least);
    await Promise.race([reached(all / 3), working]);
    first.kill('SIGKILL');
    await first.ended;
    const whenKilled = await written();
    await Promise.race([reached(all / 2), working]);
    const again = await serveAt(0);
    const reports = await working;
    tell('two servers over a database', reports, began);
    for (const node of [again, other]) {
      node.kill('SIGTERM');
      expect((await node.ended).code).toBe(0);
    }
    const entries = await entriesOf(machine);
    expectEach(entries, reports);
    // It was in the middle.
    expect(entries.length - whenKilled).toBeGreaterThan(all / 4);
    // What the one that was killed had counted and not yet written is gone with it.
    expect(countedIn(refusalsAmong(entries))).toBeLessThanOrEqual(refusals(reports) + processes);
    expect(countedIn(refusalsAmong(entries))).toBeGreaterThanOrEqual(refusals(reports, other.url));
    expect(await machine.mobius(['vault', 'check'])).toMatchObject({ code: 0 });
  });
});

test.runIf(process.env.CI)('nothing of this is left out where everything must hold', () => {
  expect(reason).toBeUndefined();
});
