import type { Query } from './db.ts';

/** Notes that what was removed still lies in the engine's log, for whoever can empty it. */
export const askForScrub = async (query: Query, now: number): Promise<void> => {
  await query.run('update vault set scrub_pending_at = coalesce(scrub_pending_at, $1)', [now]);
};
