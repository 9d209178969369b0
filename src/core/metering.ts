import type { KeyRow } from '../store/api-keys.ts';
import type { Db } from '../store/db.ts';
import type { Sealer } from '../store/sealer.ts';
import type { Metered } from './context.ts';

/** Thrown out of a transaction that met a key whose use must be counted first, in a transaction of its own. */
class NotMetered extends Error {
  readonly key: KeyRow;

  constructor(key: KeyRow) {
    super(`the use of "${key.id}" is not counted yet`);
    this.key = key;
  }
}

/** What a call knows of the uses that it counted, by the key's id. */
export type Meters = Map<string, Metered>;

/** Throws the call out of its transaction where the use of this key isn't counted yet; see `metering`. */
export const meterOf = (key: KeyRow, metered: Meters): Metered => {
  if (key.plain.rate_limit === undefined) return { fits: true };
  const known = metered.get(key.id);
  if (known === undefined) throw new NotMetered(key);
  return known;
};

const spend = async (db: Db, sealer: Sealer, { id, plain }: KeyRow, now: () => number): Promise<Metered> => {
  const { spend: count, startedAt } = await import('../store/rate-windows.ts');
  const { uses, seconds } = plain.rate_limit ?? { uses: 0, seconds: 0 };
  return db.tx('count', async (tx) => {
    const [at, store] = [now(), { db: tx, sealer }];
    const remaining = await count(store, id, at, { uses, windowMs: seconds * 1000 });
    if (remaining !== undefined) return { fits: true, remaining };
    const began = (await startedAt(store, id)) ?? at;
    return { fits: false, retryAfterSeconds: Math.max(1, Math.ceil((began + seconds * 1000 - at) / 1000)) };
  });
};

/**
 * Repeats a call for each key in it whose use had to be counted first: that is a write of its own, which stands whatever
 * becomes of the call, and a key without a limit pays nothing for it.
 */
export const makeMetering =
  (db: Db, sealer: Sealer, now: () => number) =>
  async <T>(metered: Meters, attempt: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof NotMetered) || metered.has(error.key.id)) throw error;
        metered.set(error.key.id, await spend(db, sealer, error.key, now));
      }
    }
  };
