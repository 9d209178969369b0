import { AsyncLocalStorage } from 'node:async_hooks';
import { closeSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type Sqlite from 'better-sqlite3';
import { MobiusError } from '../errors.ts';
import type { Db, Mode, Query, Row, Value } from './db.ts';
import { identityOf, syncFolder } from './files.ts';
import { namedIn, requireFitting, requireStorable } from './parameters.ts';
import { type Connection, connectTo } from './sqlite-binding.ts';
import { because, codeOf, isBusy, translate } from './sqlite-faults.ts';

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
  /** What SQLite itself finds wrong with the file's structure; nothing where it is sound. */
  integrity(): Promise<string[]>;
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
];

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
    for (const setting of settings) pragma(setting);
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

type Patiently = <T>(attempt: () => T) => Promise<T>;

/**
 * Repeats what another process's lock stopped, until it is done or the limit has passed. What is attempted must leave
 * nothing behind when it fails: the beginning of a transaction, or one statement outside of any.
 */
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

/** One statement each, at once. */
interface Statements {
  all(sql: string, params: readonly Value[]): Row[];
  get(sql: string, params: readonly Value[]): Row | undefined;
  run(sql: string, params: readonly Value[]): number;
}

/**
 * One statement a text, for as long as the connection is open: a statement that was let go could not be freed, see
 * `connectTo`. So a text must never hold what varies without end, which is what parameters are for.
 */
const cachedStatements = (connection: Connection) => {
  const cache = new Map<string, { statement: Sqlite.Statement; used: readonly number[] }>();

  const prepared = (sql: string) => {
    const known = cache.get(sql);
    if (known !== undefined) return known;
    const used = namedIn(sql);
    const made = { statement: connection.prepare(sql), used };
    cache.set(sql, made);
    return made;
  };

  return (sql: string, params: readonly Value[]): { statement: Sqlite.Statement; bound: object[] } => {
    const { statement, used } = prepared(sql);
    requireFitting(sql, used, params.length);
    return {
      statement,
      bound: params.length === 0 ? [] : [Object.fromEntries(used.map((n) => [n, bindable(params[n - 1])]))],
    };
  };
};

/** A plain JavaScript number would arrive as a floating-point one, in which 5 / 2 and 5 || '' are others than in bigint. */
const bindable = (value: Value | undefined): string | bigint | Uint8Array | null => {
  const checked = requireStorable(value);
  return typeof checked === 'number' ? BigInt(checked) : checked;
};

const statementsOf = (connection: Connection) => {
  const prepare = cachedStatements(connection);

  return (mode: Mode): Statements => {
    const admitted = (sql: string, params: readonly Value[]) => {
      const ready = prepare(sql, params);
      if (mode === 'read' && !ready.statement.readonly) {
        throw new MobiusError('internal', `a read transaction can't change anything: ${sql}`);
      }
      return ready;
    };
    return {
      all(sql, params) {
        const { statement, bound } = admitted(sql, params);
        if (statement.reader) return statement.all(...bound) as Row[];
        statement.run(...bound);
        return [];
      },
      get(sql, params) {
        const { statement, bound } = admitted(sql, params);
        if (statement.reader) return statement.get(...bound) as Row | undefined;
        statement.run(...bound);
        return undefined;
      },
      run(sql, params) {
        const { statement, bound } = admitted(sql, params);
        return statement.run(...bound).changes;
      },
    };
  };
};

type Go = <T>(work: (statements: Statements) => T) => Promise<T>;

const queryThrough = (go: Go): Query => ({
  all: <R extends Row>(sql: string, params: readonly Value[] = []) => go((to) => to.all(sql, params) as R[]),
  get: <R extends Row>(sql: string, params: readonly Value[] = []) => go((to) => to.get(sql, params) as R | undefined),
  run: (sql, params = []) => go((to) => to.run(sql, params)),
});

/** A reader of a moment is waited for; one that stays is not. */
const truncateTries = 10;
const truncatePauseMs = 20;

/** Of a copy, before others of this process get their turn. */
const pagesAtOnce = 1_000;

interface Transaction {
  open: boolean;
  /** The first statement that failed. As on PostgreSQL nothing is done after it, whatever the body makes of it. */
  failed?: unknown;
}

const overConnection = (connection: Connection, file: string, patiently: Patiently): SqliteDb => {
  const statements = statementsOf(connection);
  const around = new AsyncLocalStorage<Transaction>();
  let last: Promise<unknown> = Promise.resolve();
  let closed: Promise<void> | undefined;

  const inTurn = <T>(job: () => Promise<T>): Promise<T> => {
    const turn = last.then(job);
    last = turn.catch(() => undefined);
    return turn;
  };

  /** What waits for its turn inside the transaction that has the turn would wait for ever. */
  const refuseInside = (): void => {
    if (around.getStore()?.open === true) {
      throw new MobiusError('internal', 'inside a transaction only the handle that its body was given can be used');
    }
  };

  const admit = (): void => {
    refuseInside();
    if (closed !== undefined) throw new MobiusError('internal', `"${file}" was closed`);
  };

  const rollBack = (): void => {
    try {
      if (connection.inTransaction) connection.exec('rollback');
    } catch {
      // What made it roll back says more; and a transaction that can't be rolled back is never committed either.
    }
  };

  const begin = (mode: Mode): void => {
    if (mode !== 'read') {
      connection.exec('begin immediate');
      return;
    }
    connection.exec('begin');
    try {
      // The state that is seen is taken now, so that only this, which can be repeated, ever meets a lock.
      statements('read').get('select 1 from sqlite_schema limit 1', []);
    } catch (error) {
      rollBack();
      throw error;
    }
  };

  const within =
    (transaction: Transaction, mode: Mode): Go =>
    async (work) => {
      if (!transaction.open) throw new MobiusError('internal', 'the transaction has ended; was an await forgotten?');
      if (transaction.failed !== undefined) throw transaction.failed;
      try {
        return work(statements(mode));
      } catch (error) {
        transaction.failed = translate(error, file);
        throw transaction.failed;
      }
    };

  const transact = async <T>(mode: Mode, body: (tx: Query) => Promise<T>): Promise<T> => {
    await patiently(() => begin(mode));
    const transaction: Transaction = { open: true };
    try {
      const result = await around.run(transaction, () => body(queryThrough(within(transaction, mode))));
      transaction.open = false;
      if (transaction.failed !== undefined) throw transaction.failed;
      await patiently(() => connection.exec('commit'));
      return result;
    } catch (error) {
      rollBack();
      throw error;
    } finally {
      transaction.open = false;
    }
  };

  const exclusively = async <T>(work: () => Promise<T>): Promise<T> => {
    admit();
    return inTurn(work);
  };

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
        await patiently(() => begin('read'));
        try {
          await copy(path, onProgress);
        } catch (error) {
          throw translate(error, path);
        } finally {
          rollBack();
        }
      }),

    integrity: () =>
      exclusively(async () => {
        try {
          return connection
            .pragma('integrity_check(20)')
            .map(String)
            .filter((words) => words !== 'ok');
        } catch (error) {
          throw translate(error, file);
        }
      }),

    ...queryThrough(async (work) => {
      admit();
      return inTurn(() => patiently(() => work(statements('write'))));
    }),
    async tx(mode, body) {
      admit();
      return inTurn(() => transact(mode, body));
    },
    async close() {
      refuseInside();
      closed ??= inTurn(() => patiently(() => void connection.close()));
      return closed;
    },
  };
};
