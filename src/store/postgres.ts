import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import { MobiusError } from '../errors.ts';
import type { Db, Mode, Query, Row, Value } from './db.ts';
import { NotRemembered } from './memory.ts';
import { namedIn, requireFitting, requireStorable } from './parameters.ts';
import { type Connection, connectPostgres } from './postgres-connect.ts';
import { isLost, isStale, mayPass, outcomeUnknown, translate } from './postgres-faults.ts';

export interface PostgresOptions {
  /** How many connections at once; what is beyond waits for its turn. */
  connections?: number;
  /** How long one statement may take, and how long it may wait for a lock. 0: as long as it needs. */
  statementMs?: number;
  lockMs?: number;
}

/**
 * How often a transaction is begun anew that met another, or whose connection was lost before its end: once in any case,
 * for another server may have taken over, and then until this time has passed.
 */
const mostTries = 5;
const mostTryingMs = 2_000;
const firstPauseMs = 20;

const integer = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new MobiusError('damaged', 'the database holds an integer beyond 2^53');
  return value;
};

/** `int8`, and what `count` and `sum` make of it, are numbers here; `bytea` is bytes. */
const parsers: Readonly<Record<number, (text: string) => unknown>> = {
  20: integer,
  21: integer,
  23: integer,
  1700: integer,
};

const types = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    parsers[oid] ?? pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
};

/** What a statement is told of each parameter: two of which it knows nothing can't be compared or subtracted. */
const castOf = (value: Value | undefined): string => {
  if (typeof value === 'number') return '::bigint';
  if (typeof value === 'string') return '::text collate "C"';
  return value instanceof Uint8Array ? '::bytea' : '';
};

const bindable = (value: Value | undefined): string | Buffer | null => {
  const checked = requireStorable(value);
  if (typeof checked === 'number') return String(checked);
  if (checked instanceof Uint8Array) return Buffer.from(checked.buffer, checked.byteOffset, checked.byteLength);
  return checked;
};

/** Texts sort by their bytes, as on SQLite, whatever the database's own order is, and however the system changes that. */
const sortingByBytes = (sql: string): string =>
  /^\s*(create|alter) table\b/i.test(sql) ? sql.replaceAll(/\btext\b/g, 'text collate "C"') : sql;

/** More texts than the whole product has; only lists whose filters vary make new ones, and those go without a name. */
const mostNames = 500;

const namedStatements = () => {
  const ready = new Map<string, { name?: string; text: string; named: readonly number[] }>();

  const prepare = (sql: string, params: readonly Value[]) => {
    const named = namedIn(sql);
    // What defines something can't be prepared before that is there, and is asked once.
    const isHot = ready.size < mostNames && /^\s*(select|insert|update|delete|with)\b/i.test(sql);
    const text = sortingByBytes(sql).replaceAll(/\$(\d+)/g, (name, n) => `${name}${castOf(params[Number(n) - 1])}`);
    return { text, named, ...(isHot ? { name: `mobius_${ready.size}` } : {}) };
  };

  return (sql: string, params: readonly Value[]): pg.QueryConfig => {
    const key = `${params.map(castOf).join(' ')} ${sql}`;
    const known = ready.get(key) ?? prepare(sql, params);
    if (known.name !== undefined) ready.set(key, known);
    requireFitting(sql, known.named, params.length);
    const { name, text } = known;
    return { text, values: params.map(bindable), ...(name === undefined ? {} : { name }) };
  };
};

type Go = <T>(sql: string, params: readonly Value[], pick: (result: pg.QueryResult) => T) => Promise<T>;

const queryThrough = (go: Go): Query => ({
  all: <R extends Row>(sql: string, params: readonly Value[] = []) => go(sql, params, ({ rows }) => rows as R[]),
  get: <R extends Row>(sql: string, params: readonly Value[] = []) =>
    go(sql, params, ({ rows }) => rows[0] as R | undefined),
  run: (sql, params = []) => go(sql, params, ({ rowCount }) => rowCount ?? 0),
});

/** What ended a transaction that had not been told to stand: the engine's own fault rather than what became of it. */
class Undone extends Error {
  readonly fault: unknown;

  constructor(fault: unknown) {
    super('the transaction was undone');
    this.fault = fault;
  }
}

interface Transaction {
  open: boolean;
  /** The first statement that failed: nothing is done after it, whatever the body makes of it. */
  failed?: unknown;
}

/** Any number that other programs of the same database don't lock by chance: who writes has it alone. */
const writeLock = 0x6d_62_78_76;

/** In one round trip. Each statement after it sees what had been committed when the lock was there. */
const begins: Readonly<Record<Exclude<Mode, 'glance'>, string>> = {
  // One state for all of it, however many statements.
  read: 'begin isolation level repeatable read read only',
  count: `begin isolation level read committed; select pg_advisory_xact_lock_shared(${writeLock})`,
  write: `begin isolation level read committed; select pg_advisory_xact_lock(${writeLock})`,
};

/**
 * A limit that ends the wait for a replica would report as done what only the primary has. Whoever waits too long is told
 * that nobody knows.
 */
const commit = 'set local statement_timeout = 0; commit';

/**
 * Opens a database server. Connections are made when they are needed: a server that is away is told of by the first
 * statement, and used again as soon as it is back.
 */
export const openPostgres = (url: string, options: PostgresOptions = {}): Db => {
  const { connections = 10, statementMs = 5_000, lockMs = 4_000 } = options;
  const pool = connectPostgres(url, {
    connections,
    session: {
      statement_timeout: statementMs,
      lock_timeout: lockMs,
      // Whoever begins a change and is never heard of again must not hold its locks.
      idle_in_transaction_session_timeout: 10_000,
      application_name: 'mobius',
      types,
    },
  });

  const statement = namedStatements();
  const around = new AsyncLocalStorage<Transaction>();
  const begun = new Set<Promise<unknown>>();
  let closed: Promise<void> | undefined;

  const refuseInside = (): void => {
    if (around.getStore()?.open === true) {
      throw new MobiusError('internal', 'inside a transaction only the handle that its body was given can be used');
    }
  };

  const admitted = async <T>(work: () => Promise<T>): Promise<T> => {
    refuseInside();
    if (closed !== undefined) throw new MobiusError('internal', 'the database was closed');
    const running = work();
    begun.add(running);
    try {
      return await running;
    } finally {
      begun.delete(running);
    }
  };

  const pause = (tries: number): Promise<void> =>
    new Promise((done) => setTimeout(done, firstPauseMs * 2 ** tries * (0.5 + Math.random())));

  /** Runs it again where that can't do anything twice. */
  const patiently = async <T>(attempt: () => Promise<T>, mayRepeat: (error: unknown) => boolean): Promise<T> => {
    const end = performance.now() + mostTryingMs;
    for (let tries = 0; ; tries++) {
      try {
        return await attempt();
      } catch (error) {
        const isLate = tries > 0 && performance.now() >= end;
        if (tries + 1 === mostTries || isLate || !mayRepeat(error)) throw error;
      }
      await pause(tries);
    }
  };

  const within =
    (transaction: Transaction, client: Connection): Go =>
    async (sql, params, pick) => {
      if (!transaction.open) throw new MobiusError('internal', 'the transaction has ended; was an await forgotten?');
      if (transaction.failed !== undefined) throw translate(transaction.failed);
      try {
        return pick(await client.query(statement(sql, params)));
      } catch (error) {
        transaction.failed = error;
        throw translate(error);
      }
    };

  const attempt = async <T>(mode: keyof typeof begins, body: (tx: Query) => Promise<T>): Promise<T> => {
    const client = await pool.connect().catch((error: unknown) => {
      throw new Undone(error);
    });
    const transaction: Transaction = { open: true };
    let broken: Error | undefined;
    try {
      await client.query(begins[mode]).catch((error: unknown) => {
        transaction.failed = error;
        throw error;
      });
      const result = await around.run(transaction, () => body(queryThrough(within(transaction, client))));
      transaction.open = false;
      if (transaction.failed !== undefined) throw transaction.failed;
      await client.query(commit).catch((error: unknown) => {
        if (mode !== 'read' && isLost(error)) {
          broken = error as Error;
          throw outcomeUnknown(error);
        }
        transaction.failed = error;
        throw error;
      });
      return result;
    } catch (error) {
      transaction.open = false;
      if (broken !== undefined) throw error;
      const { failed } = transaction;
      if (isLost(failed)) broken = failed as Error;
      else {
        await client.query('rollback').catch((lost: Error) => {
          broken = lost;
        });
      }
      if (failed !== undefined && mayPass(failed)) throw new Undone(failed);
      if (error === failed) throw translate(error);
      throw error;
    } finally {
      transaction.open = false;
      client.release(broken);
    }
  };

  const isUndone = (error: unknown): boolean => error instanceof Undone && mayPass(error.fault);

  return {
    ...queryThrough((sql, params, pick) =>
      admitted(async () => {
        const ready = statement(sql, params);
        try {
          // What only reads may be asked again; of a change that got no answer nobody knows.
          const repeats = (error: unknown): boolean => isStale(error) || (/^\s*select\b/i.test(sql) && isLost(error));
          return pick(await patiently(() => pool.query(ready), repeats));
        } catch (error) {
          throw translate(error);
        }
      }),
    ),

    tx: (mode, body) =>
      admitted(async () => {
        if (mode === 'glance') throw new NotRemembered();
        try {
          return await patiently(() => attempt(mode, body), isUndone);
        } catch (error) {
          throw error instanceof Undone ? translate(error.fault) : error;
        }
      }),

    remembers: () => false,

    async close() {
      refuseInside();
      closed ??= Promise.allSettled([...begun]).then(() => pool.end());
      return closed;
    },
  };
};
