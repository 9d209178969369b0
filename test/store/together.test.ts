import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { coreOver } from '../../src/calls/local.ts';
import type { Db, Query } from '../../src/store/db.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { makeVault, owner, type TestVault } from '../core/world.ts';

/** Changes that wait for the same turn, and share a transaction and a sync of the disk. */

const root = mkdtempSync(join(tmpdir(), 'mobius-together-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const said = (results: PromiseSettledResult<unknown>[]): unknown[] =>
  results.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as Error).message));

describe('changes that are committed together', () => {
  let db: Db;
  let names = 0;
  beforeEach(async () => {
    db = await openSqlite(join(root, `${names++}.db`), { create: true });
    await db.run('create table things (id text primary key)');
    await db.run('create table ends (id text primary key, seen text)');
  });
  afterEach(() => db.close());

  const put = (tx: Query, id: string): Promise<number> => tx.run('insert into things (id) values ($1)', [id]);
  const things = async (): Promise<string[]> =>
    (await db.all<{ id: string }>('select id from things order by id')).map(({ id }) => id);

  test('one that fails once it has changed something takes nothing of the others with it', async () => {
    const failing = (id: string) => async (tx: Query) => {
      await put(tx, id);
      throw new Error(`not ${id}`);
    };
    const results = await Promise.allSettled([
      db.tx('write', async (tx) => put(tx, 'a')),
      db.tx('write', failing('b')),
      db.tx('write', async (tx) => put(tx, 'c')),
      db.tx('count', failing('d')),
      db.tx('write', async () => Promise.reject(new Error('nothing'))),
      db.tx('count', async (tx) => {
        await put(tx, 'e');
        return (await tx.all('select id from things')).length;
      }),
    ]);
    expect(said(results)).toEqual([1, 'not b', 1, 'not d', 'nothing', 3]);
    expect(await things()).toEqual(['a', 'c', 'e']);
  });

  test('one that fails before it has changed anything has nobody begin anew', async () => {
    let begun = 0;
    const results = await Promise.allSettled([
      db.tx('write', async (tx) => {
        begun++;
        await put(tx, 'a');
      }),
      db.tx('write', async (tx) => {
        await tx.get('select id from things');
        throw new Error('no');
      }),
    ]);
    expect(said(results)).toEqual([undefined, 'no']);
    expect([begun, await things()]).toEqual([1, ['a']]);
  });

  /** Says that it was last, in a row that is written once for all of them. */
  const last = (id: string, write: (tx: Query) => Promise<void>, fails = false): Promise<unknown> =>
    db.tx('write', async (tx) => {
      await put(tx, id);
      const ends = tx.together?.ends;
      const before = ends?.get('last')?.value;
      if (ends === undefined) await write(tx);
      else ends.set('last', { value: id, write });
      if (fails) throw new Error(`not ${id}`);
      return before;
    });
  const writing = (id: string) => async (tx: Query) => {
    await tx.run('insert into ends (id, seen) values ($1, $2) on conflict (id) do update set seen = $2', ['last', id]);
  };
  const seen = async (): Promise<unknown> => (await db.get("select seen from ends where id = 'last'"))?.seen;

  test('what is written once for all of them is what the last one said', async () => {
    const written: string[] = [];
    const each = ['a', 'b', 'c'].map((id) =>
      last(id, async (tx) => {
        written.push(id);
        await writing(id)(tx);
      }),
    );
    expect(await Promise.all(each)).toEqual([undefined, 'a', 'b']);
    expect([written, await seen()]).toEqual([['c'], 'c']);
  });

  test('where one is undone it is what the last one said that was not', async () => {
    const results = await Promise.allSettled([last('a', writing('a')), last('b', writing('b'), true)]);
    expect(said(results)).toEqual([undefined, 'not b']);
    expect([await things(), await seen()]).toEqual([['a'], 'a']);
  });

  test('where it can’t be written only those fail who can’t write theirs', async () => {
    const refusing = async (): Promise<void> => {
      throw new Error('not this end');
    };
    const results = await Promise.allSettled([last('a', writing('a')), last('b', refusing)]);
    expect(said(results)).toEqual([undefined, 'not this end']);
    expect([await things(), await seen()]).toEqual([['a'], 'a']);
  });
});

describe('the audit log', () => {
  let vault: TestVault;
  beforeEach(async () => {
    vault = await makeVault();
  });
  afterEach(() => vault.close());

  const verified = () => vault.owner('audit-logs.verify', {});
  const secrets = (...numbers: number[]): Promise<unknown>[] =>
    numbers.map((n) => vault.owner('secrets.create', { name: `s-${n}`, values: { a: 'plainly fake' } }));

  test('has an entry and one place for each of many at once, also where one of them fails', async () => {
    const { last_seq: began } = await verified();
    const results = await Promise.allSettled(secrets(1, 2, 3, 1, 4));
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(await verified()).toMatchObject({ last_seq: began + 4, findings: [] });
  });

  test('whose end can’t be written takes no change', async () => {
    vault.edit((file) =>
      file.exec('create trigger planted before update on audit_marks begin select raise(ignore); end'),
    );
    const results = await Promise.allSettled(secrets(1, 2));
    expect(said(results)).toEqual(Array(2).fill('the audit log takes no head'));
    expect(vault.rows('select id from secrets')).toEqual([]);
  });

  test('an end that is not committed yet is kept nowhere else', async () => {
    const path = join(vault.folder, 'anchors.jsonl');
    const anchoring = async () => ({ path, every: 1, required: false, tell: () => undefined });
    const call = coreOver({ ...vault.world, anchoring }, vault.vault).as(owner);
    const create = (n: number) => call('secrets.create', { name: `s-${n}`, values: { a: 'plainly fake' } });
    const { last_seq: before } = await verified();
    // As if it took no time, all three are committed together.
    const clock = vi.spyOn(Date, 'now').mockReturnValue(0);
    await Promise.all([1, 2, 3].map(create)).finally(() => clock.mockRestore());
    const kept = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(kept.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual([before]);
  });
});
