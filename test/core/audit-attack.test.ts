import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { coreOver } from '../../src/calls/local.ts';
import type { Core } from '../../src/core/core.ts';
import { setMark } from '../../src/store/audit.ts';
import { entries, type Stored, storedEntries } from './chain.ts';
import { day, makeVault, minute, owner, refusal, type TestVault } from './world.ts';

let vault: TestVault;
let folder: string;
beforeEach(async () => {
  vault = await makeVault();
  folder = mkdtempSync(join(tmpdir(), 'mobius-anchors-'));
});
afterEach(async () => {
  await vault.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A core over the same vault that keeps the end of its log in a file. */
const anchoring = (path: string, told: (string | undefined)[] = []): Core => {
  const kept = { path, every: 1, required: true, tell: (problem: string | undefined) => void told.push(problem) };
  return coreOver({ ...vault.world, anchoring: async () => kept }, vault.vault);
};

const anchored = (path: string): number[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { seq: number }).seq);

const end = (): number => entries(vault).length;

test('an end that is rolled back with its transaction is kept nowhere', async () => {
  const path = join(folder, 'anchors.jsonl');
  const told: (string | undefined)[] = [];
  const core = anchoring(path, told);
  const before = end();
  const change = { type: 'vault', id: vault.vault.id };
  const undone = vault.vault.db.tx('write', async (tx) => {
    for (const action of ['vault.one', 'vault.two', 'vault.three']) await core.record(tx, action, change);
    throw new Error('the disk is full');
  });
  await expect(undone).rejects.toThrow('the disk is full');
  expect(anchored(path)).toEqual([before]);

  await core.as(owner)('roles.create', { name: 'reader', permissions: ['mobius.project.view'] });
  await core.settle();
  expect(anchored(path)).toEqual([before, before + 1]);
  expect(told.filter((problem) => problem !== undefined)).toEqual([]);
});

test('refusals are told where nothing may be changed, and again where they could not be told', async () => {
  const gone = join(folder, 'gone', 'anchors.jsonl');
  const core = anchoring(gone);
  await vault.owner('secrets.create', {
    name: 'token',
    values: { value: 'plainly-fake' },
    destroy_after_seconds: 86_400,
  });
  await vault.owner('secrets.update', { secret: 'token', values: { value: 'plainly-fake-two' } });
  vault.clock.now += 2 * day;
  const { key } = await vault.client('viewer', ['Viewer']);
  const refused = async (): Promise<void> => {
    await refusal(core.as({ kind: 'bearer', text: key })('roles.create', { name: 'r', permissions: [] }));
    // After that a version whose time is over is to be destroyed, which is a change.
    await core.as(owner)('secrets.list', {});
  };
  const told = (): unknown[] =>
    entries(vault).flatMap(({ resource_type, plain }) => (resource_type === 'refusal' ? [plain.changes?.count] : []));

  await refused();
  expect((await refusal(core.settle())).details).toMatchObject({ reason: 'anchor' });
  expect(told()).toEqual([1]);
  expect(existsSync(gone)).toBe(false);

  vault.clock.now += minute;
  await refused();
  vault.edit((file) => file.exec('alter table audit_marks rename to away'));
  await expect(core.settle()).rejects.toThrow();
  vault.edit((file) => file.exec('alter table away rename to audit_marks'));
  await refused();
  await refusal(core.settle());
  expect(told()).toEqual([1, 2]);
});

const copyPruned =
  'insert into audit_log select id, {seq}, project_id, action, resource_type, resource_id, principal_id, credential_id, created_at, sealed, mac, hash from pruned where seq = 1';

test.each([
  ['between two entries', '3.5'],
  ['behind the last', '4.5'],
  ['before where the log begins', '1'],
])('an entry that was pruned and put back %s shows', async (_, seq) => {
  vault.edit((file) => file.exec('create table pruned as select * from audit_log'));
  vault.clock.now += day;
  const before = new Date(vault.clock.now).toISOString();
  await vault.owner('roles.create', { name: 'reader', permissions: ['mobius.project.view'] });
  await vault.owner('audit-logs.prune', { before });
  const all = async () => {
    const findings = [];
    let cursor: string | undefined;
    do {
      const page = await vault.owner('audit-logs.verify', { limit: 1, ...(cursor === undefined ? {} : { cursor }) });
      findings.push(...page.findings);
      cursor = page.next_cursor;
    } while (cursor !== undefined);
    return findings;
  };
  expect(await all()).toEqual([]);
  vault.edit((file) => file.exec(copyPruned.replace('{seq}', seq)));
  expect(await all()).toMatchObject([{ kind: 'inserted' }]);
});

test('a page looks at so many entries and no more, and what is found behind them comes on a later one', async () => {
  const { db, sealer } = vault.vault;
  const many = 60_000;
  const all = (await vault.owner('audit-logs.list', { after_seq: 0 })).items.map(({ id }) => id);
  vault.edit((file) => {
    file.exec(`update audit_log set seq = seq + ${many}`);
    file.exec(`with recursive n (i) as (select 1 union all select i + 1 from n where i < ${many})
      insert into audit_log select 'aud_' || i, i, 'prj_of_others', 'a.b', 'c', 'd', null, null, i, x'00', x'00', x'00' from n`);
  });
  const { seq, hash } = storedEntries(vault).at(-1) as Stored;
  await db.tx('write', (tx) => setMark({ db: tx, sealer }, 'head', { seq, hash, made_at: 0 }));
  const first = await vault.owner('audit-logs.list', { after_seq: 0 });
  expect(first).toMatchObject({ items: [], has_more: true, last_seq: seq });
  const second = await vault.owner('audit-logs.list', { after_seq: 0, cursor: first.next_cursor as string });
  expect(second).toMatchObject({ has_more: false });
  expect(second.items.map(({ id }) => id)).toEqual(all);
});

test('a cursor that was made by hand is refused as one, whatever number it holds', async () => {
  const beyond = '9'.repeat(16);
  for (const place of [beyond, `${beyond}.1`, `1.${beyond}`]) {
    const cursor = btoa(place);
    expect((await refusal(vault.owner('audit-logs.list', { cursor }))).code).toBe('invalid_input');
    expect((await refusal(vault.owner('audit-logs.list', { after_seq: 0, cursor }))).code).toBe('invalid_input');
  }
  for (const place of [`${beyond}..0`, `1..${beyond}`]) {
    expect((await refusal(vault.owner('audit-logs.verify', { cursor: btoa(place) }))).code).toBe('invalid_input');
  }
});
