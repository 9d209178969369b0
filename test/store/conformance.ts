import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Db, Query } from '../../src/store/db.ts';

export interface Engine {
  /** A Db on a new and empty database. */
  open(): Promise<Db>;
  /** One more Db on the database that was opened last, as another process would have. */
  another(): Promise<Db>;
}

/** What every engine must do alike. */
export const conformance = (name: string, { open, another }: Engine): void => {
  describe(`${name} keeps the contract of Db`, () => {
    let db: Db;

    beforeEach(async () => {
      db = await open();
      await db.run('create table things (id text primary key, n bigint, bytes bytea, note text)');
    });

    afterEach(() => db.close());

    const put = (to: Query, id: string, n: number | null = null): Promise<number> =>
      to.run('insert into things (id, n) values ($1, $2) on conflict do nothing', [id, n]);

    const count = async (from: Query): Promise<number> =>
      (await from.get<{ n: number }>('select count(*) as n from things'))?.n ?? -1;

    describe('values', () => {
      test.each([
        ['empty', ''],
        ['of many scripts', 'naïve Ωμέγα 日本語 עברית 🔑👩‍👩‍👧'],
        ['that looks like SQL', "'; drop table things; -- $1 ? :a @b"],
        [
          'with every control character but NUL',
          Array.from({ length: 31 }, (_, i) => String.fromCharCode(i + 1)).join(''),
        ],
        ['that looks like a number', '007.50'],
        ['of 100,000 characters', 'ä'.repeat(100_000)],
      ])('text %s comes back', async (_, text) => {
        await db.run('insert into things (id, note) values ($1, $2)', ['a', text]);
        expect(await db.get('select note from things where note = $1', [text])).toEqual({ note: text });
      });

      test.each([
        0,
        1,
        -1,
        2 ** 31,
        -(2 ** 31) - 1,
        1_767_225_600_000,
        Number.MAX_SAFE_INTEGER,
        Number.MIN_SAFE_INTEGER,
      ])('the integer %d comes back as a number', async (n) => {
        await put(db, 'a', n);
        expect(await db.get('select n from things where n = $1', [n])).toEqual({ n });
      });

      test('integers are counted as integers', async () => {
        await put(db, 'a', 5);
        expect(await db.get('select n / $1 as half from things', [2])).toEqual({ half: 2 });
      });

      test.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('%d is refused as an integer', async (n) => {
        await expect(put(db, 'a', n)).rejects.toThrow();
        expect(await count(db)).toBe(0);
      });

      test('null comes back, and is not equal to null', async () => {
        await put(db, 'a', null);
        expect(await db.get('select n, bytes, note from things')).toEqual({ n: null, bytes: null, note: null });
        expect(await db.all('select id from things where n = $1', [null])).toEqual([]);
      });

      test.each([
        ['none', new Uint8Array()],
        ['every one', Uint8Array.from({ length: 256 }, (_, i) => i)],
        ['1 MiB of them', Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 31 + (i >> 8)) & 255)],
      ])('bytes come back: %s', async (_, bytes) => {
        await db.run('insert into things (id, bytes) values ($1, $2)', ['a', bytes]);
        const row = await db.get<{ bytes: Uint8Array }>('select bytes from things where bytes = $1', [bytes]);
        expect(row?.bytes).toBeInstanceOf(Uint8Array);
        expect(Buffer.compare(row?.bytes ?? Buffer.from('other'), bytes)).toBe(0);
      });

      test('a part of a larger buffer is stored as that part', async () => {
        const part = new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4);
        await db.run('insert into things (id, bytes) values ($1, $2)', ['a', part]);
        const row = await db.get<{ bytes: Uint8Array }>('select bytes from things');
        expect([...(row?.bytes ?? [])]).toEqual([1, 2, 3]);
      });
    });

    describe('statements', () => {
      test('a parameter may be named more than once and out of order', async () => {
        await db.run('insert into things (id, note, n) values ($2, $2, $1)', [7, 'seven']);
        expect(await db.all('select id, note, n from things where id = $1 or note = $1', ['seven'])).toEqual([
          { id: 'seven', note: 'seven', n: 7 },
        ]);
      });

      test('ten parameters are ten', async () => {
        const params = Array.from({ length: 11 }, (_, i) => `p${i + 1}`);
        await db.run(
          'insert into things (id) values ($1), ($2), ($3), ($4), ($5), ($6), ($7), ($8), ($9), ($10), ($11)',
          params,
        );
        expect(await db.get('select id from things where id = $1', ['p10'])).toEqual({ id: 'p10' });
        expect(await count(db)).toBe(11);
      });

      test.each([
        ['too few', ['a']],
        ['too many', ['a', 1, 2]],
      ])('%s parameters are refused', async (_, params) => {
        await expect(db.run('insert into things (id, n) values ($1, $2)', params)).rejects.toMatchObject({
          code: 'internal',
        });
        expect(await count(db)).toBe(0);
      });

      test('get gives the first row or undefined, all gives each', async () => {
        expect(await db.get('select id from things')).toBeUndefined();
        expect(await db.all('select id from things')).toEqual([]);
        await put(db, 'a');
        await put(db, 'b');
        expect(await db.get('select id from things order by id desc')).toEqual({ id: 'b' });
        expect(await db.all('select id from things order by id')).toEqual([{ id: 'a' }, { id: 'b' }]);
      });

      test('run counts the rows that were changed', async () => {
        expect(await db.run('insert into things (id, n) values ($1, 1), ($2, 2), ($3, 3)', ['a', 'b', 'c'])).toBe(3);
        expect(await db.run('update things set note = $1 where n >= 2', ['x'])).toBe(2);
        expect(await db.run('update things set note = $1 where n > 9', ['x'])).toBe(0);
        expect(await db.run('delete from things where n = 1')).toBe(1);
        expect(await db.run('delete from things')).toBe(2);
      });

      test('a conflict that does nothing counts nothing', async () => {
        expect(await put(db, 'a', 1)).toBe(1);
        expect(await put(db, 'a', 2)).toBe(0);
        expect(await db.get('select n from things')).toEqual({ n: 1 });
      });

      test('a conflict that updates counts one', async () => {
        const upsert =
          'insert into things (id, n) values ($1, $2) on conflict (id) do update set n = things.n + excluded.n';
        expect(await db.run(upsert, ['a', 1])).toBe(1);
        expect(await db.run(upsert, ['a', 2])).toBe(1);
        expect(await db.get('select n from things')).toEqual({ n: 3 });
      });

      test('returning gives what was written, by get, all and run', async () => {
        expect(await db.get('insert into things (id, n) values ($1, 1) returning id, n', ['a'])).toEqual({
          id: 'a',
          n: 1,
        });
        await put(db, 'b', 5);
        const changed = await db.all<{ n: number }>('update things set n = n + 1 returning n');
        expect(changed.map(({ n }) => n).sort()).toEqual([2, 6]);
        expect(await db.run('delete from things returning id')).toBe(2);
        expect(await db.get('update things set n = 1 returning id')).toBeUndefined();
      });

      test('a conditional update takes the last one exactly once', async () => {
        await put(db, 'left', 3);
        const takes = Array.from({ length: 10 }, () =>
          db.get("update things set n = n - 1 where id = 'left' and n > 0 returning n"),
        );
        expect((await Promise.all(takes)).filter((row) => row !== undefined)).toHaveLength(3);
        expect(await db.get('select n from things')).toEqual({ n: 0 });
      });

      test('a broken statement is an error and harms nothing', async () => {
        await expect(db.all('selec id from things')).rejects.toMatchObject({ code: 'internal' });
        await expect(db.all('select id from nothing')).rejects.toMatchObject({ code: 'internal' });
        await expect(db.run("insert into things (id) values ('a'), ('a')")).rejects.toMatchObject({ code: 'internal' });
        expect(await count(db)).toBe(0);
      });

      test('a table may get a column', async () => {
        await put(db, 'a');
        await db.run('alter table things add column later bigint');
        expect(await db.all('select id, later from things')).toEqual([{ id: 'a', later: null }]);
      });

      test('a reference to nothing is refused', async () => {
        await db.run('create table parts (id text primary key, thing text not null references things (id))');
        await expect(db.run("insert into parts (id, thing) values ('p', 'none')")).rejects.toMatchObject({
          code: 'internal',
        });
        expect(await db.all('select id from parts')).toEqual([]);
      });

      test('a recursive expression walks a tree, also one that bites its tail', async () => {
        await db.run('create table edges (parent text not null, child text not null, primary key (parent, child))');
        await db.run("insert into edges (parent, child) values ('a','b'), ('b','c'), ('b','d'), ('d','a'), ('x','y')");
        const rows = await db.all<{ id: string }>(
          `with recursive reached (id) as (
            select cast($1 as text) union select e.child from edges e join reached r on e.parent = r.id
          ) select id from reached order by id`,
          ['a'],
        );
        expect(rows.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd']);
      });

      test('10,000 rows are written and paged through by key, none twice and none left out', async () => {
        const id = (i: number): string => `t${String((i * 7919) % 10_000).padStart(5, '0')}`;
        await db.tx('write', async (tx) => {
          for (let i = 0; i < 10_000; i++) await put(tx, id(i), i);
        });
        const seen: string[] = [];
        for (let after = ''; ; ) {
          const page = await db.all<{ id: string }>('select id from things where id > $1 order by id limit 333', [
            after,
          ]);
          seen.push(...page.map((row) => row.id));
          const last = page.at(-1);
          if (last === undefined) break;
          after = last.id;
        }
        expect(seen).toHaveLength(10_000);
        expect(seen).toEqual([...new Set(seen)].sort());
      });
    });

    describe('transactions', () => {
      test('what resolves is committed, and its answer handed on', async () => {
        const answer = await db.tx('write', async (tx) => {
          await put(tx, 'a');
          return { rows: await count(tx) };
        });
        expect(answer).toEqual({ rows: 1 });
        expect(await count(db)).toBe(1);
      });

      test('what rejects is rolled back, and the rejection is the very same', async () => {
        const reason = new TypeError('the body says no');
        const seen = await db
          .tx('write', async (tx) => {
            await put(tx, 'a');
            throw reason;
          })
          .catch((error: unknown) => error);
        expect(seen).toBe(reason);
        expect(await count(db)).toBe(0);
      });

      test('a body that throws before it is a promise rolls back too', async () => {
        const reason = new Error('at once');
        const body = (): Promise<void> => {
          throw reason;
        };
        await expect(db.tx('write', body)).rejects.toBe(reason);
        expect(await put(db, 'a')).toBe(1);
      });

      test('after a failed statement nothing is committed, though the body goes on', async () => {
        const body = async (tx: Query): Promise<string> => {
          await put(tx, 'a');
          await tx.run("insert into things (id) values ('a')").catch(() => undefined);
          await put(tx, 'b').catch(() => undefined);
          return 'done';
        };
        await expect(db.tx('write', body)).rejects.toMatchObject({ code: 'internal' });
        expect(await count(db)).toBe(0);
      });

      test('tables are made and dropped inside of it', async () => {
        const failed = db.tx('write', async (tx) => {
          await tx.run('create table more (id text primary key)');
          await tx.run('drop table things');
          throw new Error('no');
        });
        await expect(failed).rejects.toThrow('no');
        await expect(db.all('select id from more')).rejects.toThrow();
        expect(await count(db)).toBe(0);
      });

      test('a read transaction refuses to write', async () => {
        await expect(db.tx('read', (tx) => put(tx, 'a'))).rejects.toMatchObject({ code: 'internal' });
        expect(await count(db)).toBe(0);
      });

      test('one that failed does not hold up the next', async () => {
        const results = await Promise.allSettled([
          db.tx('write', async () => Promise.reject(new Error('first'))),
          db.run('selec'),
          put(db, 'a'),
        ]);
        expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
      });

      test.each(['read', 'write'] as const)('the outer handle refuses inside a %s transaction', async (mode) => {
        const uses: [string, () => Promise<unknown>][] = [
          ['all', () => db.all('select 1 as one')],
          ['get', () => db.get('select 1 as one')],
          ['run', () => put(db, 'a')],
          ['tx', () => db.tx('read', async () => 1)],
          ['close', () => db.close()],
        ];
        for (const [name, use] of uses) {
          await expect(db.tx(mode, use), name).rejects.toMatchObject({ code: 'internal' });
        }
        expect(await count(db)).toBe(0);
      });

      test('the outer handle refuses also after an await inside of it', async () => {
        const body = async (tx: Query): Promise<number> => {
          await put(tx, 'a');
          await new Promise((done) => setImmediate(done));
          return count(db);
        };
        await expect(db.tx('write', body)).rejects.toMatchObject({ code: 'internal' });
        expect(await count(db)).toBe(0);
      });

      test('the handle of a transaction that has ended is dead', async () => {
        let kept: Query | undefined;
        await db.tx('write', async (tx) => {
          kept = tx;
          await put(tx, 'a');
        });
        await expect(kept?.run("insert into things (id) values ('late')")).rejects.toMatchObject({ code: 'internal' });
        await expect(kept?.get('select id from things')).rejects.toMatchObject({ code: 'internal' });
        expect(await count(db)).toBe(1);
      });

      test('a body that forgets to await does not write after the end', async () => {
        let late: Promise<unknown> = Promise.resolve();
        await db.tx('write', async (tx) => {
          late = new Promise((done) => setTimeout(done, 5))
            .then(() => put(tx, 'late'))
            .catch((error: unknown) => error);
        });
        expect(await late).toMatchObject({ code: 'internal' });
        expect(await count(db)).toBe(0);
      });

      test('what a body left behind may use the outer handle once the transaction has ended', async () => {
        let later: Promise<number> = Promise.resolve(-1);
        await db.tx('write', async (tx) => {
          await put(tx, 'a');
          later = new Promise((done) => setTimeout(done, 20)).then(() => count(db));
        });
        expect(await later).toBe(1);
      });
    });

    describe('two doors to one database', () => {
      let other: Db;

      beforeEach(async () => {
        other = await another();
      });

      afterEach(() => other.close());

      test('a read transaction sees one state, whatever is committed meanwhile', async () => {
        await put(db, 'a');
        const seen = await db.tx('read', async (tx) => {
          const before = await count(tx);
          await put(other, 'b');
          await other.run("delete from things where id = 'a'");
          await put(other, 'c');
          return [before, await count(tx), (await tx.get('select id from things'))?.id];
        });
        expect(seen).toEqual([1, 1, 'a']);
        expect(await count(db)).toBe(2);
      });

      test('what is not committed is seen by nobody else, what is committed by everybody', async () => {
        await db.tx('write', async (tx) => {
          await put(tx, 'a');
          expect(await count(tx)).toBe(1);
          expect(await count(other)).toBe(0);
        });
        expect(await count(other)).toBe(1);
      });

      test('a conditional update through both takes the last one exactly once', async () => {
        await put(db, 'left', 5);
        const takes = Array.from({ length: 12 }, (_, i) =>
          (i % 2 === 0 ? db : other).run("update things set n = n - 1 where id = 'left' and n > 0"),
        );
        expect((await Promise.all(takes)).filter((changed) => changed === 1)).toHaveLength(5);
      });

      test('of two who insert the same at once one does', async () => {
        const tries = Array.from({ length: 12 }, (_, i) =>
          (i % 2 === 0 ? db : other).tx('write', async (tx) => put(tx, 'same', i)),
        );
        expect((await Promise.all(tries)).filter((changed) => changed === 1)).toHaveLength(1);
      });

      const pause = (): Promise<void> => new Promise((done) => setTimeout(done, Math.random() * 5));

      test('who writes has its turn: what it has read still stands when it writes', async () => {
        await put(db, 'a', 0);
        const add = (door: Db) =>
          door.tx('write', async (tx) => {
            const before = await tx.get<{ n: number }>("select n from things where id = 'a'");
            await pause();
            await tx.run("update things set n = $1 where id = 'a'", [(before?.n ?? 0) + 1]);
          });
        await Promise.all(Array.from({ length: 40 }, (_, i) => add(i % 2 === 0 ? db : other)));
        expect(await db.get("select n from things where id = 'a'")).toEqual({ n: 40 });
      });

      test('who counts sees nothing half written, and is exact in one statement', async () => {
        await Promise.all([put(db, 'a', 0), put(db, 'b', 0), put(db, 'left', 25)]);
        const both = (door: Db) =>
          door.tx('write', async (tx) => {
            await tx.run("update things set n = n + 1 where id = 'a'");
            await pause();
            await tx.run("update things set n = n + 1 where id = 'b'");
          });
        const seen: unknown[] = [];
        const spend = (door: Db) =>
          door.tx('count', async (tx) => {
            const a = await tx.get<{ n: number }>("select n from things where id = 'a'");
            await pause();
            seen.push([a, await tx.get("select n from things where id = 'b'")]);
            return tx.run("update things set n = n - 1 where id = 'left' and n > 0");
          });
        const counted = await Promise.all(
          Array.from({ length: 40 }, async (_, i) => {
            const door = i % 2 === 0 ? db : other;
            if (i % 4 === 0) await both(door);
            return spend(door);
          }),
        );
        expect(counted.filter((one) => one === 1)).toHaveLength(25);
        for (const pair of seen as [unknown, unknown][]) expect(pair[0]).toEqual(pair[1]);
      });
    });

    describe('the end', () => {
      test('close waits for what has begun and refuses what comes after', async () => {
        const other = await open();
        await other.run('create table last (id text primary key)');
        let finished = false;
        const writing = other.tx('write', async (tx) => {
          await tx.run("insert into last (id) values ('a')");
          await new Promise((done) => setTimeout(done, 20));
          finished = true;
          return tx.get('select id from last');
        });
        const waiting = other.get<{ n: number }>('select count(*) as n from last');
        const closing = other.close();
        const after = other.get('select 1 as one');
        await expect(after).rejects.toMatchObject({ code: 'internal' });
        await closing;
        expect(finished).toBe(true);
        expect(await writing).toEqual({ id: 'a' });
        // Which of the two came first is the engine's to say.
        expect([0, 1]).toContain((await waiting)?.n);
        await expect(other.tx('read', async () => 1)).rejects.toMatchObject({ code: 'internal' });
        await other.close();
      });
    });
  });
};
