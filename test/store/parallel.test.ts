import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.ts';
import { children, type Ended, type Start } from './processes.ts';

const root = mkdtempSync(join(tmpdir(), 'mobius-parallel-'));
let start: Start;
beforeAll(async () => {
  start = await children(root);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const crowd = (size: number, args: (i: number) => string[]): Promise<Ended[]> =>
  Promise.all(Array.from({ length: size }, (_, i) => start(args(i)).ended));

const quiet = { code: 0, signal: null, stdout: '', stderr: '' };

/**
 * Every one opens and closes for each of its transactions, so that being the first to recover the log and the last to
 * remove it happens all the time, under others who are opening.
 */
test('20 processes with 25 transactions each lose nothing and fail nobody', async () => {
  const path = join(root, 'counted.db');
  const db = await openSqlite(path, { create: true });
  await db.run('create table counter (n bigint not null)');
  await db.run('create table entries (id text primary key)');
  await db.run('insert into counter (n) values (0)');
  await db.close();

  for (const ended of await crowd(20, (i) => ['count', path, `p${i}`, '25'])) expect(ended).toEqual(quiet);

  const after = await openSqlite(path);
  expect(await after.get('select n from counter')).toEqual({ n: 500 });
  expect(await after.get('select count(*) as n from entries')).toEqual({ n: 500 });
  expect(await after.get('pragma integrity_check')).toEqual({ integrity_check: 'ok' });
  await after.close();
  expect(readdirSync(root).filter((name) => name.startsWith('counted'))).toEqual(['counted.db']);
}, 60_000);

test('10 processes that make the same database at once all have it', async () => {
  const path = join(root, 'made.db');
  for (const ended of await crowd(10, (i) => ['create', path, `p${i}`])) expect(ended).toEqual(quiet);
  const db = await openSqlite(path);
  expect(await db.get('select count(*) as n from entries')).toEqual({ n: 10 });
  await db.close();
});

test('readers see one state while others write', async () => {
  const path = join(root, 'read.db');
  const db = await openSqlite(path, { create: true });
  await db.run('create table entries (id text primary key)');
  const readers = Array.from({ length: 4 }, () => start(['snapshot', path]));
  const reading = Promise.all(readers.map((reader) => reader.ended));
  let writes = 0;
  for (let done = false; !done; writes++) {
    await db.run('insert into entries (id) values ($1)', [`w${writes}`]);
    done = await Promise.race([reading.then(() => true), new Promise<false>((no) => setTimeout(() => no(false), 2))]);
  }
  for (const { code, stdout } of await reading) {
    const [before, after] = stdout.trim().split('\n');
    expect(code).toBe(0);
    expect(before).toMatch(/^\{"n":\d+\}$/);
    expect(after).toBe(before);
  }
  expect(writes).toBeGreaterThan(20);
  await db.close();
});
