import { MobiusError } from '../errors.ts';
import * as attempts from '../store/attempts.ts';
import type { Store } from '../store/table.ts';
import { sourceOf } from './addresses.ts';

/** What can be guessed. Keys can't: who shows a valid one is never kept waiting. */
type Guessed = 'password' | 'device-code';

/**
 * From one source at one account, together: a stranger locks nobody out of theirs. The account is what was typed, whether
 * there is one of that name or not.
 */
export interface Target {
  what: Guessed;
  ip: string;
  account: string;
}

/** Of one source: who types ever new names fills no table. */
const mostAccounts = 1024;

const free = 5;
const firstLockMs = 30_000;
const longestLockMs = 15 * 60_000;
const forgottenMs = 3_600_000;

const idOf = (store: Store, { what, ip, account }: Target): Uint8Array => {
  const hash = store.sealer.index('attempt.account', what, account);
  const drawer = new DataView(hash.buffer, hash.byteOffset).getUint32(0) % mostAccounts;
  return store.sealer.index('attempt', what, sourceOf(ip), String(drawer));
};

/**
 * Counts an attempt before it is looked at, so that of many at once no more are looked at than one after the other.
 * Rejects where it came too soon.
 */
export const countAttempt = async (store: Store, target: Target, now: number): Promise<void> => {
  const id = idOf(store, target);
  const known = await attempts.find(store, id);
  if (known?.locked_until && known.locked_until > now) {
    const seconds = Math.ceil((known.locked_until - now) / 1000);
    throw new MobiusError('rate_limit_exceeded', `too many attempts: try again in ${seconds} seconds`, {
      retry_after_seconds: seconds,
    });
  }
  const failures = known === undefined || known.updated_at <= now - forgottenMs ? 1 : known.failures + 1;
  const lock = Math.min(firstLockMs * 2 ** Math.max(0, failures - free), longestLockMs);
  await attempts.put(store, id, { failures, locked_until: failures < free ? null : now + lock, updated_at: now });
};

/** The attempt was right: whoever signed in has nothing to wait for. */
export const forgetAttempts = (store: Store, target: Target): Promise<void> =>
  attempts.clear(store, idOf(store, target));

/** The attempt was right, but says nothing of those before it: one's own code is no licence to guess others'. */
export const uncountAttempt = async (store: Store, target: Target, now: number): Promise<void> => {
  const id = idOf(store, target);
  const known = await attempts.find(store, id);
  if (known !== undefined) {
    await attempts.put(store, id, { failures: Math.max(0, known.failures - 1), locked_until: null, updated_at: now });
  }
};
