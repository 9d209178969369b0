import { existsSync, linkSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { bookkeepingOf, coreOver, openLocal } from '../../src/calls/local.ts';
import type { MobiusError } from '../../src/errors.ts';
import type { Query, Row } from '../../src/store/db.ts';
import { everyTable, movesTable } from '../../src/store/every-table.ts';
import { migrate } from '../../src/store/migrate.ts';
import { migrations } from '../../src/store/migrations.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { useSecrets } from '../../src/use/resolve.ts';
import { checkVault } from '../../src/vault/check.ts';
import { openDatabase } from '../../src/vault/database.ts';
import { abortMove, type Moved, moveVault } from '../../src/vault/move.ts';
import { openVault, type Place } from '../../src/vault/open.ts';
import { rekey } from '../../src/vault/rekey.ts';
import { vaultStatus } from '../../src/vault/status.ts';
import { owner, refusal } from '../core/world.ts';
import { dropDatabase, newDatabase, noPostgres } from '../store/postgres-shared.ts';
import { brokenOff, watched, watching } from './breakable.ts';
import { edit, type Mould, mould, told } from './keeping.ts';

vi.mock('../../src/store/sqlite.ts', async (original) => {
  const real = await original<typeof import('../../src/store/sqlite.ts')>();
  return {
    ...real,
    openSqlite: async (...given: Parameters<typeof real.openSqlite>) => watched(await real.openSqlite(...given)),
  };
});
vi.mock('../../src/store/postgres.ts', async (original) => {
  const real = await original<typeof import('../../src/store/postgres.ts')>();
  return {
    ...real,
    openPostgres: (...given: Parameters<typeof real.openPostgres>) => watched(real.openPostgres(...given)),
  };
});

vi.setConfig({ testTimeout: 300_000 });

let from: Mould;
beforeAll(async () => {
  from = await mould();
});
afterAll(() => from.remove());

let place: Place;
let count = 0;
beforeEach(() => {
  place = from.cast();
});

const newFile = async (): Promise<string> => join(from.folder, `moved-${++count}`, 'vault.db');

const move = (to: string, at = place, onMarked: () => void = () => undefined): Promise<Moved> =>
  moveVault(from.world, at, to, { steps: () => () => undefined, bookkeeping: bookkeepingOf(from.world), onMarked });

const abort = (to?: string, at = place) => abortMove(from.world, at, to, { bookkeeping: bookkeepingOf(from.world) });

/** Every row as it is stored, by table. */
const dump = async (path: string): Promise<Record<string, Row[]>> => {
  const { db } = await openDatabase(path);
  try {
    const rows: Record<string, Row[]> = {};
    for (const { name, key } of everyTable) {
      const found = await db.all(`select * from ${name} order by ${key.join(', ')}`);
      rows[name] = found.map((row) =>
        Object.fromEntries(
          Object.entries(row)
            .map(([column, value]): [string, Row[string]] => [
              column,
              value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
            ])
            .sort(),
        ),
      );
    }
    return rows;
  } finally {
    await db.close();
  }
};

/** What it held, and the row that says that it was moved. */
const expectMoved = (before: Record<string, Row[]>, after: Record<string, Row[]>, moves = 1): void => {
  const { audit_log: log = [], audit_marks: marks = [], vault: _, ...rest } = after;
  const { audit_log: logBefore = [], audit_marks: _marks, vault: __, ...restBefore } = before;
  expect(rest).toEqual(restBefore);
  expect(marks.map(({ id, seq }) => [id, Number(seq)])).toEqual([['head', log.length]]);
  const ids = new Set(logBefore.map(({ id }) => id));
  expect(log.filter(({ id }) => ids.has(id))).toEqual(logBefore);
  expect(log.filter(({ id }) => !ids.has(id)).map(({ action }) => action)).toEqual(Array(moves).fill('vault.move'));
};

const checked = async (path: string): Promise<string[]> =>
  told(await checkVault(from.world, { ...place, path }, bookkeepingOf(from.world), () => undefined));

const states = async (path: string): Promise<string[]> => {
  const { db } = await openDatabase(path);
  const rows = await db.all<{ state: string }>('select state from moves');
  await db.close();
  return rows.map(({ state }) => state);
};

const rename = async (path: string, name: string): Promise<void> => {
  const { call, close } = await openLocal(from.world, { ...place, path }, owner);
  try {
    await call('projects.update', { id: 'default', name });
  } finally {
    await close().catch(() => undefined);
  }
};

const opens = async (path: string): Promise<boolean> => {
  try {
    await (await openVault(from.world, { ...place, path })).db.close();
    return true;
  } catch {
    return false;
  }
};

test('every table that a vault has is known, with its key, behind those that it refers to', async () => {
  const path = join(from.folder, 'tables.db');
  const file = await openSqlite(path, { create: true });
  await migrate(file, migrations, { now: 1 });
  const tables = await file.all<{ name: string }>(
    "select name from sqlite_schema where type = 'table' and substr(name, 1, 7) <> 'sqlite_'",
  );
  expect(everyTable.map(({ name }) => name).sort()).toEqual(
    tables
      .map(({ name }) => name)
      .filter((name) => name !== movesTable)
      .sort(),
  );
  const seen = new Set<unknown>();
  for (const { name, key, later } of everyTable) {
    const keys = await file.all('select name from pragma_table_info($1) where pk > 0 order by pk', [name]);
    expect(keys.map((row) => row.name)).toEqual(key);
    const links = await file.all('select "table" as target, "from" as source from pragma_foreign_key_list($1)', [name]);
    for (const { target, source } of links) {
      if (source !== later) expect(seen, `${name}.${source}`).toContain(target);
      else expect(target).toBe(name);
    }
    seen.add(name);
  }
  await file.close();
});

const kinds = [
  { kind: 'a file', fresh: newFile, remove: async () => undefined, why: undefined },
  { kind: 'a PostgreSQL database', fresh: () => newDatabase(), remove: dropDatabase, why: noPostgres() },
];

describe.each(kinds)('to $kind', ({ fresh, remove, why }) => {
  const goals: string[] = [];
  const goal = async (): Promise<string> => {
    const made = await fresh();
    goals.push(made);
    return made;
  };
  afterAll(async () => {
    for (const made of goals) await remove(made);
  });

  test.skipIf(why)('and back everything is what it was', async () => {
    const before = await dump(place.path);
    const to = await goal();
    const moved = await move(to);
    const there = await dump(to);
    expectMoved(before, there);
    expect(await states(to)).toEqual([]);
    expect(await states(place.path)).toEqual(['left']);
    expect(moved.records).toEqual(Object.fromEntries(Object.entries(there).map(([name, rows]) => [name, rows.length])));
    expect(await checked(to)).toEqual([]);
    expect(there.vault).toEqual([{ ...before.vault?.[0], scrub_pending_at: null }]);

    const back = await newFile();
    await move(back, { ...place, path: to });
    expectMoved(before, await dump(back), 2);
    expect(await checked(back)).toEqual([]);
    expect((statSync(back).mode & 0o777).toString(8)).toBe('600');
    expect(readdirSync(join(back, '..'))).toEqual(['vault.db']);
    await rename(back, 'Home again');
    expect((await refusal(rename(to, 'Not there'))).code).toBe('not_initialised');
  });

  test.skipIf(why)('secrets of all versions and keys are what they were', async () => {
    const ask = async (path: string): Promise<unknown[]> => {
      const vault = await openVault(from.world, { ...place, path });
      const call = coreOver(from.world, vault).as(owner);
      const found: unknown[] = [
        await call('api-keys.list', { limit: 100 }),
        await call('principals.list', { include_disabled: true, tag: ['env:prod'] }),
        await call('tokens.list', { include_ended: true }),
      ];
      for (const secret of ['openai', 'db/prod']) {
        const { items } = await call('secrets.list-versions', { secret });
        found.push(items);
        for (const { version } of items) {
          const target = async () => ({ call, project: 'default', close: async () => undefined });
          const used = useSecrets(target, { texts: {}, secrets: [`${secret}@${version}`] });
          found.push(await used.then(({ secrets }) => secrets, String));
        }
      }
      await vault.db.close();
      return found;
    };
    const before = await ask(place.path);
    const to = await goal();
    await move(to);
    expect(await ask(to)).toEqual(before);
  });

  test.skipIf(why)('of a process that ends at any statement another goes on', async () => {
    const to = await goal();
    const before = await dump(place.path);
    let runs = 0;
    for (let after = 1; ; after += 1 + (runs % 5)) {
      if (++runs > 400) throw new Error('it never ends');
      const ended = await brokenOff(after, () => move(to)).then(
        () => 'moved',
        (error: Error) => error.message,
      );
      if (ended === 'moved' || ended.startsWith('the vault was moved to')) break;
      expect(ended).toContain('broken off');
      // Never two that are used at once.
      const here = await opens(place.path);
      const there = (to.startsWith('postgres') || existsSync(to)) && (await opens(to));
      expect(here && there, `after ${after}`).toBe(false);
    }
    expect(runs).toBeGreaterThan(10);
    expectMoved(before, await dump(to));
    expect(await states(to)).toEqual([]);
    expect(await checked(to)).toEqual([]);
  });

  const lastSteps = ['arriving', 'leaving', 'forgetting'].flatMap((step) =>
    ['before', 'commit', 'committed'].map((at) => ({ step, at })),
  );
  test.skipIf(why).each(lastSteps)('ending at the last steps, $step, $at, leaves one place or none', async (last) => {
    const to = await goal();
    let isNext = false;
    const stop = async (sql: string, query: Query): Promise<void> => {
      if (isNext && sql === last.at) throw new Error('broken off');
      if (sql === 'committed') isNext = false;
      const isChange = sql.startsWith('update moves set state');
      if (!isChange && !sql.startsWith('delete from moves')) return;
      const state = isChange ? (await query.get('select state from moves'))?.state : 'forgetting';
      if (state !== last.step) return;
      isNext = true;
      if (last.at === 'before') throw new Error('broken off');
    };
    await expect(watching(stop, () => move(to))).rejects.toThrow('broken off');
    const isNamed = to.startsWith('postgres') || existsSync(to);
    const here = await opens(place.path);
    expect(here && isNamed && (await opens(to))).toBe(false);
    if (!here) expect((await refusal(abort(to))).code).toBe('not_initialised');
    await move(to).catch((error: Error) => expect(error.message).toMatch(/^the vault was moved to /));
    expect([await opens(place.path), await opens(to)]).toEqual([false, true]);
    expect(await checked(to)).toEqual([]);
  });

  test.skipIf(why)('whoever writes meanwhile is refused, and reads go on', async () => {
    const to = await goal();
    const { vault, call, close } = await openLocal(from.world, place, owner);
    let refusals = 0;
    let reads = 0;
    const during = (): Promise<void> =>
      vault.db.tx('read', async (tx) => void (await tx.get('select 1 as one'))).then(() => void reads++);
    const seen: Promise<unknown>[] = [];
    await move(to, place, () => {
      seen.push(
        refusal(call('projects.update', { id: 'default', name: 'Meanwhile' })).then(({ code, details }) => {
          if (code === 'service_unavailable' && details.reason === 'moving') refusals++;
        }),
        during(),
      );
    });
    await Promise.all(seen);
    expect({ refusals, reads }).toEqual({ refusals: 1, reads: 1 });
    for (const mode of ['read', 'count', 'write'] as const) {
      const { code, message } = await refusal(vault.db.tx(mode, async () => undefined));
      expect({ code, message }).toEqual({ code: 'not_initialised', message: 'the vault was moved to another place' });
    }
    await close().catch(() => undefined);
    const moved = await openLocal(from.world, { ...place, path: to }, owner);
    expect((await moved.call('projects.get', { id: 'default' })).name).toBe('Default');
    await moved.close();
  });

  test.skipIf(why)('what was written before it began is there, and nothing was written after that', async () => {
    const to = await goal();
    const { call, close } = await openLocal(from.world, place, owner);
    const written: string[] = [];
    const write = async (): Promise<string> => {
      for (let n = 1; ; n++) {
        // The engine's answers alone would never let the others in.
        await new Promise((done) => setTimeout(done, 1));
        try {
          written.push((await call('principals.create', { name: `writer-${n}` })).id);
        } catch (error) {
          return (error as MobiusError).code;
        }
      }
    };
    const writing = write();
    while (written.length < 5) await new Promise((done) => setTimeout(done, 1));
    await move(to);
    expect(['service_unavailable', 'not_initialised']).toContain(await writing);
    await close().catch(() => undefined);
    const there = (await dump(to)).principals?.map(({ id }) => id) ?? [];
    expect(written.filter((id) => !there.includes(id))).toEqual([]);
    expect((await dump(place.path)).principals).toHaveLength(there.length);
  });

  test.skipIf(why)('a place that holds something is refused, and nothing is marked', async () => {
    const to = await goal();
    const other = from.cast();
    await move(to, other);
    expect((await refusal(move(to))).code).toBe('already_exists');
    expect(await states(place.path)).toEqual([]);
    await rename(place.path, 'Still here');
  });

  test.skipIf(why)('what is given up is used where it was, and its copy is removed', async () => {
    const to = await goal();
    await expect(brokenOff(150, () => move(to))).rejects.toThrow('broken off');
    expect(await states(place.path)).toEqual(['leaving']);
    expect(await vaultStatus(from.world, place)).toMatchObject({ move: { state: 'leaving' } });
    expect((await refusal(rename(place.path, 'No'))).code).toBe('service_unavailable');
    const elsewhere = await newFile();
    expect((await refusal(move(elsewhere))).code).toBe('conflict');
    expect((await refusal(abort(elsewhere))).code).toBe('conflict');
    expect(await abort(to)).toMatchObject({ removed: true });
    await rename(place.path, 'Yes');
    expect(await checked(place.path)).toEqual([]);
    expect((await refusal(abort())).code).toBe('conflict');
    // The place is empty again.
    await move(to);
    expect((await refusal(abort(to))).message).toMatch(/^the vault was moved to /);
    expect(await checked(to)).toEqual([]);
  });

  test.skipIf(why)('a byte that is another in the copy is found', async () => {
    const to = await goal();
    const spoil = async (sql: string, query: Query): Promise<void> => {
      if (/insert into projects /.test(sql)) await query.run('update vault set created_at = created_at + 1');
    };
    const error = await refusal(watching(spoil, () => move(to)));
    expect(error).toMatchObject({ code: 'damaged', details: { table: 'vault' } });
    expect(await states(place.path)).toEqual(['leaving']);
    await abort(to);
    await rename(place.path, 'Unharmed');
  });
});

test('a copy that has its name and still the one of the move is not touched', async () => {
  const to = await newFile();
  await move(to);
  const { db } = await openDatabase(place.path);
  const id = (await db.get('select id from moves'))?.id;
  await db.close();
  linkSync(to, `${to}.${id}`);
  const { vault, close } = await openLocal(from.world, { ...place, path: to }, owner);
  expect((await move(to)).id).toBe(vault.id);
  await close();
  expect(existsSync(`${to}.${id}`)).toBe(false);
  expect(await checked(to)).toEqual([]);
  expect((await refusal(move(to))).message).toBe(`the vault was moved to "${to}"`);
});

test('the vault itself is no place to move it to', async () => {
  expect((await refusal(move(place.path))).code).toBe('usage');
  expect(await states(place.path)).toEqual([]);
});

test('a vault in the middle of a re-key is not moved', async () => {
  const { vault, close } = await openLocal(from.world, place, owner);
  const stop = rekey(vault, from.world, {
    carried: [],
    onProgress: () => {
      throw new Error('stopped');
    },
    record: async () => undefined,
  });
  await expect(stop).rejects.toThrow('stopped');
  await close();
  expect((await refusal(move(await newFile()))).message).toBe('a re-key is under way');
  expect(await states(place.path)).toEqual([]);
});

test('a damaged record is found before the old place is left', async () => {
  edit(place.path, (file) =>
    file.exec('update secrets set expires_at = 7 where name_index = (select max(name_index) from secrets)'),
  );
  const error = await refusal(move(await newFile()));
  expect(error.code).toBe('damaged');
  expect(await states(place.path)).toEqual(['leaving']);
  await abort();
});

test('of an old place nothing but what looks at it makes use', async () => {
  const to = await newFile();
  await move(to);
  expect((await refusal(openVault(from.world, place))).message).toBe(`the vault was moved to "${to}"`);
  expect(await checked(place.path)).toEqual([]);
  const status = await vaultStatus(from.world, place);
  expect(status.move).toMatchObject({ state: 'left', place: to });
  expect(status.notHereBecause?.code).toBe('not_initialised');
  // One who knows nothing of moves finds no epoch that it has keys for.
  expect(edit(place.path, (file) => file.prepare('select epoch from vault').pluck().get())).toBeLessThan(0);
});
