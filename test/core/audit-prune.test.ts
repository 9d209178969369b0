import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Output } from '../../src/operations.ts';
import { check } from '../vault/keeping.ts';
import { entries } from './chain.ts';
import { cut, entryAt, fillLog, other, readLog, renumber, said, swap, verifyAll, writeLog } from './tampering.ts';
import { day, makeVault, refusal, type TestVault } from './world.ts';

/** A vault with entries of long ago and some of today. */
let vault: TestVault;
let before: string;
let old: number;
beforeEach(async () => {
  vault = await makeVault();
  await fillLog(vault, 40);
  old = (await readLog(vault.vault.db)).entries.length;
  vault.clock.now += 10 * day;
  before = new Date(vault.clock.now - day).toISOString();
  await fillLog(vault, 6);
});
afterEach(() => vault.close());

const isWhole = async (): Promise<void> => {
  expect((await verifyAll(vault.owner, 5)).findings).toEqual([]);
};
const numbers = async (): Promise<number[]> => (await readLog(vault.vault.db)).entries.map(({ seq }) => Number(seq));

test('in batches the log is whole after each, and what is left is what was', async () => {
  const was = new Map(entries(vault).map(({ seq, id }) => [seq, id]));
  let last: Output<'audit-logs.prune'>;
  const removed: number[] = [];
  do {
    last = await vault.owner('audit-logs.prune', { before, limit: 9 });
    removed.push(last.removed);
    await isWhole();
    expect((await numbers())[0]).toBe((last.checkpoint?.seq ?? 0) + 1);
  } while (last.has_more);
  expect(removed.slice(0, -1).every((count) => count === 9)).toBe(true);
  expect(removed.reduce((sum, count) => sum + count)).toBe(old);
  for (const { seq, id, action } of entries(vault)) {
    if (action !== 'audit-logs.prune') expect(was.get(seq)).toBe(id);
  }
  expect((await check(vault.world, vault.place)).ok).toBe(true);
});

test('what is appended meanwhile by other handles stays, in a log without a fork', async () => {
  const handles = await Promise.all([vault.open(), vault.open(), vault.open()]);
  const appends = handles.map(async ({ call }, who) => {
    for (let n = 0; n < 8; n++)
      await call('roles.create', { name: `role ${who} ${n}`, permissions: ['mobius.project.view'] });
  });
  const pruning = (async () => {
    while ((await vault.owner('audit-logs.prune', { before, limit: 3 })).has_more) await isWhole();
  })();
  await Promise.all([...appends, pruning]);
  await isWhole();
  const left = await numbers();
  expect(left[0]).toBe(old + 1);
  expect(entries(vault).filter(({ action }) => action === 'roles.create')).toHaveLength(24);
});

test('a second time in a row removes nothing, and leaves nothing behind', async () => {
  await vault.owner('audit-logs.prune', { before });
  const log = await readLog(vault.vault.db);
  const again = await vault.owner('audit-logs.prune', { before });
  expect(again).toMatchObject({ removed: 0, has_more: false, checkpoint: { seq: old } });
  expect(await readLog(vault.vault.db)).toEqual(log);
});

test('the last entry is never removed, and the log goes on from it', async () => {
  const last = (await numbers()).at(-1) ?? 0;
  const later = new Date(vault.clock.now + day).toISOString();
  expect(await vault.owner('audit-logs.prune', { before: later })).toMatchObject({
    removed: last - 1,
    has_more: false,
  });
  expect(await numbers()).toEqual([last, last + 1]);
  await isWhole();
});

test('an entry of later stops it, whatever stands behind it: the clock went back', async () => {
  vault.clock.now -= 20 * day;
  await fillLog(vault, 6);
  await vault.owner('audit-logs.prune', { before });
  expect((await numbers())[0]).toBe(old + 1);
  await isWhole();
});

test.each([
  ['a changed entry', (log) => Object.assign(entryAt(log, 7), { action: 'roles.get' })],
  ['a changed link', (log) => Object.assign(entryAt(log, 7), { hash: other(entryAt(log, 7).hash) })],
  ['a gap', (log) => cut(log, 7)],
  ['the first gone', (log) => cut(log, 1)],
  [
    'renumbered ones',
    (log) => {
      cut(log, 7);
      renumber(log);
    },
  ],
  ['two that changed places', (log) => swap(log, 7, 8)],
  [
    'the last that would go changed',
    (log) => Object.assign(entryAt(log, old), { hash: other(entryAt(log, old).hash) }),
  ],
  [
    'no end',
    (log) => {
      log.marks = [];
    },
  ],
  ['an end that was cut off', (log) => cut(log, log.entries.length)],
] satisfies [string, (log: Awaited<ReturnType<typeof readLog>>) => void][])(
  'with %s nothing is removed',
  async (_, edit) => {
    const log = await readLog(vault.vault.db);
    edit(log);
    await writeLog(vault.vault.db, log);
    const left = await readLog(vault.vault.db);
    expect((await refusal(vault.owner('audit-logs.prune', { before }))).code).toBe('damaged');
    expect(await readLog(vault.vault.db)).toEqual(left);
  },
);

test('lists go on from where it begins', async () => {
  await vault.owner('audit-logs.prune', { before });
  const left = await numbers();
  const seqs = (items: readonly { seq: number }[]): number[] => items.map(({ seq }) => seq);
  const listed = await vault.owner('audit-logs.list-all', { limit: 200 });
  expect(seqs(listed.items).reverse()).toEqual(left);
  const behind = await vault.owner('audit-logs.list-all', { after_seq: 3, limit: 4 });
  expect(seqs(behind.items)).toEqual(left.slice(0, 4));
  const further = await vault.owner('audit-logs.list-all', {
    after_seq: 3,
    limit: 200,
    cursor: behind.next_cursor ?? '',
  });
  expect(seqs(further.items)).toEqual(left.slice(4));
  expect(further.last_seq).toBe(left.at(-1));
});

test('a verification that had begun before goes on behind what is gone', async () => {
  const first = await vault.owner('audit-logs.verify', { limit: 10 });
  await vault.owner('audit-logs.prune', { before });
  const rest = await vault.owner('audit-logs.verify', { limit: 2000, cursor: first.next_cursor ?? '' });
  expect({ ...rest, findings: rest.findings.map(said) }).toMatchObject({
    begins_after: old,
    findings: [],
    has_more: false,
  });
});
