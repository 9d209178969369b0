import type { Db, Query, Value } from '../store/db.ts';
import { wordsOf } from './report.ts';

const pageRows = 200;

/** Lets signals and other work of the process in: the engine's answers alone never let go of the event loop. */
export const breathe = (): Promise<void> => new Promise((done) => setImmediate(done));

type Key = string | number | Uint8Array;

/** As the engine sorts: numbers, then texts, then bytes. */
const rank = (key: Key): number => (typeof key === 'number' ? 0 : typeof key === 'string' ? 1 : 2);

const sortsAfter = (key: Key, before: Key): boolean => {
  if (rank(key) !== rank(before)) return rank(key) > rank(before);
  if (typeof key === 'number') return key > Number(before);
  return Buffer.compare(Buffer.from(key as string), Buffer.from(before as string)) > 0;
};

/**
 * Reads a table in the order of a unique column, what belongs together in one state. `read` is given the first and the
 * last key of its stretch. Where a stretch can't be read it is asked for key by key, and the keys that are at fault are
 * told to `lost`: nothing else is hidden by them.
 */
export async function* pages<T>(
  db: Db,
  { table, key }: { table: string; key: string },
  read: (tx: Query, first: Key, last: Key) => Promise<T>,
  lost: (key: Key, words: string) => void,
): AsyncGenerator<T> {
  let after: Key | undefined;
  for (;;) {
    // Only the key, which an index answers where the table itself can't be read.
    const where = after === undefined ? `${key} is not null` : `${key} > $1`;
    const found = await db.all<{ key: Value }>(
      `select ${key} as key from ${table} where ${where} order by ${key} limit ${pageRows}`,
      after === undefined ? [] : [after],
    );
    const keys = found.map((row) => row.key as Key);
    for (const [at, one] of keys.entries()) {
      const before = at === 0 ? after : keys[at - 1];
      // It would lead in circles.
      if (before !== undefined && !sortsAfter(one, before)) throw new Error(`the index of "${key}" is out of order`);
    }
    const [first] = keys;
    const last = keys.at(-1);
    if (first === undefined || last === undefined) return;
    try {
      yield await db.tx('read', (tx) => read(tx, first, last));
    } catch (error) {
      wordsOf(error);
      for (const one of keys) {
        let alone: T;
        try {
          alone = await db.tx('read', (tx) => read(tx, one, one));
        } catch (fault) {
          lost(one, wordsOf(fault));
          continue;
        }
        yield alone;
      }
    }
    after = last;
    await breathe();
  }
}
