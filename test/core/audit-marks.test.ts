import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openLocal } from '../../src/calls/local.ts';
import type { Row } from '../../src/store/db.ts';
import { uuidSource } from '../../src/uuid.ts';
import type { Place, World } from '../../src/vault/open.ts';
import { check, edit, told } from '../vault/keeping.ts';
import { cut, fillLog, type Log, other, readLog, said, verifyAll, writeLog } from './tampering.ts';
import { day, makeVault, outcome, owner, refusal, type TestVault } from './world.ts';

const markIn = ({ marks }: Log, name: 'head' | 'checkpoint'): Row => marks.find(({ id }) => id === name) as Row;

describe('in a log that was pruned twice', () => {
  let vault: TestVault;
  let whole: Log;
  /** After the first time. */
  let older: Log;
  const began = { first: 0, now: 0 };
  beforeAll(async () => {
    vault = await makeVault();
    for (const when of ['first', 'now'] as const) {
      await fillLog(vault, 12);
      vault.clock.now += day;
      await fillLog(vault, 3);
      const before = new Date(vault.clock.now - day / 2).toISOString();
      const { checkpoint } = await vault.owner('audit-logs.prune', { before });
      began[when] = checkpoint?.seq ?? 0;
      if (when === 'first') older = await readLog(vault.vault.db);
    }
    whole = await readLog(vault.vault.db);
  });
  afterEach(() => writeLog(vault.vault.db, whole));
  afterAll(() => vault.close());

  const put = async (change: (log: Log) => void): Promise<void> => {
    const log = structuredClone(whole);
    change(log);
    await writeLog(vault.vault.db, log);
  };
  const problems = async (): Promise<string[]> => told(await check(vault.world, vault.place));

  test('all is well', async () => {
    expect(began.first).toBeGreaterThan(5);
    expect(began.now).toBeGreaterThan(began.first);
    expect(await vault.owner('audit-logs.verify', {})).toMatchObject({ begins_after: began.now, findings: [] });
    expect(await problems()).toEqual([]);
  });

  test.each(['id', 'seq', 'hash', 'made_at', 'mac'])('a changed %s of where it begins is found', async (column) => {
    await put((log) => {
      const mark = markIn(log, 'checkpoint');
      mark[column] = other(mark[column]);
    });
    const { output, code } = { code: undefined, output: undefined, ...(await outcome(verifyAll(vault.owner, 5))) };
    // Under another name it is none.
    if (column === 'id') expect(output?.findings.map(said)).toEqual([`removed 1-${began.now}`]);
    else expect(code).toBe('damaged');
    expect((await problems()).join()).toMatch(column === 'id' ? /entries 1 to \d+ are missing/ : /no sound beginning/);
    const before = new Date(vault.clock.now).toISOString();
    expect((await refusal(vault.owner('audit-logs.prune', { before }))).code).toBe('damaged');
  });

  test('with the end in the place of the beginning, or the other way round, neither is sound', async () => {
    for (const [from, to] of [
      ['head', 'checkpoint'],
      ['checkpoint', 'head'],
    ] as const) {
      await put((log) => Object.assign(markIn(log, to), { ...markIn(log, from), id: to }));
      const found = await outcome(verifyAll(vault.owner, 5));
      if (to === 'head') expect('output' in found && found.output.findings.map(said)).toEqual(['changed']);
      else expect(found.code).toBe('damaged');
      expect((await problems()).join()).toContain(to === 'head' ? 'no sound end' : 'no sound beginning');
    }
    await put((log) => {
      const [head, checkpoint] = [markIn(log, 'head'), markIn(log, 'checkpoint')];
      Object.assign(head, { id: 'checkpoint' });
      Object.assign(checkpoint, { id: 'head' });
    });
    expect((await outcome(verifyAll(vault.owner, 5))).code).toBe('damaged');
    expect(await problems()).toEqual(
      expect.arrayContaining([expect.stringContaining('no sound end'), expect.stringContaining('no sound beginning')]),
    );
  });

  test('a beginning that is gone or older than the log shows as entries that are missing', async () => {
    await put((log) => {
      log.marks = log.marks.filter(({ id }) => id !== 'checkpoint');
    });
    expect((await verifyAll(vault.owner, 5)).findings.map(said)).toEqual([`removed 1-${began.now}`]);
    expect((await problems()).join()).toContain(`entries 1 to ${began.now} are missing`);
    await put((log) => Object.assign(markIn(log, 'checkpoint'), markIn(older, 'checkpoint')));
    expect((await verifyAll(vault.owner, 5)).findings.map(said)).toEqual([`removed ${began.first + 1}-${began.now}`]);
    expect((await problems()).join()).toContain(`entries ${began.first + 1} to ${began.now} are missing`);
  });

  test('entries that were removed behind the beginning are missing', async () => {
    await put((log) => cut(log, began.now + 1, 2));
    expect((await verifyAll(vault.owner, 1)).findings.map(said)).toEqual([`removed ${began.now + 1}-${began.now + 2}`]);
    expect((await problems()).join()).toContain(`entries ${began.now + 1} to ${began.now + 2} are missing`);
  });

  test('entries that were pruned and put back before it are none of the log', async () => {
    await put((log) => log.entries.push(...older.entries.filter(({ seq }) => Number(seq) === began.first + 1)));
    expect((await vault.owner('audit-logs.verify', {})).findings.map(said)).toEqual([`inserted ${began.first + 1}`]);
    expect((await problems()).join()).toContain(`entry ${began.first + 1} stands before the beginning of the log`);
  });
});

describe('the keys of the ring', () => {
  test.each([
    ["update keyring set epoch = 1 where purpose = 'audit'", 'damaged'],
    ["update keyring set epoch = 3 where purpose = 'audit'", 'damaged'],
    [
      "update keyring set sealed = (select sealed from keyring where purpose = 'index') where purpose = 'audit'",
      'damaged',
    ],
    ["insert into keyring select 'audit', 1, sealed from keyring where purpose = 'audit'", 'damaged'],
    ["delete from keyring where purpose = 'audit'", 'damaged'],
  ])('are those that the vault made: %s', async (sql, code) => {
    const vault = await makeVault();
    try {
      vault.edit((file) => file.exec(sql));
      expect((await refusal(vault.open())).code).toBe(code);
    } finally {
      await vault.close();
    }
  });
});

describe('a vault from before its end was written down', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-adopted-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const frozen = join(import.meta.dirname, '..', 'frozen', 'v1');
  const { now } = JSON.parse(readFileSync(join(frozen, 'contents.json'), 'utf8')) as { now: number };
  const world: World = {
    now: () => now,
    newUuid: uuidSource(
      () => now,
      (bytes) => crypto.getRandomValues(bytes),
    ),
  };
  let count = 0;
  const thaw = (): Place => {
    const at = join(folder, String(++count));
    cpSync(frozen, at, { recursive: true });
    return { path: join(at, 'vault.db'), keys: { defaultKeyFile: () => join(at, 'fake-vault.key') } };
  };
  const marksIn = ({ path }: Place): unknown[] => edit(path, (file) => file.prepare('select * from audit_marks').all());
  const opened = async <T>(
    place: Place,
    work: (local: Awaited<ReturnType<typeof openLocal>>) => Promise<T>,
  ): Promise<T> => {
    const local = await openLocal(world, place, owner);
    return work(local).finally(() => local.close());
  };
  const update = ({ call }: Awaited<ReturnType<typeof openLocal>>) =>
    call('projects.update', { id: 'default', description: 'another' });

  test('is adopted once, as it is', async () => {
    const place = thaw();
    const { findings, last } = await opened(place, async ({ call }) => ({
      findings: (await verifyAll(call, 4)).findings,
      last: (await call('audit-logs.verify', { limit: 1 })).last_seq,
    }));
    expect(findings).toEqual([]);
    const marks = marksIn(place);
    expect(marks).toMatchObject([{ id: 'head', seq: last }]);
    await opened(place, async () => undefined);
    expect(marksIn(place)).toEqual(marks);
    await opened(place, update);
    expect(marksIn(place)).toMatchObject([{ id: 'head', seq: last + 1 }]);
    expect((await check(world, place)).ok).toBe(true);
  });

  test('is not taken for one again when its end was removed, with entries or without', async () => {
    for (const sql of ['', 'delete from audit_log where seq > 3;']) {
      const place = thaw();
      await opened(place, async () => undefined);
      edit(place.path, (file) => file.exec(`${sql} delete from audit_marks`));
      for (let time = 0; time < 2; time++) {
        const { message } = await opened(place, (local) => refusal(update(local)));
        expect(message).toBe('the audit log has no sound end');
        expect(marksIn(place)).toEqual([]);
      }
      await opened(place, async ({ call }) =>
        expect((await verifyAll(call, 4)).findings.map(said)).toEqual(['changed']),
      );
      expect(told(await check(world, place)).join()).toContain('what says where the log ends is gone');
    }
  });

  test('that was edited before it was adopted shows it', async () => {
    const place = thaw();
    edit(place.path, (file) => file.exec('delete from audit_log where seq = 3'));
    await opened(place, async ({ call }) =>
      expect((await verifyAll(call, 4)).findings.map(said)).toEqual(['removed 3']),
    );
  });
});
