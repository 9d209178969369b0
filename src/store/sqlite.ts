import { AsyncLocalStorage } from 'node:async_hooks';
import { closeSync, fsyncSync, openSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import type Sqlite from 'better-sqlite3';
import { MobiusError } from '../errors.ts';
import type { Db, Query, Row, Value } from './db.ts';
import { because, codeOf, isBusy, translate } from './sqlite-faults.ts';

export interface SqliteOptions {
  /** Makes an empty file, readable by its owner alone, where there is none. Its folder must be there. */
  create?: boolean;
  readOnly?: boolean;
  /** How long a lock of another process is waited for. */
  busyMs?: number;
}

/**
 * Opens the database in one file, in WAL mode, every commit synced to the disk.
 *
 * No other code of this process may open the file while a Db on it is open: closing any descriptor of a file drops the
 * POSIX locks that the whole process holds on it.
 */
export const openSqlite = async (path: string, options: SqliteOptions = {}): Promise<Db> => {
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

/** Without this a power cut could take away the name of a file whose content is already safe. */
const syncFolder = (folder: string): void => {
  try {
    const descriptor = openSync(folder, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Windows and some network drives don't let a folder be synced; there the file's own sync is all there is.
  }
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

const connect = (file: string, { create = false, readOnly = false }: SqliteOptions): Sqlite.Database => {
  const Database = createRequire(import.meta.url)('better-sqlite3') as typeof Sqlite;
  // SQLite's own waiting would stop the event loop, and with it Ctrl-C and every other request: see `patience`.
  const connection = new Database(file, { readonly: readOnly, fileMustExist: true, timeout: 0 });
  const pragma = (text: string): unknown => connection.pragma(text, { simple: true });
  try {
    for (const setting of settings) pragma(setting);
    if (pragma('application_id') !== applicationId) {
      if (!create || pragma('schema_version') !== 0) {
        throw new MobiusError('not_initialised', `no vault at "${file}": the file is empty or another program's`);
      }
      pragma(`application_id = ${applicationId}`);
    }
    if (pragma('journal_mode') !== 'wal' && !readOnly && pragma('journal_mode = wal') !== 'wal') {
      throw new MobiusError(
        'internal',
        `"${file}" can't have a write-ahead log where it is; is it on a network drive?`,
      );
    }
    return connection;
  } catch (error) {
    connection.close();
    throw error;
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
    const end = performance.now() + busyMs;
    for (let pause = 1; ; pause = Math.min(pause * 2, 32)) {
      try {
        return attempt();
      } catch (error) {
        if (!isBusy(error) || performance.now() >= end) throw translate(error, file);
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

/** More texts than the whole product has; only lists whose filters vary make new ones. */
const cachedTexts = 200;

const cachedStatements = (connection: Sqlite.Database) => {
  const cache = new Map<string, { statement: Sqlite.Statement; used: number[] }>();

  const prepared = (sql: string) => {
    const known = cache.get(sql);
    if (known !== undefined) return known;
    const used = [...new Set(Array.from(sql.matchAll(/\$(\d+)/g), (match) => Number(match[1])))];
    const made = { statement: connection.prepare(sql), used };
    const [oldest] = cache.keys();
    if (cache.size >= cachedTexts && oldest !== undefined) cache.delete(oldest);
    cache.set(sql, made);
    return made;
  };

  return (sql: string, params: readonly Value[]): { statement: Sqlite.Statement; bound: object[] } => {
    const { statement, used } = prepared(sql);
    // PostgreSQL refuses a parameter that no $n names; a statement must not pass here and fail there.
    if (used.length !== params.length || used.some((n) => n < 1 || n > params.length)) {
      throw new MobiusError('internal', `${params.length} parameters do not fit the statement: ${sql}`);
    }
    return {
      statement,
      bound: params.length === 0 ? [] : [Object.fromEntries(used.map((n) => [n, bindable(params[n - 1])]))],
    };
  };
};

/** A plain JavaScript number would arrive as a floating-point one, in which 5 / 2 and 5 || '' are others than in bigint. */
const bindable = (value: Value | undefined): string | bigint | Uint8Array | null => {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new MobiusError('internal', `${value} is no safe integer`);
    return BigInt(value);
  }
  if (value === null || typeof value === 'string' || value instanceof Uint8Array) return value;
  throw new MobiusError('internal', `a ${typeof value} can't be stored`);
};

const statementsOf = (connection: Sqlite.Database) => {
  const prepare = cachedStatements(connection);

  return (mode: 'read' | 'write'): Statements => {
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

interface Transaction {
  open: boolean;
  /** The first statement that failed. As on PostgreSQL nothing is done after it, whatever the body makes of it. */
  failed?: unknown;
}

const overConnection = (connection: Sqlite.Database, file: string, patiently: Patiently): Db => {
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

  const begin = (mode: 'read' | 'write'): void => {
    if (mode === 'write') {
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
    (transaction: Transaction, mode: 'read' | 'write'): Go =>
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

  const transact = async <T>(mode: 'read' | 'write', body: (tx: Query) => Promise<T>): Promise<T> => {
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

  return {
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
