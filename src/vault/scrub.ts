import { askForScrub } from '../store/scrub.ts';
import type { SqliteDb } from '../store/sqlite.ts';

/**
 * Makes what was removed gone from the disk: SQLite has overwritten it in the file's pages (`secure_delete`), but the
 * write-ahead log still holds the pages as they were until it is emptied. While somebody else reads from the log it
 * can't be; that is noted, false is answered, and the next command tries again.
 */
export const scrub = async (file: SqliteDb | undefined, now: number): Promise<boolean> => {
  // The note is written first: whoever is killed before the log is empty leaves it for the next.
  if (file !== undefined) await askForScrub(file, now);
  return finishScrub(file);
};

/** Empties the log where somebody noted that it must be. The log of a database server is its own affair. */
export const finishScrub = async (file: SqliteDb | undefined): Promise<boolean> => {
  if (file === undefined) return true;
  const head = await file.get<{ scrub_pending_at: number | null }>('select scrub_pending_at from vault');
  if ((head?.scrub_pending_at ?? null) === null) return true;
  if (!(await file.truncateLog())) return false;
  await file.run('update vault set scrub_pending_at = null');
  return true;
};
