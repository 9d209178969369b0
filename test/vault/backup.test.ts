import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { bookkeepingOf, openLocal } from '../../src/calls/local.ts';
import { randomBytes } from '../../src/crypto.ts';
import { MobiusError } from '../../src/errors.ts';
import { migrate } from '../../src/store/migrate.ts';
import { migrations } from '../../src/store/migrations.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { backupVault, verifyBackup } from '../../src/vault/backup.ts';
import { keepBeforeMigration } from '../../src/vault/before-migration.ts';
import type { Place, World } from '../../src/vault/open.ts';
import { rekey } from '../../src/vault/rekey.ts';
import { owner, refusal } from '../core/world.ts';
import { children, type Start } from '../store/processes.ts';
import { backup, check, contents, edit, type Mould, mould, told, verify } from './keeping.ts';

let from: Mould;
let start: Start;
let temporary: string;
beforeAll(async () => {
  from = await mould();
  // Of this file alone: whatever else runs on the machine keeps its copies elsewhere.
  temporary = join(from.folder, 'temporary');
  mkdirSync(temporary);
  for (const name of ['TMPDIR', 'TEMP', 'TMP']) vi.stubEnv(name, temporary);
  start = await children(from.folder, 'test/vault/child.ts');
});
afterAll(() => {
  vi.unstubAllEnvs();
  from.remove();
});

let place: Place;
let folder: string;
let file: string;
let folders = 0;
beforeEach(() => {
  place = from.cast();
  folder = join(from.folder, `backups-${folders++}`);
  mkdirSync(folder);
  file = join(folder, 'backup.db');
});

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const verified = async (path: string, at = place): Promise<string[]> =>
  told((await verify(from.world, at, path)).report);
const leftInTemp = (): string[] => readdirSync(temporary);

describe('a backup', () => {
  test('is one file of its owner alone that holds what the vault held', async () => {
    const held = contents(place.path);
    const made = await backup(from.world, place, file);
    expect(made.path).toBe(file);
    expect(made.sizeBytes).toBe(statSync(file).size);
    expect(readdirSync(folder)).toEqual(['backup.db']);
    expect(mode(file)).toBe('600');
    // 1 and 1: a reader needs no log beside it.
    expect([...readFileSync(file).subarray(18, 20)]).toEqual([1, 1]);
    const { backup_manifest: manifest, ...copied } = contents(file) ?? {};
    expect(manifest).toHaveLength(1);
    expect(copied).toEqual(held);
    for (const [table, rows] of Object.entries(held ?? {})) expect(made.manifest.tables[table]).toBe(rows.length);
    expect(await verified(file)).toEqual([]);
  });

  test('is recorded, with what it holds', async () => {
    const { manifest } = await backup(from.world, place, file);
    const { vault, close } = await openLocal(from.world, place, owner);
    const row = await vault.db.get('select * from audit_log order by seq desc limit 1');
    const { id, seq: _, sealed, mac: _mac, hash: _hash, ...clear } = row ?? {};
    expect(clear).toMatchObject({ action: 'vault.backup', resource_type: 'vault', resource_id: vault.id });
    const plain = vault.sealer.open({ table: 'audit_log', id: String(id), clear }, sealed as Uint8Array);
    expect(plain.changes).toEqual({ file, audit_seq: manifest.audit?.seq, digest: manifest.digest });
    await close();
    expect(told(await check(from.world, place))).toEqual([]);
  });

  test('of a vault that was a backup and was copied into place by hand is one too', async () => {
    await backup(from.world, place, file);
    const byHand = { ...place, path: join(folder, 'by-hand.db') };
    copyFileSync(file, byHand.path);
    const second = join(folder, 'second.db');
    await backup(from.world, byHand, second);
    expect(await verified(second, byHand)).toEqual([]);
  });

  test('never takes the place of a file, unless it is told to', async () => {
    writeFileSync(file, 'mine');
    const error = await refusal(backup(from.world, place, file));
    expect({ code: error.code, hint: error.hint }).toEqual({
      code: 'already_exists',
      hint: 'choose another name, or add --replace',
    });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    await backup(from.world, place, file, true);
    expect(readdirSync(folder)).toEqual(['backup.db']);
    expect(mode(file)).toBe('600');
    expect(await verified(file)).toEqual([]);
  });

  test('never takes the place of a file that came while it was made', async () => {
    const { vault, close } = await openLocal(from.world, place, owner);
    const late = backupVault(from.world, vault, file, {
      replace: false,
      steps: () => () => undefined,
      record: async () => writeFileSync(file, 'mine'),
    });
    expect((await refusal(late)).code).toBe('already_exists');
    await close();
    expect(readdirSync(folder)).toEqual(['backup.db']);
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  test('goes where a link leads to', async () => {
    writeFileSync(join(folder, 'real.db'), '');
    symlinkSync('real.db', file);
    await backup(from.world, place, file, true);
    expect(readdirSync(folder).sort()).toEqual(['backup.db', 'real.db']);
    expect(await verified(join(folder, 'real.db'))).toEqual([]);
  });

  test.each([
    ['the vault', (path: string) => path],
    ["the vault's log", (path: string) => `${path}-wal`],
    [
      'a link to the vault',
      (path: string) => {
        symlinkSync(path, file);
        return file;
      },
    ],
    [
      'another name of the vault',
      (path: string) => {
        linkSync(path, file);
        return file;
      },
    ],
  ])('never takes the place of %s', async (_, name) => {
    const before = contents(place.path);
    const error = await refusal(backup(from.world, place, name(place.path), true));
    expect({ code: error.code, message: error.message }).toEqual({
      code: 'usage',
      message: expect.stringMatching(/is the vault itself$/),
    });
    expect(contents(place.path)).toEqual(before);
  });

  test('never takes the place of another database in use', async () => {
    const other = from.cast();
    const { close } = await openLocal(from.world, other, owner);
    expect((await refusal(backup(from.world, place, other.path, true))).code).toBe('conflict');
    await close();
  });

  test('into a folder that is not there is refused', async () => {
    const error = await refusal(backup(from.world, place, join(folder, 'nowhere', 'b.db')));
    expect(error.code).toBe('usage');
  });

  test('that fails leaves nothing, and no record either where that is what failed', async () => {
    const { vault, close } = await openLocal(from.world, place, owner);
    const failing = backupVault(from.world, vault, file, {
      replace: false,
      steps: () => () => undefined,
      record: async () => {
        throw new Error('the log takes nothing');
      },
    });
    await expect(failing).rejects.toThrow('the log takes nothing');
    await close();
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each(['copying', 'reading the copy'])('that is interrupted while %s leaves nothing', async (when) => {
    let clean: (() => void) | undefined;
    const world: World = {
      ...from.world,
      onInterrupt: (run) => {
        clean = run;
        return () => undefined;
      },
    };
    const { vault, close } = await openLocal(from.world, place, owner);
    const seen: string[][] = [];
    const interrupted = backupVault(world, vault, file, {
      replace: false,
      steps: (what) => () => {
        if (what !== when || seen.length > 0) return;
        seen.push(readdirSync(folder));
        clean?.();
        seen.push(readdirSync(folder));
        throw new Error('interrupted');
      },
      record: async () => undefined,
    });
    await expect(interrupted).rejects.toThrow('interrupted');
    await close();
    expect(seen[0]?.[0]).toMatch(/^\.mobius-/);
    expect(seen[1]).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('that the disk has no room for leaves nothing, and says so', async () => {
    const key = place.keys.defaultKeyFile('');
    // 60 blocks of 1 KiB: less than the vault has.
    const through = ['bash', '-c', 'trap "" XFSZ; ulimit -f 60; exec "$@"', 'limited'];
    const { code, stdout } = await start(['backup', place.path, key, file], { through }).ended;
    expect({ code, said: JSON.parse(stdout).code }).toEqual({ code: 1, said: 'internal' });
    expect(readdirSync(folder)).toEqual([]);
    expect(told(await check(from.world, place))).toEqual([]);
  });
});

describe('while four others write', () => {
  test('it is made, and holds all that was reported before it began', async () => {
    const { call, close } = await openLocal(from.world, place, owner);
    // Several of the stretches that are copied at once, so that writers come in between.
    const filler = randomBytes(30_000).toString();
    for (let i = 0; i < 150; i++) {
      await call('principals.create', { name: `large ${i}`, metadata: { filler } });
    }
    await close();
    expect(statSync(place.path).size).toBeGreaterThan(8_000_000);
    const key = place.keys.defaultKeyFile('');
    const writers = ['a', 'b', 'c', 'd'].map((name) => start(['write', place.path, key, name]));
    const lines: string[] = [];
    for (const { process } of writers) {
      process.stdout?.on('data', (part) => lines.push(...String(part).split('\n').filter(Boolean)));
    }
    try {
      await Promise.all(writers.map((writer, at) => writer.said(`${'abcd'[at]} 5`)));
      for (let round = 0; round < 3; round++) {
        const reported = [...lines];
        await backup(from.world, place, file, true);
        const copy = { ...place, path: join(folder, `copy-${round}.db`) };
        copyFileSync(file, copy.path);
        expect(await verified(file)).toEqual([]);
        const opened = await openLocal(from.world, copy, owner);
        const names = new Set<string>();
        for (let cursor: string | undefined = ''; cursor !== undefined; ) {
          const page: { items: { name: string }[]; next_cursor?: string } = await opened.call('roles.list', {
            limit: 200,
            ...(cursor === '' ? {} : { cursor }),
          });
          for (const { name } of page.items) names.add(name);
          cursor = page.next_cursor;
        }
        await opened.close();
        expect(reported.filter((name) => !names.has(name))).toEqual([]);
        expect(reported.length).toBeGreaterThan(20);
      }
    } finally {
      for (const writer of writers) writer.process.kill('SIGKILL');
      await Promise.all(writers.map((writer) => writer.ended));
    }
    expect(told(await check(from.world, place))).toEqual([]);
  }, 120_000);
});

test('a copy ends, though somebody writes at its every step, and holds the state of its beginning', async () => {
  const db = await openSqlite(place.path);
  const others = new Sqlite(place.path);
  others.exec('create table filler (id text primary key, bytes blob)');
  const insert = others.prepare('insert into filler values (?, randomblob(3000))');
  others.transaction(() => {
    for (let i = 0; i < 4_000; i++) insert.run(`before ${i}`);
  })();
  let steps = 0;
  await db.copyTo(file, () => {
    insert.run(`meanwhile ${steps++}`);
    if (steps > 50) throw new Error('it begins anew for ever');
  });
  others.close();
  await db.close();
  expect(steps).toBeGreaterThan(3);
  expect(contents(file)?.filler).toHaveLength(4_000);
});

describe('verify', () => {
  beforeEach(async () => {
    await backup(from.world, place, file);
  });

  test('reads every record, and leaves the file as it is and nothing beside it', async () => {
    const before = readFileSync(file);
    const times = statSync(file).mtimeMs;
    const { report, manifest } = await verify(from.world, place, file);
    expect(report).toMatchObject({ ok: true, problems: [] });
    for (const [table, count] of Object.entries(report.checked)) expect(count).toBe(manifest?.tables[table]);
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(statSync(file).mtimeMs).toBe(times);
    expect(readdirSync(folder)).toEqual(['backup.db']);
    expect(leftInTemp()).toEqual([]);
  });

  test('leaves one as it is that somebody opened as a vault since', async () => {
    await (await openLocal(from.world, { ...place, path: file }, owner)).close();
    expect([...readFileSync(file).subarray(18, 20)]).toEqual([2, 2]);
    const before = readFileSync(file);
    expect(await verified(file)).toEqual([]);
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(folder)).toEqual(['backup.db']);
  });

  test('leaves nothing where it is interrupted', async () => {
    let seen: [string[], string[]] | undefined;
    const world: World = {
      ...from.world,
      onInterrupt: (clean) => {
        setImmediate(() => {
          const before = leftInTemp();
          clean();
          seen = [before, leftInTemp()];
        });
        return () => undefined;
      },
    };
    await verifyBackup(world, file, place.keys, bookkeepingOf(world), () => () => undefined).catch(() => undefined);
    expect(seen?.[0]).toHaveLength(1);
    expect(seen?.[1]).toEqual([]);
  });

  test('needs the key, and says what kind', async () => {
    const error = await refusal(verify(from.world, { ...place, keys: { defaultKeyFile: () => '/nowhere.key' } }, file));
    expect({ code: error.code, message: error.message, hint: error.hint }).toEqual({
      code: 'locked',
      message: 'the backup is locked: its key file "/nowhere.key" is not there',
      hint:
        'name what opens it: --key-file PATH or MOBIUS_VAULT_KEY_FILE; a backup opens with what opened the vault when ' +
        'it was made',
    });
  });

  test('opens an older backup with the older key file, after a re-key', async () => {
    const key = join(folder, 'vault.key');
    copyFileSync(place.keys.defaultKeyFile(''), key);
    const old = join(folder, 'old.key');
    copyFileSync(key, old);
    const mine = { ...place, keys: { defaultKeyFile: () => key } };
    const { vault, close } = await openLocal(from.world, mine, owner);
    await rekey(vault, from.world, {
      carried: [],
      keyFile: { path: key, slot: vault.unlocked.slot },
      onProgress: () => undefined,
      record: async () => undefined,
    });
    await close();
    expect((await refusal(verify(from.world, mine, file))).code).toBe('locked');
    expect(await verified(file, { ...mine, keys: { ...mine.keys, keyFile: old } })).toEqual([]);
    const newer = join(folder, 'newer.db');
    await backup(from.world, mine, newer);
    expect(await verified(newer, mine)).toEqual([]);
  });

  test.each([
    ['a copy of the vault', () => copyFileSync(place.path, file), 'backup_manifest: it is missing'],
    ['an empty file', () => writeFileSync(file, ''), "file: it is empty or another program's"],
    ['a text', () => writeFileSync(file, 'text\n'.repeat(1_000)), /^file: .*is no sound database/],
    ['noise', () => writeFileSync(file, randomBytes(50_000)), /^file: .*is no sound database/],
  ])('refuses %s', async (_, make, expected) => {
    make();
    const lines = await verified(file);
    expect(lines[0]).toMatch(expected);
    expect(lines.join()).not.toContain('mobius-verify-');
  });

  test.each([
    ['nothing', '/nowhere/backup.db', 'not_found'],
    ['a folder', '/tmp', 'usage'],
    ['a device', '/dev/zero', 'usage'],
  ])('refuses %s', async (_, path, code) => {
    expect((await refusal(verify(from.world, place, path))).code).toBe(code);
  });

  test('refuses one that was cut off, wherever', async () => {
    const { size } = statSync(file);
    for (const length of [
      1,
      99,
      100,
      4_095,
      4_096,
      4_097,
      ...Array.from({ length: 12 }, (_, i) => (size * (i + 1)) / 13),
      size - 1,
    ]) {
      const cut = join(folder, 'cut.db');
      copyFileSync(file, cut);
      truncateSync(cut, Math.floor(length));
      expect((await verified(cut)).length, `cut to ${length}`).toBeGreaterThan(0);
    }
  }, 60_000);

  test('refuses one in which any byte is another, or finds in it what was in it', async () => {
    const whole = readFileSync(file);
    const held = contents(file);
    let passed = 0;
    for (let round = 0; round < 200; round++) {
      const at = new DataView(randomBytes(4).buffer).getUint32(0) % whole.length;
      const [flip = 1] = randomBytes(1);
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ (flip || 1);
      const flipped = join(folder, 'flipped.db');
      writeFileSync(flipped, bytes);
      let ok = false;
      try {
        ok = (await verify(from.world, place, flipped)).report.ok;
      } catch (error) {
        if (!(error instanceof MobiusError)) throw error;
        expect(['locked', 'unsupported', 'internal'], `byte ${at} ^ ${flip}: ${error.message}`).toContain(error.code);
      }
      if (ok) {
        passed += 1;
        expect(contents(flipped), `byte ${at} ^ ${flip}`).toEqual(held);
      }
      expect(readFileSync(flipped).equals(bytes)).toBe(true);
      expect(readdirSync(folder).sort()).toEqual(['backup.db', 'flipped.db']);
    }
    expect(passed).toBeLessThan(190);
    expect(leftInTemp()).toEqual([]);
  }, 180_000);

  const tables = ['projects', 'principals', 'roles', 'role_assignments', 'api_keys', 'tags', 'audit_log', 'keyslots'];
  const duplicates: Record<string, string> = {
    tags: 'select resource_id, tag_index, zeroblob(32) from tags limit 1',
    api_keys: `select id || 'x', project_id, principal_id, null, zeroblob(32), expires_at, disabled_at, revoked_at,
      created_at, updated_at, last_used_at, sealed, null from api_keys limit 1`,
    audit_log: `select id || 'x', seq + 1, project_id, action, resource_type, resource_id, principal_id, credential_id,
      created_at, sealed, mac, hash from audit_log order by seq desc limit 1`,
    keyslots: "select id || 'x', kind, params, created_at, sealed from keyslots limit 1",
    projects: "select id || 'x', zeroblob(32), archived_at, created_at, updated_at, sealed, null from projects limit 1",
    principals: `select id || 'x', project_id, null, kind, owner_id, disabled_at, archived_at, created_at, updated_at,
      sealed, null, null from principals limit 1`,
    roles: "select id || 'x', project_id, zeroblob(32), created_at, updated_at, sealed from roles limit 1",
    role_assignments: `select id || 'x', project_id, principal_id, id, granted_by, created_at, sealed
      from role_assignments limit 1`,
  };

  /** Each alone is fine for SQLite, and is told of as what it is. */
  const byHand = (name: string, work: (sqlite: Sqlite.Database) => unknown, expected: RegExp): void => {
    test(`refuses one in which by hand ${name}`, async () => {
      edit(file, work);
      const { report } = await verify(from.world, place, file);
      expect(report.ok).toBe(false);
      expect(told(report).join('\n')).toMatch(expected);
    });
  };

  const otherDigest = /^backup_manifest: its digest is another/m;

  for (const table of tables) {
    byHand(
      `a row of ${table} was added`,
      (sqlite) => sqlite.exec(`insert into ${table} ${duplicates[table]}`),
      otherDigest,
    );
    if (table === 'keyslots') continue;
    byHand(
      `a row of ${table} was removed`,
      (sqlite) => sqlite.exec(`delete from ${table} where rowid = (select max(rowid) from ${table})`),
      new RegExp(`^${table}: it holds \\d+ rows, and held \\d+ when the backup was made`, 'm'),
    );
    byHand(
      `two rows of ${table} were swapped`,
      (sqlite) => {
        const id = table === 'tags' ? 'tag_index' : 'id';
        const ids = sqlite.prepare(`select distinct ${id} from ${table} order by rowid limit 2`).pluck().all();
        expect(ids).toHaveLength(2);
        const rename = sqlite.prepare(`update ${table} set ${id} = ? where ${id} = ?`);
        for (const [to, was] of [['swap', ids[0]], ids, [ids[1], 'swap']]) rename.run(to, was);
      },
      otherDigest,
    );
  }
  byHand(
    'the last use of a key was changed',
    (sqlite) => sqlite.exec('update api_keys set last_used_at = 5'),
    otherDigest,
  );
  byHand('the format was lowered', (sqlite) => sqlite.exec('update vault set format = 0'), otherDigest);
  byHand('the age was changed', (sqlite) => sqlite.exec('update vault set created_at = 5'), otherDigest);
  byHand(
    'the end of the log was cut off',
    (sqlite) => sqlite.exec('delete from audit_log where seq > 20'),
    /^audit_log: it ends/m,
  );
  byHand(
    'a table was added',
    (sqlite) => sqlite.exec('create table more (id text primary key)'),
    /^more: it holds 0 rows, and held none/m,
  );
  byHand(
    'a table without a key was added',
    (sqlite) => sqlite.exec('create table more (id text); insert into more values (1)'),
    /the table "more"/,
  );
  byHand('a table was removed', (sqlite) => sqlite.exec('drop table tags'), /^tags: it holds no rows, and held 11/m);
  byHand('an index was removed', (sqlite) => sqlite.exec('drop index principals_by_owner'), otherDigest);
  byHand('an index was added', (sqlite) => sqlite.exec('create index i on roles (created_at)'), otherDigest);
  byHand(
    'a trigger was added',
    (sqlite) => sqlite.exec('create trigger t after insert on audit_log begin delete from audit_log; end'),
    /^audit_log: it has a trigger/m,
  );
  byHand('a migration was noted', (sqlite) => sqlite.exec('update migrations set applied_at = 5'), otherDigest);

  const forged = /^backup_manifest: the manifest was not made by this vault, or was changed/m;
  byHand(
    'the manifest was changed',
    (sqlite) => {
      const { body } = sqlite.prepare('select body from backup_manifest').get() as { body: string };
      sqlite.prepare('update backup_manifest set body = ?').run(body.replace('"roles":3', '"roles":2'));
    },
    forged,
  );
  byHand('the MAC was removed', (sqlite) => sqlite.exec("update backup_manifest set mac = x''"), forged);
  byHand(
    'the manifest was removed',
    (sqlite) => sqlite.exec('delete from backup_manifest'),
    /^backup_manifest: there is not exactly one/m,
  );
  byHand(
    'the table of the manifest was removed',
    (sqlite) => sqlite.exec('drop table backup_manifest'),
    /^backup_manifest: it is missing/m,
  );
  byHand(
    'a second manifest was added',
    (sqlite) => sqlite.exec("insert into backup_manifest select 'more', body, mac from backup_manifest"),
    /^backup_manifest: there is not exactly one/m,
  );

  const manifestOf = (path: string): { body: string; mac: Buffer } =>
    edit(path, (sqlite) => sqlite.prepare('select body, mac from backup_manifest').get()) as {
      body: string;
      mac: Buffer;
    };
  const putManifest = ({ body, mac }: { body: string; mac: Buffer }): void =>
    edit(file, (sqlite) => void sqlite.prepare('update backup_manifest set body = ?, mac = ?').run(body, mac));

  test('refuses the manifest of another vault', async () => {
    const other = await mould();
    try {
      const foreign = join(folder, 'foreign.db');
      await backup(other.world, other.cast(), foreign);
      putManifest(manifestOf(foreign));
      expect((await verified(file)).join('\n')).toMatch(forged);
    } finally {
      other.remove();
    }
  });

  test('refuses the manifest of another backup of the same vault', async () => {
    const { call, close } = await openLocal(from.world, place, owner);
    await call('roles.create', { name: 'later', permissions: ['mobius.project.view'] });
    await close();
    const later = join(folder, 'later.db');
    await backup(from.world, place, later);
    putManifest(manifestOf(later));
    const lines = (await verified(file)).join('\n');
    expect(lines).toMatch(otherDigest);
    expect(lines).toMatch(/^roles: it holds 3 rows, and held 4 when/m);
    expect(lines).toMatch(/^audit_log: it ends elsewhere/m);
  });

  test('finds what was wrong with the vault itself, though the backup is what was made', async () => {
    edit(place.path, (sqlite) => sqlite.exec("delete from tags where resource_id like 'role_%'"));
    await backup(from.world, place, file, true);
    const lines = await verified(file);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^tags role_\w+: 2 of its 2 tags/);
  });
});

describe('before a migration', () => {
  const next = migrations.length + 1;
  const withMore = [...migrations, { id: next, sql: ['create table more (id text primary key)'] }];

  test('a copy of the vault as it was is put beside it', async () => {
    const db = await openSqlite(place.path);
    const backups: number[] = [];
    const apply = () =>
      migrate(db, withMore, {
        now: 1,
        backup: (id) => {
          backups.push(id);
          return keepBeforeMigration(from.world, db, id);
        },
      });
    await apply();
    await apply();
    await db.close();
    const kept = `${place.path}.before-migration-${next}`;
    expect(backups).toEqual([next]);
    expect(mode(kept)).toBe('600');
    expect([...readFileSync(kept).subarray(18, 20)]).toEqual([1, 1]);
    const { more, ...after } = contents(place.path) ?? {};
    const before = contents(kept);
    expect(more).toEqual([]);
    expect(before?.migrations).toHaveLength(migrations.length);
    expect({ ...after, migrations: [] }).toEqual({ ...before, migrations: [] });
    expect(told(await check(from.world, { ...place, path: kept }))).toEqual([]);
    expect(readdirSync(from.folder).filter((name) => name.startsWith('.mobius-'))).toEqual([]);
  });

  test('one that came too late is not put over the one from before', async () => {
    const db = await openSqlite(place.path);
    const kept = `${place.path}.before-migration-1`;
    await keepBeforeMigration(from.world, db, 1);
    expect(existsSync(kept)).toBe(false);
    await db.close();
    expect(readdirSync(from.folder).filter((name) => name.startsWith('.mobius-'))).toEqual([]);
  });
});
