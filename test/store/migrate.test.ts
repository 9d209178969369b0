import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Db } from '../../src/store/db.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { children, type Start } from './processes.ts';

const root = mkdtempSync(join(tmpdir(), 'mobius-migrate-'));
let start: Start;
beforeAll(async () => {
  start = await children(root);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

let names = 0;
let path: string;
beforeEach(() => {
  path = join(root, `${names++}.db`);
});

const first = { id: 1, sql: ['create table a (id bigint primary key)', 'create table b (id bigint primary key)'] };
const second = { id: 2, sql: ['alter table a add column note text', "insert into a (id, note) values (1, 'made')"] };

const opened = async <T>(work: (db: Db) => Promise<T>): Promise<T> => {
  const db = await openSqlite(path, { create: true });
  try {
    return await work(db);
  } finally {
    await db.close();
  }
};

const applied = (db: Db): Promise<unknown[]> => db.all('select id, applied_at from migrations order by id');

test('an empty database gets every migration, with the time, and no backup', () =>
  opened(async (db) => {
    const backup = vi.fn(async () => undefined);
    await migrate(db, [first, second], { now: 7, backup });
    expect(await applied(db)).toEqual([
      { id: 1, applied_at: 7 },
      { id: 2, applied_at: 7 },
    ]);
    expect(await db.all('select id, note from a')).toEqual([{ id: 1, note: 'made' }]);
    expect(backup).not.toHaveBeenCalled();
  }));

test('an older one gets what is missing, after one backup of what was there', () =>
  opened(async (db) => {
    await migrate(db, [first], { now: 1 });
    const seen: unknown[] = [];
    const backup = async (): Promise<void> => void seen.push(await applied(db));
    await migrate(db, [first, second, { id: 3, sql: ['drop table b'] }], { now: 2, backup });
    expect(seen).toEqual([[{ id: 1, applied_at: 1 }]]);
    expect(await applied(db)).toEqual([
      { id: 1, applied_at: 1 },
      { id: 2, applied_at: 2 },
      { id: 3, applied_at: 2 },
    ]);
  }));

test('without its backup nothing is changed', () =>
  opened(async (db) => {
    await migrate(db, [first], { now: 1 });
    const refused = new Error('no room for a backup');
    const backup = (): Promise<void> => Promise.reject(refused);
    await expect(migrate(db, [first, second], { now: 2, backup })).rejects.toBe(refused);
    expect(await applied(db)).toEqual([{ id: 1, applied_at: 1 }]);
  }));

test('one that is up to date costs one read and no lock', () =>
  opened(async (db) => {
    await migrate(db, [first, second], { now: 1 });
    const calls: string[] = [];
    const counted: Db = {
      all: (sql, params) => {
        calls.push(sql);
        return db.all(sql, params);
      },
      get: () => Promise.reject(new Error('get')),
      run: () => Promise.reject(new Error('run')),
      tx: () => Promise.reject(new Error('tx')),
      close: () => Promise.reject(new Error('close')),
    };
    await migrate(counted, [first, second], { now: 2, backup: () => Promise.reject(new Error('backup')) });
    expect(calls).toHaveLength(1);
  }));

test('a failing statement takes the whole migration back, and leaves those before it', () =>
  opened(async (db) => {
    const broken = { id: 2, sql: ['create table c (id bigint primary key)', 'create table a (id bigint)'] };
    await expect(migrate(db, [first, broken], { now: 1 })).rejects.toMatchObject({ code: 'internal' });
    expect(await applied(db)).toEqual([{ id: 1, applied_at: 1 }]);
    await expect(db.all('select id from c')).rejects.toThrow();
    await migrate(db, [first, second], { now: 2 });
    expect(await applied(db)).toHaveLength(2);
  }));

test('one of a newer program is refused and left as it is', () =>
  opened(async (db) => {
    await migrate(db, [first, second], { now: 1 });
    const backup = vi.fn(async () => undefined);
    await expect(migrate(db, [first], { now: 2, backup })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('the vault was written by a newer mobius'),
    });
    expect(await applied(db)).toHaveLength(2);
    expect(backup).not.toHaveBeenCalled();
  }));

test('other faults than a missing table are passed on', () =>
  opened(async (db) => {
    const damaged = Object.assign(new Error('broken'), { code: 'damaged' });
    await expect(migrate({ ...db, all: () => Promise.reject(damaged) }, [first], { now: 1 })).rejects.toBe(damaged);
    await db.run('create table migrations (something text)');
    await expect(migrate(db, [first], { now: 1 })).rejects.toMatchObject({ code: 'internal' });
  }));

test('one that is overtaken between its look and its change leaves it to the other', () =>
  opened(async (db) => {
    await migrate(db, [first], { now: 1 });
    const overtaken: Db = {
      ...db,
      async all(sql, params) {
        const rows = await db.all<never>(sql, params);
        await opened((other) => migrate(other, [first, second], { now: 2 }));
        return rows;
      },
    };
    await migrate(overtaken, [first, second, { id: 3, sql: ['drop table b'] }], { now: 3 });
    expect(await applied(db)).toEqual([1, 2, 3].map((id) => ({ id, applied_at: id })));
    expect(await db.all('select id from a')).toEqual([{ id: 1 }]);
  }));

test('four processes at once apply each migration once', async () => {
  await opened(async () => undefined);
  const ended = await Promise.all([1, 2, 3, 4].map(() => start(['migrate', path]).ended));
  for (const { code, stdout, stderr } of ended)
    expect([code, stderr, stdout.replace('backup\n', '')]).toEqual([0, '', '']);
  await opened(async (db) => {
    expect(await applied(db)).toEqual([1, 2, 3].map((id) => ({ id, applied_at: 5 })));
    expect(await db.get('select count(*) as n from steps')).toEqual({ n: 200 });
  });
});

test('a process killed in the middle of a migration leaves it undone, and the next one does it', async () => {
  await opened(async () => undefined);
  const { signal, stdout } = await start(['migrate-and-die', path]).ended;
  expect([signal, stdout]).toEqual(['SIGKILL', '']);
  await opened(async (db) => {
    expect(await applied(db)).toEqual([{ id: 1, applied_at: 5 }]);
    expect(await db.all('select id from steps')).toEqual([]);
    await expect(db.all('select id from half')).rejects.toThrow();
  });
  const { code, stdout: said } = await start(['migrate', path]).ended;
  expect([code, said]).toEqual([0, 'backup\n']);
  await opened(async (db) => expect(await db.get('select count(*) as n from steps')).toEqual({ n: 200 }));
});
