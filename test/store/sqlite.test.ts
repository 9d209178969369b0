import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Db, Query } from '../../src/store/db.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { conformance } from './conformance.ts';
import { children, type Start } from './processes.ts';

const root = mkdtempSync(join(tmpdir(), 'mobius-sqlite-'));
const isRoot = process.getuid?.() === 0;
let names = 0;
const fresh = (): string => join(root, `${names++}.db`);

let start: Start;
beforeAll(async () => {
  start = await children(root);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

let latest = '';
conformance('SQLite', {
  open() {
    latest = fresh();
    return openSqlite(latest, { create: true });
  },
  another: () => openSqlite(latest),
});

/** A closed database with some pages of rows. */
const filled = async (path = fresh()): Promise<string> => {
  const db = await openSqlite(path, { create: true });
  await db.run('create table entries (id text primary key)');
  await db.tx('write', async (tx) => {
    for (let i = 0; i < 500; i++) await tx.run('insert into entries (id) values ($1)', [`${i}`.padStart(40, '0')]);
  });
  await db.close();
  return path;
};

const using = async <T>(db: Db, work: (db: Db) => Promise<T>): Promise<T> => {
  try {
    return await work(db);
  } finally {
    await db.close();
  }
};

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const rows = (db: Query): Promise<unknown> => db.get('select count(*) as n from entries');
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

describe('one connection', () => {
  test('transactions that are begun at once queue, in order', async () => {
    await using(await openSqlite(fresh(), { create: true }), async (db) => {
      const order: string[] = [];
      const slow = (name: string): Promise<void> =>
        db.tx('write', async (tx) => {
          order.push(`${name} begins`);
          await tx.get('select 1 as one');
          await pause(10);
          order.push(`${name} ends`);
        });
      await Promise.all([slow('a'), slow('b'), slow('c')]);
      expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    });
  });

  test('a statement outside waits for the transaction that runs', async () => {
    await using(await openSqlite(await filled()), async (db) => {
      let begin = (): void => undefined;
      const begun = new Promise<void>((done) => {
        begin = done;
      });
      const writing = db.tx('write', async (tx) => {
        begin();
        await tx.run("insert into entries (id) values ('a')");
        await pause(20);
        await tx.run("insert into entries (id) values ('b')");
      });
      await begun;
      expect(await rows(db)).toEqual({ n: 502 });
      await writing;
    });
  });

  test('no update is lost between a read and a write', async () => {
    const path = await filled();
    const [one, two] = [await openSqlite(path), await openSqlite(path)];
    await one.run('create table counter (n bigint not null)');
    await one.run('insert into counter (n) values (0)');
    const add = (db: Db): Promise<void> =>
      db.tx('write', async (tx) => {
        const row = await tx.get<{ n: number }>('select n from counter');
        await pause(1);
        await tx.run('update counter set n = $1', [(row?.n ?? 0) + 1]);
      });
    await Promise.all(Array.from({ length: 40 }, (_, i) => add(i % 2 === 0 ? one : two)));
    expect(await two.get('select n from counter')).toEqual({ n: 40 });
    await one.close();
    await two.close();
  });

  test('a read transaction sees the state of its beginning', async () => {
    const path = await filled();
    const [one, two] = [await openSqlite(path), await openSqlite(path)];
    const seen = await one.tx('read', async (tx) => {
      await two.run("insert into entries (id) values ('later')");
      return rows(tx);
    });
    expect(seen).toEqual({ n: 500 });
    await one.close();
    await two.close();
  });

  test('a transaction of one Db may use another Db', async () => {
    const [one, two] = [await openSqlite(await filled()), await openSqlite(await filled())];
    expect(await one.tx('write', () => rows(two))).toEqual({ n: 500 });
    await one.close();
    await two.close();
  });

  test('more statements than are kept still work, the first one too', async () => {
    await using(await openSqlite(await filled()), async (db) => {
      for (let i = 0; i < 450; i++) expect(await db.get(`select ${i} as n`)).toEqual({ n: i });
      expect(await db.get('select 0 as n')).toEqual({ n: 0 });
    });
  });

  test('a kept statement sees a new column', async () => {
    await using(await openSqlite(await filled()), async (db) => {
      const text = 'select * from entries limit 1';
      expect(Object.keys((await db.get(text)) ?? {})).toEqual(['id']);
      await db.run('alter table entries add column note text');
      expect(Object.keys((await db.get(text)) ?? {})).toEqual(['id', 'note']);
    });
  });
});

describe('settings', () => {
  test('a commit is synced, what is deleted is overwritten, references hold, the schema is not trusted', async () => {
    await using(await openSqlite(await filled()), async (db) => {
      const set = async (name: string): Promise<unknown> => Object.values((await db.get(`pragma ${name}`)) ?? {})[0];
      expect({
        journal_mode: await set('journal_mode'),
        synchronous: await set('synchronous'),
        secure_delete: await set('secure_delete'),
        foreign_keys: await set('foreign_keys'),
        trusted_schema: await set('trusted_schema'),
        cell_size_check: await set('cell_size_check'),
      }).toEqual({
        journal_mode: 'wal',
        synchronous: 2,
        secure_delete: 1,
        foreign_keys: 1,
        trusted_schema: 0,
        cell_size_check: 1,
      });
    });
  });

  test('a deleted row is gone from the file', async () => {
    const path = await filled();
    const needle = 'needle-in-the-haystack';
    await using(await openSqlite(path), (db) => db.run('insert into entries (id) values ($1)', [needle]));
    expect(readFileSync(path).includes(needle)).toBe(true);
    await using(await openSqlite(path), (db) => db.run('delete from entries where id = $1', [needle]));
    expect(readFileSync(path).includes(needle)).toBe(false);
  });
});

describe('files', () => {
  test('the file, its log and its index are the owner’s alone, whatever the umask', async () => {
    const before = process.umask(0);
    try {
      const path = fresh();
      await using(await openSqlite(path, { create: true }), async (db) => {
        await db.run('create table entries (id text primary key)');
        expect([path, `${path}-wal`, `${path}-shm`].map(mode)).toEqual(['600', '600', '600']);
      });
    } finally {
      process.umask(before);
    }
  });

  test('an existing file keeps its mode, and its log has the same', async () => {
    const path = await filled();
    chmodSync(path, 0o640);
    await using(await openSqlite(path, { create: true }), async (db) => {
      await db.run("insert into entries (id) values ('a')");
      expect([path, `${path}-wal`].map(mode)).toEqual(['640', '640']);
    });
  });

  test('closed by the last one, only the file is left', async () => {
    const folder = join(root, 'alone');
    mkdirSync(folder);
    await filled(join(folder, 'vault.db'));
    expect(readdirSync(folder)).toEqual(['vault.db']);
  });

  test('a missing one is not made', async () => {
    const path = fresh();
    await expect(openSqlite(path)).rejects.toMatchObject({
      code: 'not_initialised',
      message: `no vault at "${path}"`,
      cause: { code: 'ENOENT' },
    });
    await expect(openSqlite(join(path, 'below', 'x.db'))).rejects.toMatchObject({ code: 'not_initialised' });
    expect(existsSync(path)).toBe(false);
  });

  test('an empty one is no vault, and stays empty', async () => {
    const path = fresh();
    writeFileSync(path, '');
    await expect(openSqlite(path)).rejects.toMatchObject({ code: 'not_initialised' });
    expect(statSync(path).size).toBe(0);
  });

  test('a folder is no vault', async () => {
    await expect(openSqlite(root)).rejects.toMatchObject({ code: 'not_initialised' });
  });

  test('a folder that is not there is named', async () => {
    const path = join(root, 'nowhere', 'x.db');
    await expect(openSqlite(path, { create: true })).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining(join(root, 'nowhere')),
    });
  });

  test('a database of another program is left as it is', async () => {
    const path = fresh();
    writeFileSync(path, Buffer.from(readFileSync(await filled())).fill(0, 68, 72));
    const before = readFileSync(path);
    await expect(openSqlite(path)).rejects.toMatchObject({ code: 'not_initialised' });
    await expect(openSqlite(path, { create: true })).rejects.toMatchObject({ code: 'not_initialised' });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test.each(['file:odd?mode=memory.db', ':memory:', 'a b #1%20.db'])('the name %s is just a name', async (name) => {
    const path = await filled(join(root, name));
    expect(readFileSync(path).subarray(0, 15).toString()).toBe('SQLite format 3');
    await using(await openSqlite(path), async (db) => expect(await rows(db)).toEqual({ n: 500 }));
  });

  test.each(['file:odd?mode=memory', ':memory:'])('the relative name %s is just a name too', async (name) => {
    const before = process.cwd();
    process.chdir(mkdtempSync(join(root, 'names-')));
    try {
      await filled(name);
      expect(readdirSync('.')).toEqual([name]);
    } finally {
      process.chdir(before);
    }
  });

  test('a name that ends with white space is refused: better-sqlite3 would open another', async () => {
    await expect(openSqlite(`${fresh()} `, { create: true })).rejects.toMatchObject({ code: 'invalid_input' });
  });

  test('it is copied whole and readable by its owner alone, while it is open', async () => {
    const copy = fresh();
    writeFileSync(copy, '', { mode: 0o600 });
    await using(await openSqlite(await filled()), async (db) => {
      await db.run("insert into entries (id) values ('still in the log')");
      await db.run('vacuum into $1', [copy]);
    });
    expect(mode(copy)).toBe('600');
    await using(await openSqlite(copy), async (db) => expect(await rows(db)).toEqual({ n: 501 }));
  });
});

describe('damage', () => {
  const failure = async (path: string): Promise<unknown> => {
    try {
      const db = await openSqlite(path);
      return await using(db, (open) => open.all('select id from entries'));
    } catch (error) {
      return error;
    }
  };

  test('a file that is no database is damaged', async () => {
    const path = fresh();
    writeFileSync(path, 'this is a letter to my grandmother\n'.repeat(200));
    expect(await failure(path)).toMatchObject({ code: 'damaged', cause: { code: 'SQLITE_NOTADB' } });
  });

  test.each([3, 100, 4096, 8192, 20_000])('a file that was cut at %d bytes is damaged', async (size) => {
    const path = await filled();
    expect(statSync(path).size).toBeGreaterThan(size);
    truncateSync(path, size);
    expect(await failure(path)).toMatchObject({ code: 'damaged' });
  });

  test('a file with a page of noise is damaged', async () => {
    const path = await filled();
    const bytes = readFileSync(path);
    for (let i = 4096; i < 8192; i++) bytes[i] = (i * 131) & 255;
    writeFileSync(path, bytes);
    expect(await failure(path)).toMatchObject({ code: 'damaged', cause: { code: expect.stringMatching(/CORRUPT/) } });
  });
});

describe('rights', () => {
  test('opened for reading it reads, and refuses every write', async () => {
    const path = await filled();
    await using(await openSqlite(path, { readOnly: true }), async (db) => {
      expect(await rows(db)).toEqual({ n: 500 });
      await expect(db.run("insert into entries (id) values ('a')")).rejects.toMatchObject({
        code: 'internal',
        cause: { code: 'SQLITE_READONLY' },
      });
      await expect(db.tx('write', (tx) => tx.run('delete from entries'))).rejects.toMatchObject({ code: 'internal' });
      expect(await db.tx('read', rows)).toEqual({ n: 500 });
    });
  });

  test.runIf(isRoot)('a missing right is named, with the path', async () => {
    const folder = join(root, 'rights');
    mkdirSync(folder);
    const path = await filled(join(folder, 'vault.db'));
    const nobody = 65534;
    const complaint = async (): Promise<unknown> =>
      JSON.parse((await start(['write', path], { uid: nobody }).ended).stdout);
    const missing = (right: string) => ({ code: 'internal', message: `can't use "${path}": no right to ${right}` });

    chmodSync(root, 0o755);
    expect(await complaint()).toMatchObject(missing('read it'));
    chmodSync(path, 0o644);
    expect(await complaint()).toMatchObject(missing('write to it'));
    chownSync(path, nobody, nobody);
    expect(await complaint()).toMatchObject(missing('write in its folder'));
    chmodSync(folder, 0o700);
    expect(await complaint()).toMatchObject(missing('open its folder'));
  });
});

describe('other processes', () => {
  test('a lock held beyond the limit is service_unavailable, and the loop runs on meanwhile', async () => {
    const path = await filled();
    const holder = start(['hold', path]);
    await holder.said('holding');
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 10);
    const db = await openSqlite(path, { busyMs: 400 });
    const begun = performance.now();
    await expect(db.run("insert into entries (id) values ('a')")).rejects.toMatchObject({
      code: 'service_unavailable',
      message: expect.stringContaining('the vault is busy'),
      cause: { code: 'SQLITE_BUSY' },
    });
    expect(performance.now() - begun).toBeGreaterThan(390);
    expect(ticks).toBeGreaterThan(10);
    clearInterval(ticking);
    await expect(db.tx('write', async () => 1)).rejects.toMatchObject({ code: 'service_unavailable' });
    expect(await rows(db)).toEqual({ n: 500 });

    const waiting = db.run("insert into entries (id) values ('b')");
    holder.process.kill('SIGKILL');
    expect(await waiting).toBe(1);
    expect(await rows(db)).toEqual({ n: 501 });
    await db.close();
  });
});

/** Why no file system of our own can be made here; undefined where it can. */
const noMount = ((): string | undefined => {
  const folder = mkdtempSync(join(root, 'mount-'));
  const { status, error, stderr } = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', folder]);
  if (status !== 0) return error?.message ?? String(stderr).trim();
  spawnSync('umount', [folder]);
  return undefined;
})();
if (noMount !== undefined) process.stderr.write(`left out: a full disk, a read-only one (${noMount})\n`);

const onSmallDisk = async (work: (folder: string, fill: () => void) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(root, 'small-'));
  expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', folder]).status).toBe(0);
  const fill = (): void => {
    expect(() => writeFileSync(join(folder, 'filler'), new Uint8Array(1 << 20))).toThrow('ENOSPC');
  };
  try {
    await work(folder, fill);
  } finally {
    spawnSync('umount', [folder]);
  }
};

const diskFull = { code: 'internal', message: expect.stringContaining('the disk is full') };

describe.skipIf(noMount !== undefined)('a full disk', () => {
  test('is said in a transaction, which changes nothing, and what fits is still written', () =>
    onSmallDisk(async (folder) => {
      const path = await filled(join(folder, 'vault.db'));
      const db = await openSqlite(path);
      await db.run('create table blobs (id text primary key, bytes bytea)');
      const failed = db.tx('write', async (tx) => {
        await tx.run("insert into entries (id) values ('lost')");
        for (const id of ['a', 'b', 'c']) {
          await tx.run('insert into blobs (id, bytes) values ($1, $2)', [id, new Uint8Array(300 * 1024)]);
        }
      });
      await expect(failed).rejects.toMatchObject(diskFull);
      expect(await rows(db)).toEqual({ n: 500 });
      expect(await db.get('select count(*) as n from blobs')).toEqual({ n: 0 });
      expect(await db.run("insert into entries (id) values ('small enough')")).toBe(1);
      await db.close();
      await using(await openSqlite(path), async (again) => {
        expect(await rows(again)).toEqual({ n: 501 });
        expect(await again.get('pragma integrity_check')).toEqual({ integrity_check: 'ok' });
      });
    }));

  test('is said where not even the log can be begun', () =>
    onSmallDisk(async (folder, fill) => {
      const path = await filled(join(folder, 'vault.db'));
      fill();
      const work = openSqlite(path).then((db) =>
        using(db, (open) => open.run("insert into entries (id) values ('x')")),
      );
      await expect(work).rejects.toMatchObject(diskFull);
      rmSync(join(folder, 'filler'));
      await using(await openSqlite(path), async (db) => expect(await rows(db)).toEqual({ n: 500 }));
    }));

  test('is said where a new one is made, which can be made later', () =>
    onSmallDisk(async (folder, fill) => {
      const path = join(folder, 'vault.db');
      fill();
      await expect(openSqlite(path, { create: true })).rejects.toMatchObject(diskFull);
      rmSync(join(folder, 'filler'));
      await filled(path);
    }));
});

describe.skipIf(noMount !== undefined)('a read-only disk', () => {
  test('is said, with the path', () =>
    onSmallDisk(async (folder) => {
      const path = await filled(join(folder, 'vault.db'));
      expect(spawnSync('mount', ['-o', 'remount,ro', folder]).status).toBe(0);
      const message = `can't use "${path}": the file system is read-only`;
      const work = openSqlite(path).then((db) =>
        using(db, (open) => open.run("insert into entries (id) values ('x')")),
      );
      await expect(work).rejects.toMatchObject({ code: 'internal', message });
      await expect(openSqlite(join(folder, 'new.db'), { create: true })).rejects.toMatchObject({ code: 'internal' });
    }));
});
