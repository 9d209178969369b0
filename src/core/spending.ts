import { MobiusError } from '../errors.ts';
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
