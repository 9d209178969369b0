import { closeSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { MobiusError } from '../errors.ts';
import type { Db } from './db.ts';
import { identityOf, syncFolder } from './files.ts';
import { type Connection, connectTo } from './sqlite-binding.ts';
import { because, codeOf, isBusy, translate } from './sqlite-faults.ts';
import { type Patiently, transactionsOver } from './sqlite-transactions.ts';

export interface SqliteOptions {
  /** Makes an empty file, readable by its owner alone, where there is none. Its folder must be there. */
  create?: boolean;
  readOnly?: boolean;
  /** How long a lock of another process is waited for. */
  busyMs?: number;
  /**
   * Keeps everybody else out until it is closed, and the whole database in its one file, without a log beside it. Fails
   * as busy while another connection has it open.
   */
  alone?: boolean;
}

/** What only a database in a file can do. */
export interface SqliteDb extends Db {
  readonly path: string;
  /** Empties the write-ahead log. False while another connection reads from it. */
  truncateLog(): Promise<boolean>;
  /**
   * Copies the whole database, as it is at one moment, into a new file, readable by its owner alone; others read and
   * write meanwhile. What it has left where it fails is the caller's to remove.
   */
  copyTo(path: string, onProgress?: (done: number, total: number) => void): Promise<void>;
  /** What SQLite itself finds wrong with the file's structure; nothing where it is sound. Quickly, no index is compared. */
  integrity(how?: 'quick'): Promise<string[]>;
}

/**
 * Opens the database in one file, in WAL mode, every commit synced to the disk.
 *
 * No other code of this process may open the file while a Db on it is open: closing any descriptor of a file drops the
 * POSIX locks that the whole process holds on it.
 */
export const openSqlite = async (path: string, options: SqliteOptions = {}): Promise<SqliteDb> => {
  const file = resolve(path);
  findOrCreate(file, options.create ?? false);
  const patiently = patience(file, options.busyMs ?? 30_000);
  const connection = await patiently(() => connect(file, options));
  return overConnection(connection, file, patiently);
};

const findOrCreate = (file: string, create: boolean): void => {
  if (file !== file.trim()) {
    throw new MobiusError('invalid_input', `the path "${file}" begins or ends with white space`);
  }
  try {
    if (create) createEmpty(file);
    if (statSync(file).isDirectory()) throw new MobiusError('not_initialised', `no vault at "${file}": it is a folder`);
  } catch (error) {
    const code = codeOf(error);
    if (!create && (code === 'ENOENT' || code === 'ENOTDIR')) {
      throw because(new MobiusError('not_initialised', `no vault at "${file}"`), error);
    }
    throw translate(error, file);
  }
};

/** SQLite gives its log and its index the mode of the file, so all three are the owner's alone from their first byte. */
const createEmpty = (file: string): void => {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    throw error;
  }
  syncFolder(dirname(file));
};

const settings = [
  'synchronous = full',
  'foreign_keys = on',
  'secure_delete = on',
  'trusted_schema = off',
  'cell_size_check = on',
]
  .map((setting) => `pragma ${setting};`)
  .join('');

/** Stands in the file's header: a mistyped path never makes a vault of another program's database. */
const applicationId = 0x6d_62_78_76;

/** Thrown where another process was in the way, for `patience` to try again. */
const busy = (): Error => Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' });

/** Between leaving the log and taking the lock another may have come and begun a log again. */
const keepOthersOut = (connection: Connection): void => {
  connection.pragma('journal_mode = delete');
  connection.pragma('locking_mode = exclusive');
  connection.exec('begin exclusive');
  connection.exec('rollback');
  if (connection.pragma('journal_mode')[0] !== 'delete') throw busy();
};

const connect = (file: string, { create = false, readOnly = false, alone = false }: SqliteOptions): Connection => {
  const asked = identityOf(file);
  // SQLite's own waiting would stop the event loop, and with it Ctrl-C and every other request: see `patience`.
  const connection = connectTo(file, { readonly: readOnly, fileMustExist: true, timeout: 0 });
  const pragma = (text: string): unknown => connection.pragma(text)[0];
  try {
    connection.exec(settings);
    if (pragma('application_id') !== applicationId) {
      if (!create || pragma('schema_version') !== 0) {
        throw new MobiusError('not_initialised', `no vault at "${file}": the file is empty or another program's`);
      }
      pragma(`application_id = ${applicationId}`);
    }
    if (alone) {
      keepOthersOut(connection);
    } else if (pragma('journal_mode') !== 'wal' && !readOnly && pragma('journal_mode = wal') !== 'wal') {
      throw new MobiusError(
        'internal',
        `"${file}" can't have a write-ahead log where it is; is it on a network drive?`,
      );
    }
    // From here on the lock that we hold keeps the file in its place. Before it, another file may have been put there:
    // with the old one under the name of the new one's log we would write into that.
    if (identityOf(file) !== asked) throw busy();
    return connection;
  } catch (error) {
    connection.close();
    throw identityOf(file) === asked ? error : busy(); // An old file and the log of the new one: nonsense, no damage.
  }
};

const patience =
  (file: string, busyMs: number): Patiently =>
  async (attempt) => {
    let end = 0;
    for (let pause = 1; ; pause = Math.min(pause * 2, 32)) {
      try {
        return attempt();
      } catch (error) {
        if (!isBusy(error)) throw translate(error, file);
        // Not asked before: the clock is a part of Node that has to be loaded.
        end ||= performance.now() + busyMs;
        if (performance.now() >= end) throw translate(error, file);
      }
      // A random share of the pause, so that many who wait for one don't come back all at once.
      const random = pause * (0.5 + Math.random());
      await new Promise((done) => setTimeout(done, Math.min(random, Math.max(1, end - performance.now()))));
    }
  };

/** A reader of a moment is waited for; one that stays is not. */
const truncateTries = 10;
const truncatePauseMs = 20;

/** Of a copy, before others of this process get their turn. */
const pagesAtOnce = 1_000;

const overConnection = (connection: Connection, file: string, patiently: Patiently): SqliteDb => {
  const { exclusively, beginRead, rollBack, ...db } = transactionsOver(connection, file, patiently);

  const copy: SqliteDb['copyTo'] = async (path, onProgress) => {
    closeSync(openSync(path, 'wx', 0o600));
    const totalPages = await connection.backup(path, pagesAtOnce, onProgress);
    // A source that was locked at the first step looks to better-sqlite3 like one that has nothing left to copy.
    if (totalPages === 0) throw busy();
  };

  return {
    path: file,

    truncateLog: () =>
      exclusively(async () => {
        for (let tries = 1; ; tries++) {
          // Whether a reader was in the way.
          if (connection.pragma('wal_checkpoint(truncate)')[0] === 0) return true;
          if (tries === truncateTries) return false;
          await new Promise((done) => setTimeout(done, truncatePauseMs));
        }
      }),

    copyTo: (path, onProgress) =>
      exclusively(async () => {
        // The state that is copied is held: otherwise each write of another begins the copy anew, without end.
        await beginRead();
        try {
          await copy(path, onProgress);
        } catch (error) {
          throw translate(error, path);
        } finally {
          rollBack();
        }
      }),

    integrity: (how) =>
      exclusively(async () => {
        try {
          return connection
            .pragma(how === 'quick' ? 'quick_check(20)' : 'integrity_check(20)')
            .map(String)
            .filter((words) => words !== 'ok');
        } catch (error) {
          throw translate(error, file);
        }
      }),

    ...db,
  };
};
