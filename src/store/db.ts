import type { Memory } from './memory.ts';

/** What crosses the border to the engine. Times are epoch milliseconds; there are no booleans (a time or null). */
export type Value = string | number | Uint8Array | null;
export type Row = Record<string, Value>;

/**
 * SQL is one text for every engine, in PostgreSQL's spelling and in the subset that both share: `text`, `bigint`,
 * `bytea`, `$1`, `on conflict`, `returning`, recursive common table expressions. `$n` may be used more than once.
 */
export interface Query {
  all<R extends Row>(sql: string, params?: readonly Value[]): Promise<R[]>;
  get<R extends Row>(sql: string, params?: readonly Value[]): Promise<R | undefined>;
  /** The number of rows that were changed. */
  run(sql: string, params?: readonly Value[]): Promise<number>;
  /** In a transaction, where the engine can tell that it still stands; see `recall`. */
  readonly memory?: Memory | undefined;
  /** In a `glance`: nothing more is asked of it, so that what needs a turn of its own can be waited for. */
  leave?(): Promise<void> | undefined;
  /** In a transaction that is committed together with others. */
  readonly together?: Together | undefined;
  /** Of a `glance` that has nothing but what is remembered. */
  readonly isGlance?: true;
}

/** What transactions that are committed together have in common. */
export interface Together {
  /**
   * What is written once for all of them, by its name; until then it stands here alone. Absent where one of them may have
   * to be undone and not the others.
   */
  readonly ends?: Map<string, End>;
}

export interface End {
  value: unknown;
  write(tx: Query): Promise<void>;
}

export type Mode = 'glance' | 'read' | 'count' | 'write';

/**
 * A Db is one door to one database.
 *
 * - `tx` gives a transaction. It commits when the body resolves and rolls back when it rejects; the rejection is passed on
 *   unchanged.
 *   - `read` sees one consistent state and takes no lock.
 *   - `glance` is a `read` of what is remembered, and waits for nobody. As soon as its body asks for anything else it goes
 *     on as a `read`, where all that it knows by then still stands; or it rejects with `NotRemembered`.
 *   - `write` has its turn: of any number of processes one writes at a time, so what its body has read still stands when
 *     it writes. On SQLite that is the file's lock, on PostgreSQL one of the database, taken at the beginning.
 *   - `count` is for changes that are exact in one statement each, such as a counter with a condition. No `write` goes by
 *     in the middle of it, but on PostgreSQL any number of them run at once. On SQLite it is a `write`.
 * - When a transaction that changed something has resolved, the change survives a power cut.
 * - The body does SQL and nothing else: it may be run again after a serialisation failure or a lost connection, or where
 *   another that was to be committed together with it has failed.
 * - On SQLite one connection serves all: transactions and single statements queue. Using the outer handle inside a
 *   transaction's body would wait for itself for ever, so it throws.
 * - Calls after `close` reject; `close` waits for what has begun.
 * - Faults of the engine arrive as MobiusError: `damaged` for a file that is no sound database, `service_unavailable`
 *   for a lock that was not had within the busy limit, `internal` with the system's words for a full disk or a missing
 *   right. A uniqueness conflict is never an error: say `on conflict do nothing` and look at the count.
 */
export interface Db extends Query {
  tx<T>(mode: Mode, body: (tx: Query) => Promise<T>): Promise<T>;
  /** False where a glance could find nothing, and would be in vain. */
  remembers?(): boolean;
  close(): Promise<void>;
}
