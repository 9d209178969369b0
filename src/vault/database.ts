import type { Db } from '../store/db.ts';
import { openSqlite, type SqliteDb } from '../store/sqlite.ts';
import { isAddress } from '../vault-place.ts';

/** The engine beneath a vault, and the file where it is one. */
export interface Database {
  db: Db;
  file?: SqliteDb;
}

/**
 * A vault lies in a file, or where an address leads to. What looks at all of it says that its statements may take as long
 * as they need.
 */
export const openDatabase = async (path: string, options: { patient?: boolean } = {}): Promise<Database> => {
  if (!isAddress(path)) {
    const file = await openSqlite(path);
    return { db: file, file };
  }
  const { openPostgres } = await import('../store/postgres.ts');
  return { db: openPostgres(path, options.patient === true ? { statementMs: 0 } : {}) };
};
