import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { Db, Mode, Query } from '../../src/store/db.ts';
import { disturbs, NotRemembered, newMemory, recall } from '../../src/store/memory.ts';
import { openSqlite } from '../../src/store/sqlite.ts';

const root = mkdtempSync(join(tmpdir(), 'mobius-memory-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('whether a statement disturbs what is remembered', () => {
  test.each([
    ['update api_keys set revoked_at = $2, sealed = $3 where id = $1', 'all'],
    ['update principals set disabled_at = $1', 'all'],
    ['delete from role_assignments where id = $1', 'all'],
    ['insert into role_assignments (id) values ($1)', 'all'],
    ['insert into moves (id) values ($1)', 'all'],
    ['insert into api_keys (id) values ($1) on conflict (id) do update set sealed = $2', 'all'],
    ['insert into api_keys (id) values ($1) on conflict (id) DO UPDATE set sealed = $2', 'all'],
    ['update api_keys set last_used_at = $2, revoked_at = null where id = $1', 'all'],
    ['with gone as (select 1) delete from api_keys', 'all'],
    ['drop table api_keys', 'all'],
    ['alter table api_keys add column x text', 'all'],
    ['\n  UPDATE api_keys\n  set revoked_at = 1', 'all'],
    ['insert into api_keys (id) values ($1) on conflict do nothing', undefined],
    [
      'update api_keys set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at <= $2 - $3)',
      undefined,
    ],
    ['update users set last_login_at = $2 where id = $1', undefined],
    ['update tokens set used = used + $3 where id = $1', undefined],
    ['update tokens set used = $2, revoked_at = $3 where id = $1', 'all'],
    ['update tokens set project_id = $3, sealed = $4 where id = $1 and sealed = $2', 'all'],
    ['insert into tokens (id) values ($1) on conflict do nothing', undefined],
    ['delete from tokens where id in (select id from tokens where expires_at <= $1)', undefined],
    ['insert into audit_log (id) values ($1)', undefined],
    ['update secrets set sealed = $1', 'secrets'],
    ['insert into secret_versions (id) values ($1)', 'secrets'],
    ['insert into secret_values (id) values ($1)', undefined],
  ])('%s: %s', (sql, expected) => {
    expect(disturbs(sql)).toBe(expected);
  });
});

test('what is remembered has an end: the oldest go first', () => {
  const memory = newMemory();
  for (let i = 0; i <= 150_000; i++) memory.set(String(i), i);
  expect([memory.get('0'), memory.get('14999'), memory.get('15000'), memory.get('150000')]).toEqual([
    undefined,
    undefined,
    15_000,
    150_000,
  ]);
});

let opened: Db[] = [];
afterEach(async () => {
  for (const db of opened) await db.close();
  opened = [];
});

let count = 0;
const scene = async (): Promise<{ db: Db; another: () => Promise<Db> }> => {
  const path = join(root, `${count++}.db`);
  const open = async (create: boolean): Promise<Db> => {
    const db = await openSqlite(path, { create });
    opened.push(db);
    return db;
  };
  const db = await open(true);
  await db.run('create table api_keys (id text primary key, name text)');
  await db.run('create table secrets (id text primary key)');
  await db.run("insert into api_keys (id, name) values ('a', 'first')");
  return { db, another: () => open(false) };
};

const find = async (tx: Query, id = 'a'): Promise<string | undefined> =>
  recall(
    tx,
    `key ${id}`,
    async () => (await tx.get<{ name: string }>('select name from api_keys where id = $1', [id]))?.name,
  );

const found = (db: Db, mode: Mode = 'read', id = 'a'): Promise<string | undefined> => db.tx(mode, (tx) => find(tx, id));

describe('what a connection remembers', () => {
  test('is asked for without the database; what is not known is read, once anything is', async () => {
    const { db } = await scene();
    await expect(found(db, 'glance')).rejects.toBeInstanceOf(NotRemembered);
    expect(await found(db)).toBe('first');
    expect(await found(db, 'glance')).toBe('first');
    await db.tx('write', (tx) => tx.run("insert into api_keys (id, name) values ('b', 'second')"));
    let goOn = (): void => undefined;
    const asked = new Promise<void>((done) => {
      goOn = done;
    });
    const change = db.tx('write', () => asked);
    const read = found(db, 'glance', 'b');
    expect(await found(db, 'glance')).toBe('first');
    goOn();
    expect(await read).toBe('second');
    await change;
    const wrong = db.tx('glance', (tx) => tx.run('delete from api_keys'));
    await expect(wrong).rejects.toMatchObject({ code: 'internal' });
    expect(await found(db, 'glance')).toBe('first');
  });

  test('a glance that must read knows nothing any more that another has changed meanwhile', async () => {
    const { db, another } = await scene();
    const other = await another();
    await found(db);
    const glance = (change: string) =>
      db.tx('glance', async (tx) => {
        const name = await find(tx);
        await other.run(change);
        return [name, await tx.get("select name from api_keys where id = 'a'")];
      });
    await expect(glance("update api_keys set name = 'other' where id = 'a'")).rejects.toBeInstanceOf(NotRemembered);
    expect(await found(db)).toBe('other');
    // Of another connection nobody knows what it has changed.
    await expect(glance("insert into secrets (id) values ('s')")).rejects.toBeInstanceOf(NotRemembered);
    await found(db);
    expect(await glance('select 1 as one')).toEqual(['other', { name: 'other' }]);
  });

  test('a glance that has read can leave and wait for a change, and asks for nothing more', async () => {
    const { db } = await scene();
    await found(db);
    const glance = db.tx('glance', async (tx) => {
      const there = await tx.all('select id from api_keys');
      await tx.leave?.();
      await db.tx('count', (change) => change.run("insert into api_keys (id, name) values ('b', 'second')"));
      return [there, await tx.all('select id from api_keys').catch((error: Error) => error.message)];
    });
    expect(await glance).toEqual([[{ id: 'a' }], expect.stringContaining('the transaction has ended')]);
    expect(await found(db, 'read', 'b')).toBe('second');
  });

  test('a glance that fails holds nobody up', async () => {
    const { db } = await scene();
    await found(db);
    const glance = db.tx('glance', async (tx) => {
      await tx.all('select id from api_keys');
      throw new Error('no');
    });
    await expect(glance).rejects.toThrow('no');
    expect(await db.run("insert into secrets (id) values ('s')")).toBe(1);
  });

  test('nothing is remembered of what is not there', async () => {
    const { db } = await scene();
    expect(await found(db, 'read', 'b')).toBeUndefined();
    await db.tx('write', (tx) => tx.run("insert into api_keys (id, name) values ('b', 'second')"));
    expect(await found(db, 'read', 'b')).toBe('second');
  });

  test.each(['write', 'outside'] as const)('ends with a change of its own (%s)', async (how) => {
    const { db } = await scene();
    await found(db);
    const sql = "update api_keys set name = 'other' where id = 'a'";
    await (how === 'write' ? db.tx('write', (tx) => tx.run(sql)) : db.run(sql));
    await expect(found(db, 'glance')).rejects.toBeInstanceOf(NotRemembered);
    expect(await found(db)).toBe('other');
  });

  test('lasts beside changes that say nothing of it', async () => {
    const { db } = await scene();
    await found(db);
    await db.tx('write', (tx) => tx.run("insert into secrets (id) values ('s')"));
    expect(await found(db, 'glance')).toBe('first');
  });

  test('ends with a change of another connection, before the next question', async () => {
    const { db, another } = await scene();
    const other = await another();
    await found(db);
    for (const name of ['one', 'two', 'three']) {
      await other.run("update api_keys set name = $1 where id = 'a'", [name]);
      expect(await found(db, 'glance')).toBe(name);
      expect(await found(db)).toBe(name);
    }
  });

  test('a change that is under way sees itself, and nobody else is told of it', async () => {
    const { db } = await scene();
    await found(db);
    let goOn = (): void => undefined;
    const asked = new Promise<void>((done) => {
      goOn = done;
    });
    let change: Promise<void> | undefined;
    await new Promise<void>((changed) => {
      change = db.tx('write', async (tx) => {
        expect(await find(tx)).toBe('first');
        await tx.run("update api_keys set name = 'never' where id = 'a'");
        expect(await find(tx)).toBe('never');
        changed();
        await asked;
        throw new Error('given up');
      });
    });
    await expect(found(db, 'glance')).rejects.toBeInstanceOf(NotRemembered);
    const afterwards = found(db);
    goOn();
    await expect(change).rejects.toThrow('given up');
    expect(await afterwards).toBe('first');
  });

  test('what a change made and took back is not remembered', async () => {
    const { db } = await scene();
    const makes = db.tx('write', async (tx) => {
      await tx.run("insert into api_keys (id, name) values ('b', 'never')");
      expect(await find(tx, 'b')).toBe('never');
      throw new Error('given up');
    });
    await expect(makes).rejects.toThrow('given up');
    expect(await found(db, 'read', 'b')).toBeUndefined();
  });

  test('of changes that are committed together each sees the ones before it', async () => {
    const { db } = await scene();
    await found(db);
    const [, seen] = await Promise.all([
      db.tx('write', (tx) => tx.run("update api_keys set name = 'other' where id = 'a'")),
      found(db, 'write'),
    ]);
    expect(seen).toBe('other');
    expect(await found(db)).toBe('other');
  });
});

describe('changes that are asked for at once', () => {
  const put = (db: Db, id: string, fails = false): Promise<void> =>
    db.tx('write', async (tx) => {
      await tx.run('insert into secrets (id) values ($1)', [id]);
      if (fails) throw new Error(`not ${id}`);
    });

  const ids = async (db: Db): Promise<string[]> =>
    (await db.all<{ id: string }>('select id from secrets order by id')).map(({ id }) => id);

  test('are all there; of one that fails nothing is, and the others stand', async () => {
    const { db } = await scene();
    const names = Array.from({ length: 600 }, (_, n) => String(n).padStart(3, '0'));
    const settled = await Promise.allSettled(names.map((id, n) => put(db, id, n % 7 === 3)));
    const stand = names.filter((_, n) => n % 7 !== 3);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(stand.length);
    expect(await ids(db)).toEqual(stand);
  });

  test('a statement that fails undoes its own change alone', async () => {
    const { db } = await scene();
    const settled = await Promise.allSettled([put(db, 'a'), put(db, 'a'), put(db, 'b')]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await ids(db)).toEqual(['a', 'b']);
  });

  test('where the first fails, or the only one, nothing of it is left, and the next begin anew', async () => {
    const { db } = await scene();
    await expect(put(db, 'a', true)).rejects.toThrow('not a');
    const settled = await Promise.allSettled([
      put(db, 'b', true),
      put(db, 'c', true),
      put(db, 'd'),
      put(db, 'e', true),
    ]);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'rejected']);
    expect(await ids(db)).toEqual(['d']);
    await found(db);
    const change = db.tx('write', async (tx) => {
      await tx.run("update api_keys set name = 'never' where id = 'a'");
      throw new Error('given up');
    });
    await expect(change).rejects.toThrow('given up');
    expect(await found(db)).toBe('first');
  });

  test('none is told done before it is on the disk: another connection sees it then', async () => {
    const { db, another } = await scene();
    const other = await another();
    await Promise.all(
      ['a', 'b', 'c'].map(async (id) => {
        await put(db, id);
        expect(await ids(other)).toContain(id);
      }),
    );
  });

  test('where all of them are lost at once, each is told', async () => {
    const { db } = await scene();
    // As SQLite itself does where the disk is full.
    const lose = (): Promise<void> =>
      db.tx('write', async (tx) => {
        await tx.run('rollback');
        throw new Error('lost');
      });
    const settled = await Promise.allSettled([put(db, 'a'), lose(), put(db, 'c')]);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(await ids(db)).toEqual(['c']);
  });
});
