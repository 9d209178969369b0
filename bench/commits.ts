import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Sqlite from 'better-sqlite3';

/** Rows of the size of a key's, each in a transaction of its own, synced as ours are. */
export const openCommits = () => {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-bench-'));
  const Database = createRequire(import.meta.url)('better-sqlite3') as typeof Sqlite;
  const database = new Database(join(folder, 'database'));
  database.pragma('journal_mode = wal');
  database.pragma('synchronous = full');
  database.exec('create table bare (id integer primary key, sealed blob not null)');
  const insert = database.prepare('insert into bare (sealed) values (?)');
  const row = Buffer.alloc(300, 7);
  return {
    perSecond: (seconds: number): number => {
      const end = performance.now() + seconds * 1000;
      let done = 0;
      for (; performance.now() < end; done++) insert.run(row);
      return done / seconds;
    },
    close: () => {
      database.close();
      rmSync(folder, { recursive: true });
    },
  };
};
