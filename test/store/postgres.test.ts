import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Db, Row } from '../../src/store/db.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { conformance } from './conformance.ts';
import { type PostgresServer, postgresPrograms, startPostgres } from './postgres.ts';

const programs = postgresPrograms();

describe.runIf(programs !== undefined)('a PostgreSQL server', () => {
  let server: PostgresServer;
  let url = '';
  beforeAll(async () => {
    server = await startPostgres(programs ?? '');
  });
  afterAll(() => server.stop());

  const open = async (): Promise<Db> => {
    url = await server.newDatabase();
    return openPostgres(url);
  };
  conformance('PostgreSQL', { open, another: async () => openPostgres(url) });

  test('what was prepared goes on when somebody else adds a column', async () => {
    const db = await open();
    const other = openPostgres(url, { connections: 1 });
    try {
      await db.run('create table things (id text primary key)');
      await db.run("insert into things (id) values ('a')");
      const rows = (): Promise<Row[]> => other.all('select t.* from things t');
      expect([await rows(), await other.tx('read', (tx) => tx.all('select t.* from things t'))]).toEqual([
        [{ id: 'a' }],
        [{ id: 'a' }],
      ]);
      await db.run('alter table things add column note text');
      expect(await other.tx('write', (tx) => tx.all('select t.* from things t'))).toEqual([{ id: 'a', note: null }]);
      await db.run('alter table things add column more text');
      expect(await rows()).toEqual([{ id: 'a', note: null, more: null }]);
    } finally {
      await Promise.all([db.close(), other.close()]);
    }
  });

  test('texts sort by their bytes, whatever the order of the database is', async () => {
    await server.ask(`create database ordered template template0 encoding UTF8 locale_provider icu icu_locale 'en-US'
      lc_collate 'C' lc_ctype 'C'`);
    const db = openPostgres(`postgres://mobius@127.0.0.1:${server.port}/ordered`);
    try {
      await db.run('create table things (id text primary key)');
      for (const id of ['b', 'B', 'a_', 'aa', 'A', 'é']) await db.run('insert into things (id) values ($1)', [id]);
      const sorted = await db.all<{ id: string }>('select id from things order by id');
      expect(sorted.map(({ id }) => id)).toEqual(['A', 'B', 'a_', 'aa', 'b', 'é']);
      expect(await db.all('select id from things where id > $1 order by id limit 1', ['B'])).toEqual([{ id: 'a_' }]);
    } finally {
      await db.close();
    }
  });

  test('of many who migrate at once each migration is done by one, while others go on', async () => {
    const db = await open();
    const first = { id: 1, sql: ['create table things (id text primary key)', "insert into things (id) values ('a')"] };
    await migrate(db, [first], { now: 1 });
    const next = { id: 2, sql: ['alter table things add column n bigint', 'update things set n = coalesce(n, 0) + 1'] };
    const running = openPostgres(url);
    let going = true;
    let asked = 0;
    const old = (async () => {
      for (; going; asked++) {
        await running.tx('write', (tx) => tx.run("update things set id = id where id = 'a'"));
        expect(await running.tx('read', (tx) => tx.all('select t.id from things t'))).toHaveLength(1);
      }
    })();
    const doors = Array.from({ length: 6 }, () => openPostgres(url, { connections: 2 }));
    await Promise.all(doors.map((door) => migrate(door, [first, next], { now: 2 })));
    going = false;
    await old;
    expect(asked).toBeGreaterThan(0);
    expect(await db.all('select n from things')).toEqual([{ n: 1 }]);
    await Promise.all([db, running, ...doors].map((door) => door.close()));
  });
});
