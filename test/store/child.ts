import { migrate } from '../../src/store/migrate.ts';
import { openSqlite } from '../../src/store/sqlite.ts';

/** What another process does to a database; the tests bundle this file and start it. */
const [task, path, ...rest] = process.argv.slice(2);
if (path === undefined) throw new Error('usage: child <task> <path> ...');

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const tasks: Record<string, () => Promise<void>> = {
  /** Opens, adds one to the counter and a row, and closes, so many times. */
  async count() {
    const [name, times] = rest;
    for (let i = 0; i < Number(times); i++) {
      const db = await openSqlite(path);
      await db.tx('write', async (tx) => {
        const row = await tx.get<{ n: number }>('select n from counter');
        await tx.run('update counter set n = $1', [(row?.n ?? 0) + 1]);
        await tx.run('insert into entries (id) values ($1)', [`${name}-${i}`]);
      });
      await db.close();
    }
  },

  /** As `count`, on a database that nobody has made yet. */
  async create() {
    const db = await openSqlite(path, { create: true });
    await db.run('create table if not exists entries (id text primary key)');
    await db.run('insert into entries (id) values ($1)', [rest[0] ?? '']);
    await db.close();
  },

  /** Holds the write lock until it is killed. */
  async hold() {
    const db = await openSqlite(path);
    await db.tx('write', async (tx) => {
      await tx.run("insert into entries (id) values ('held')");
      say('holding');
      await pause(600_000);
    });
  },

  /** Reads one state twice, with a pause between, and says both. */
  async snapshot() {
    const db = await openSqlite(path, { readOnly: true });
    await db.tx('read', async (tx) => {
      say(JSON.stringify(await tx.get('select count(*) as n from entries')));
      await pause(300);
      say(JSON.stringify(await tx.get('select count(*) as n from entries')));
    });
    await db.close();
  },

  async migrate() {
    const db = await openSqlite(path);
    const slow = Array.from({ length: 200 }, (_, i) => `insert into steps (id) values (${i})`);
    await migrate(
      db,
      [
        { id: 1, sql: ['create table steps (id bigint primary key)'] },
        { id: 2, sql: slow },
        { id: 3, sql: ['create table done (id bigint primary key)'] },
      ],
      { now: 5, backup: async () => say('backup') },
    );
    await db.close();
  },

  /** Dies in the middle of the second migration. */
  async 'migrate-and-die'() {
    const db = await openSqlite(path);
    const dying: typeof db = {
      ...db,
      tx: (mode, body) =>
        db.tx(mode, (tx) =>
          body({
            ...tx,
            async run(sql, params) {
              if (sql.includes('third')) process.kill(process.pid, 'SIGKILL');
              return tx.run(sql, params);
            },
          }),
        ),
    };
    const second = [
      'insert into steps (id) values (1)',
      'create table half (id bigint)',
      'create table third (id bigint)',
    ];
    await migrate(
      dying,
      [
        { id: 1, sql: ['create table steps (id bigint primary key)'] },
        { id: 2, sql: second },
      ],
      { now: 5 },
    );
  },

  async write() {
    const db = await openSqlite(path);
    await db.run("insert into entries (id) values ('written')");
    await db.close();
  },
};

try {
  await tasks[task ?? '']?.();
} catch (error) {
  const { code, message, cause } = error as Error & { code?: string };
  say(JSON.stringify({ code, message, cause: (cause as { code?: string } | undefined)?.code }));
  process.exitCode = 1;
}
