import type { Db } from '../src/store/db.ts';

/** How often each is done before it counts: by then PostgreSQL has settled for a plan. */
const warmUps = 7;
const times = 20;

/**
 * How many pages of tables and indexes PostgreSQL looks at for a call, the work of its planner with it, whether they lie in
 * its memory or not: that is the same on a busy machine. Calls one after the other have one connection, which is asked itself.
 */
export const touchedBy = async (
  db: Db,
  run: () => unknown,
  before: () => unknown = () => undefined,
): Promise<number> => {
  const soFar = async (): Promise<number> => {
    await db.all('select pg_stat_force_next_flush()');
    const row = await db.get<{ pages: number }>(
      'select blks_hit + blks_read as pages from pg_stat_database where datname = current_database()',
    );
    return row?.pages ?? 0;
  };
  for (let i = 0; i < warmUps; i++) await run();
  let sum = 0;
  for (let i = 0; i < times; i++) {
    await before();
    const began = await soFar();
    await run();
    sum += (await soFar()) - began;
  }
  // And what it costs to ask.
  const began = await soFar();
  return sum / times - ((await soFar()) - began);
};
