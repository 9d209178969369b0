import * as secrets from '../store/secrets.ts';
import type { Store } from '../store/table.ts';
import { entryOf } from './entry.ts';
import type { Journal } from './journal.ts';

/** In one go; the next call does the rest. */
const atOnce = 100;

export const hasDue = async (store: Store, now: number): Promise<boolean> =>
  (await secrets.dueVersions(store, now, 1)).length > 0;

/** Destroys what was to be destroyed some time after it went out of use, each with its audit row. */
export const destroyDue = async (store: Store, now: number, journal: Journal): Promise<void> => {
  for (const row of await secrets.dueVersions(store, now, atOnce)) {
    const { project_id, secret_id, version } = row.clear;
    await secrets.destroyValues(store, row, now);
    const change = { type: 'secret', id: secret_id, changes: { version, reason: 'destroy_after' } };
    const entry = entryOf('secrets.destroy-version', change, now, { name: 'mobius' }, project_id);
    await journal.append(store, entry);
  }
};
