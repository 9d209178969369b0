import type { Db, Query } from '../../src/store/db.ts';

/** Told of each statement before it is done, and of each end of a transaction, before and after it. */
type Watch = (sql: string, query: Query) => Promise<void>;

let watch: Watch | undefined;

const watchedQuery = (query: Query): Query => ({
  async all(sql, params) {
    await watch?.(sql, query);
    return query.all(sql, params);
  },
  async get(sql, params) {
    await watch?.(sql, query);
    return query.get(sql, params);
  },
  async run(sql, params) {
    await watch?.(sql, query);
    return query.run(sql, params);
  },
});

/** The same Db, of which each statement is watched while somebody watches. */
export const watched = <D extends Db>(db: D): D => ({
  ...db,
  ...watchedQuery(db),
  async tx(mode, body) {
    const result = await db.tx(mode, async (tx) => {
      const done = await body(watchedQuery(tx));
      await watch?.('commit', tx);
      return done;
    });
    await watch?.('committed', db);
    return result;
  },
});

export const watching = async <T>(by: Watch, work: () => Promise<T>): Promise<T> => {
  watch = by;
  try {
    return await work();
  } finally {
    watch = undefined;
  }
};

/** Does some work until so many statements were done, or the transactions between them. */
export const brokenOff = <T>(after: number, work: () => Promise<T>): Promise<T> => {
  let left = after;
  return watching(async () => {
    left -= 1;
    if (left <= 0) throw new Error('broken off');
  }, work);
};
