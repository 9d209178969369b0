import * as keys from '../store/api-keys.ts';
import * as rotations from '../store/rotations.ts';
import * as secrets from '../store/secrets.ts';
import type { Store } from '../store/table.ts';

/** What is to come in the vault, counted over all its projects that are in use. */
export interface Soon {
  /** Keys that work and end within the time. */
  keysExpiring: number;
  /** Secrets whose values stop working within the time, or did already. */
  secretsExpiring: number;
  /** What has a schedule and is to be rotated by now. */
  rotationsDue: number;
  /** Rotations that are under way, or were left. */
  rotationsOpen: number;
}

export const lookAhead = async (store: Pick<Store, 'db'>, now: number, withinMs: number): Promise<Soon> => ({
  keysExpiring: await keys.countEnding(store, now, now + withinMs),
  secretsExpiring: await secrets.countEnding(store, now + withinMs),
  rotationsDue: await rotations.countDue(store, now),
  rotationsOpen: await rotations.countOpen(store),
});
