import { MobiusError } from '../errors.ts';
import type { Db } from '../store/db.ts';
import type { Sealer } from '../store/sealer.ts';
import type { Store } from '../store/table.ts';
import * as tokens from '../store/tokens.ts';

/** Thrown out of a transaction that only reads, where a token acts: its request is counted in one that writes. */
export class MustCount extends Error {
  constructor() {
    super('a request of a token is counted where it is answered');
  }
}

const usedUp = ({ clear }: tokens.TokenRow): MobiusError => {
  const most = clear.request_limit;
  const requests = most === 1 ? 'one request of this token is' : `${most} requests of this token are`;
  return new MobiusError('rate_limit_exceeded', `the ${requests} used up`, { reason: 'usage_exceeded' });
};

/** Who has nothing left uses up nothing else either: neither the rate of the key, nor anybody's turn to write. */
export const requireLeft = (token: tokens.TokenRow): void => {
  if (tokens.remainingOf(token) === 0) throw usedUp(token);
};

/**
 * Counts the request that a token makes, in the transaction that does what it asks: one that is refused is not counted,
 * and one that is not counted is not answered.
 */
export const countRequest = async (store: Store, token: tokens.TokenRow, now: number): Promise<void> => {
  if ((await tokens.spend(store, token, now)) === undefined) throw usedUp(token);
};

/** Those that wait to be told what is left of one token. */
interface Waiting {
  row: tokens.TokenRow;
  told: { done(remaining: number | undefined): void; fail(error: unknown): void }[];
}

/** What each of so many requests leaves, in one statement where all of them fit. */
const spendAll = async (store: Store, row: tokens.TokenRow, requests: number, now: number) => {
  const last = await tokens.spend(store, row, now, requests);
  if (last !== undefined) return Array.from({ length: requests }, (_, at) => last + requests - 1 - at);
  if (requests === 1) return [undefined];
  const left: (number | undefined)[] = [];
  while (left.length < requests) left.push(await tokens.spend(store, row, now));
  return left;
};

/**
 * Counts requests that are made outside of any transaction, all that wait in one: whoever asks is answered when theirs
 * is on the disk.
 */
export const makeSpending = (db: Db, sealer: Sealer, now: () => number) => {
  let waiting = new Map<string, Waiting>();

  const count = async (): Promise<void> => {
    let taken: Waiting[] | undefined;
    /** All that wait when the transaction begins: in one order, or two servers could wait for each other. */
    const take = (): Waiting[] => {
      if (taken !== undefined) return taken;
      taken = [...waiting.values()].sort((one, other) => (one.row.id < other.row.id ? -1 : 1));
      waiting = new Map();
      return taken;
    };
    try {
      const left = await db.tx('count', async (tx) => {
        const [store, at] = [{ db: tx, sealer }, now()];
        const spent: (number | undefined)[][] = [];
        for (const { row, told } of take()) spent.push(await spendAll(store, row, told.length, at));
        return spent;
      });
      for (const [at, { told }] of take().entries())
        for (const [nth, { done }] of told.entries()) done(left[at]?.[nth]);
    } catch (error) {
      for (const { told } of take()) for (const { fail } of told) fail(error);
    }
  };

  return (row: tokens.TokenRow): Promise<number | undefined> =>
    new Promise((done, fail) => {
      const isFirst = waiting.size === 0;
      const known = waiting.get(row.id);
      if (known === undefined) waiting.set(row.id, { row, told: [{ done, fail }] });
      else known.told.push({ done, fail });
      if (isFirst) void count();
    });
};
