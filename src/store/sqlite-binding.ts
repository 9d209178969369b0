import { createRequire } from 'node:module';
import Sqlite from 'better-sqlite3';

export type Statement = Sqlite.Statement;

/** A connection of better-sqlite3, with what this product asks of it. */
export interface Connection {
  readonly inTransaction: boolean;
  begin(): void;
  beginImmediate(): void;
  commit(): void;
  rollback(): void;
  /** What follows can be undone alone, until it is released. */
  savepoint(): void;
  undo(): void;
  release(): void;
  exec(sql: string): void;
  /** The statement stays until the process ends: who asks with one text again keeps it. */
  prepare(sql: string): Statement;
  /** Of the state that is seen: another one after each change that another connection has committed. */
  version(): number;
  /** Each row's first value. */
  pragma(text: string): unknown[];
  /** Copies into a file that is there, some pages at a time. How many it holds then. */
  backup(path: string, pagesAtOnce: number, onProgress?: (done: number, total: number) => void): Promise<number>;
  /** Ends every statement too, and frees what SQLite has of them. */
  close(): void;
}

interface Backup {
  transfer(pages: number): { totalPages: number; remainingPages: number };
  close(): void;
}

/** What the library holds behind its own connection. Its `backup` makes an object that nobody could keep. */
interface Native {
  backup(connection: Sqlite.Database, schema: string, path: string, isNew: boolean): Backup;
}

/**
 * Every native object that was made, so that the garbage collector never frees one. Compiled against the headers of Node
 * 24.19 or later, such an object takes a hook off its environment when it is freed; Node 24 finds no environment where
 * the collector runs between two turns of JavaScript, and ends the process. What is kept of a closed connection is less
 * than a kilobyte for each statement.
 */
const kept: object[] = [];

const keep = <T extends object>(made: T): T => {
  kept.push(made);
  return made;
};

/** Handed to it, the library doesn't search for its addon; its types know only of a path. */
const addon = (): string => createRequire(import.meta.filename)('better-sqlite3/build/Release/better_sqlite3.node');

export const connectTo = (file: string, options: Sqlite.Options): Connection => {
  const connection = keep(new Sqlite(file, { ...options, nativeBinding: addon() }));
  const pragmas = new Map<string, Sqlite.Statement>();

  const prepare = (sql: string): Sqlite.Statement => keep(connection.prepare(sql));
  /** Prepared when it is first used, and then once. */
  const once = (sql: string, made = prepare): (() => Statement) => {
    let statement: Statement | undefined;
    return () => {
      statement ??= made(sql);
      return statement;
    };
  };
  const doing = (sql: string): (() => void) => {
    const statement = once(sql);
    return () => void statement().run();
  };
  const version = once('pragma data_version', (sql) => prepare(sql).pluck());

  return {
    prepare,
    get inTransaction() {
      return connection.inTransaction;
    },
    exec: (sql) => void connection.exec(sql),
    version: () => version().get() as number,
    begin: doing('begin'),
    beginImmediate: doing('begin immediate'),
    commit: doing('commit'),
    rollback: doing('rollback'),
    savepoint: doing('savepoint change'),
    undo: doing('rollback to change'),
    release: doing('release change'),
    close: () => void connection.close(),

    // The library's own would prepare anew each time.
    pragma(text) {
      const statement = pragmas.get(text) ?? prepare(`pragma ${text}`);
      pragmas.set(text, statement);
      if (statement.reader) return statement.pluck().all();
      statement.run();
      return [];
    },

    async backup(path, pagesAtOnce, onProgress) {
      const [native] = Object.getOwnPropertySymbols(connection).map((symbol) => Reflect.get(connection, symbol)) as [
        Native,
      ];
      const backup = keep(native.backup(connection, 'main', path, false));
      try {
        // The first step copies nothing: it finds out how much there is.
        for (let pages = 0; ; pages = pagesAtOnce) {
          await new Promise((done) => setImmediate(done));
          const { totalPages, remainingPages } = backup.transfer(pages);
          if (remainingPages === 0) return totalPages;
          onProgress?.(totalPages - remainingPages, totalPages);
        }
      } finally {
        backup.close();
      }
    },
  };
};
