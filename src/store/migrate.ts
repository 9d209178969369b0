import { MobiusError } from '../errors.ts';
import type { Db, Query } from './db.ts';

export interface MigrateOptions {
  /** Epoch milliseconds, for the record of what was applied when. */
  now: number;
  /** Called once, before the first change to a database that already holds something, with the first migration's id. */
  backup?: (id: number) => Promise<void>;
}

/**
 * Brings the database to what this program knows, forward only, each migration in its own transaction. Any number of
 * processes may do it at once: each migration is applied by one of them and the others wait. Rejects with
 * `unsupported` where a newer program was here first. A database that is up to date costs one read.
 */
export const migrate = async (
  db: Db,
  migrations: readonly { id: number; sql: readonly string[] }[],
  { now, backup }: MigrateOptions,
): Promise<void> => {
  const { applied, missing } = await missingOf(db, migrations, () => begin(db));
  const [first] = missing;
  if (first !== undefined && applied.size > 0) await backup?.(first.id);
  for (const { id, sql } of missing) {
    await db.tx('write', async (tx) => {
      if (!(await claim(tx, id, now))) return;
      for (const statement of sql) await tx.run(statement);
    });
  }
};

/** What is read of a table; undefined where there is no such table, for which every engine has its own words. */
const unlessMissing = async <T>(read: Promise<T>): Promise<T | undefined> => {
  try {
    return await read;
  } catch (error) {
    if (error instanceof MobiusError && error.code === 'internal') return undefined;
    throw error;
  }
};

export const isThere = async (query: Query, table: string): Promise<boolean> =>
  (await unlessMissing(query.all(`select 1 from ${table} limit 0`))) !== undefined;

const appliedIds = async (query: Query): Promise<ReadonlySet<number>> =>
  new Set((await query.all<{ id: number }>('select id from migrations')).map(({ id }) => id));

/** Where it was another reason than the missing table, this fails for it too. */
const begin = (db: Db): Promise<ReadonlySet<number>> =>
  db.tx('write', async (tx) => {
    await tx.run('create table if not exists migrations (id bigint primary key, applied_at bigint not null)');
    return appliedIds(tx);
  });

/** What was applied to a database and what was not. Rejects with `unsupported` where a newer program was here. */
export const missingOf = async <M extends { id: number }>(
  db: Db,
  migrations: readonly M[],
  begin: () => Promise<ReadonlySet<number>> = async () => new Set(),
): Promise<{ applied: ReadonlySet<number>; missing: readonly M[] }> => {
  const applied = (await unlessMissing(appliedIds(db))) ?? (await begin());
  refuseNewer(applied, migrations);
  return { applied, missing: migrations.filter(({ id }) => !applied.has(id)) };
};

const refuseNewer = (applied: ReadonlySet<number>, migrations: readonly { id: number }[]): void => {
  const known = new Set(migrations.map(({ id }) => id));
  if ([...applied].every((id) => known.has(id))) return;
  throw new MobiusError('unsupported', 'the vault was written by a newer mobius than this one', {}, 'update mobius');
};

/** The row is written before the change, so that of two at once the second waits for it and then finds it taken. */
const claim = async (tx: Query, id: number, now: number): Promise<boolean> =>
  (await tx.run('insert into migrations (id, applied_at) values ($1, $2) on conflict do nothing', [id, now])) === 1;
