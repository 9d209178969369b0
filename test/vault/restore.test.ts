import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openLocal } from '../../src/calls/local.ts';
import { randomBytes } from '../../src/crypto.ts';
import type { Place, Vault } from '../../src/vault/open.ts';
import { rekey } from '../../src/vault/rekey.ts';
import { owner, refusal } from '../core/world.ts';
import { killer, linesOf } from '../faults/machine.ts';
import { children, type Start } from '../store/processes.ts';
import { backup, check, contents, edit, type Mould, mould, restore, told, verify } from './keeping.ts';

let from: Mould;
let start: Start;
/** A backup that is whole, and the contents of the vault that it was made of. */
let good: string;
let held: Record<string, string[]>;
beforeAll(async () => {
  from = await mould();
  start = await children(from.folder, 'test/vault/child.ts');
  const source = from.cast();
  held = contents(source.path) ?? {};
  good = join(from.folder, 'good.db');
  await backup(from.world, source, good);
});
afterAll(() => from.remove());

/** An empty folder for a vault, and a place in it. */
let folder: string;
let place: Place;
let key: string;
let folders = 0;
beforeEach(() => {
  folder = join(from.folder, `restores-${folders++}`);
  mkdirSync(folder);
  const { keys } = from.cast();
  place = { path: join(folder, 'vault.db'), keys };
  key = keys.defaultKeyFile('');
});

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

/** A vault like the one of the backup, with one role more. */
const putOld = async (): Promise<void> => {
  copyFileSync(from.cast().path, place.path);
  await add('old');
};

const add = async (name: string, at = place): Promise<void> => {
  const { call, close } = await openLocal(from.world, at, owner);
  await call('roles.create', { name, permissions: ['mobius.project.view'] });
  await close();
};

const rolesOf = async (at: Place): Promise<string[]> => {
  const { call, close } = await openLocal(from.world, at, owner);
  try {
    const names: string[] = [];
    let cursor: string | undefined;
    do {
      const page: { items: { name: string; system_defined: boolean }[]; next_cursor?: string } = await call(
        'roles.list',
        { limit: 200, ...(cursor === undefined ? {} : { cursor }) },
      );
      names.push(...page.items.filter((role) => !role.system_defined).map(({ name }) => name));
      cursor = page.next_cursor;
    } while (cursor !== undefined);
    return names.sort();
  } finally {
    await close();
  }
};

const sound = async (at = place): Promise<void> => expect(told(await check(from.world, at))).toEqual([]);

/** All that the backup held is there, and only the record of the restoring is more. */
const isRestored = (path: string): void => {
  const { audit_log: log = [], audit_marks: marks = [], ...rest } = contents(path) ?? {};
  const { audit_log: before = [], audit_marks: _, ...others } = held;
  expect(rest).toEqual(others);
  expect(log.slice(0, -1)).toEqual(before);
  expect(JSON.parse(log.at(-1) ?? '')).toMatchObject({ action: 'vault.restore', resource_type: 'vault' });
  expect(marks.map((mark) => JSON.parse(mark).seq)).toEqual([log.length]);
};

describe('a backup is restored', () => {
  test('where there is no vault', async () => {
    const { path, kept, opensByItself, manifest } = await restore(from.world, place, good);
    expect({ path, kept, opensByItself }).toEqual({ path: place.path, kept: undefined, opensByItself: true });
    expect(manifest.tables.roles).toBe(3);
    expect(readdirSync(folder)).toEqual(['vault.db']);
    expect(mode(path)).toBe('600');
    isRestored(path);
    await sound();
    await add('new');
    expect(await rolesOf(place)).toEqual(['big', 'new', 'small']);
    await sound();
  });

  test('where there is not even a folder', async () => {
    const deep = { ...place, path: join(folder, 'a', 'b', 'vault.db') };
    await restore(from.world, deep, good);
    expect(mode(join(folder, 'a'))).toBe('700');
    isRestored(deep.path);
  });

  test('never in the place of a vault, unless it is told to', async () => {
    await putOld();
    const before = contents(place.path);
    const error = await refusal(restore(from.world, place, good));
    expect(error.code).toBe('already_exists');
    expect(error.hint).toContain('--replace');
    expect(contents(place.path)).toEqual(before);
    expect(readdirSync(folder)).toEqual(['vault.db']);
  });

  test('in the place of a vault, which stays beside it', async () => {
    await putOld();
    const before = contents(place.path);
    const { kept = '' } = await restore(from.world, place, good, true);
    expect(basename(kept)).toMatch(/^vault\.db\.before-restore-\d{8}T\d{9}Z$/);
    expect(readdirSync(folder).sort()).toEqual(['vault.db', basename(kept)]);
    expect([mode(place.path), mode(kept)]).toEqual(['600', '600']);
    expect(contents(kept)).toEqual(before);
    isRestored(place.path);
    await sound();
    const old = { ...place, path: kept };
    await sound(old);
    expect(await rolesOf(old)).toEqual(['big', 'old', 'small']);
  });

  test('twice in a moment, and both that were there stay', async () => {
    await putOld();
    const first = await restore(from.world, place, good, true);
    await add('between');
    const second = await restore(from.world, place, good, true);
    expect(second.kept).toBe(`${first.kept}-2`);
    expect(await rolesOf({ ...place, path: first.kept ?? '' })).toEqual(['big', 'old', 'small']);
    expect(await rolesOf({ ...place, path: second.kept ?? '' })).toEqual(['between', 'big', 'small']);
  });

  test('where a link leads to: the link stays one', async () => {
    await putOld();
    mkdirSync(join(folder, 'real'));
    renameSync(place.path, join(folder, 'real', 'vault.db'));
    symlinkSync(join('real', 'vault.db'), place.path);
    const { path, kept = '' } = await restore(from.world, place, good, true);
    expect(path).toBe(join(folder, 'real', 'vault.db'));
    expect(readlinkSync(place.path)).toBe(join('real', 'vault.db'));
    expect(readdirSync(folder).sort()).toEqual(['real', 'vault.db']);
    isRestored(path);
    expect(await rolesOf({ ...place, path: kept })).toEqual(['big', 'old', 'small']);
  });

  test('over one whose writer was killed: what lay in its log is in what is kept', async () => {
    copyFileSync(from.cast().path, place.path);
    const writer = start(['write', place.path, key, 'w']);
    await writer.said('w 20');
    writer.process.kill('SIGKILL');
    const { stdout } = await writer.ended;
    const reported = stdout.split('\n').filter((line) => /^w \d+$/.test(line));
    expect(statSync(`${place.path}-wal`).size).toBeGreaterThan(0);
    const { kept = '' } = await restore(from.world, place, good, true);
    expect(readdirSync(folder).sort()).toEqual(['vault.db', basename(kept)]);
    isRestored(place.path);
    await sound();
    const roles = await rolesOf({ ...place, path: kept });
    expect(reported.filter((name) => !roles.includes(name))).toEqual([]);
  });

  test("where a log was left without its vault, which must not be taken for the new one's", async () => {
    copyFileSync(from.cast().path, place.path);
    const writer = start(['write', place.path, key, 'w']);
    await writer.said('w 20');
    writer.process.kill('SIGKILL');
    await writer.ended;
    rmSync(place.path);
    const log = readFileSync(`${place.path}-wal`);
    const { kept } = await restore(from.world, place, good);
    expect(readdirSync(folder).sort()).toEqual(['vault.db', `${basename(kept ?? '')}-wal`]);
    expect(readFileSync(`${kept}-wal`).equals(log)).toBe(true);
    isRestored(place.path);
    await sound();
  });
});

describe('what is wrong with the backup keeps it from being restored:', () => {
  const refusedOf = async (path: string, at = place) => {
    await putOld();
    const before = contents(place.path);
    const error = await refusal(restore(from.world, at, path, true));
    expect(contents(place.path)).toEqual(before);
    expect(readdirSync(folder).filter((name) => /mobius|restore/.test(name))).toEqual([]);
    return error;
  };

  test('a row that was changed', async () => {
    const path = join(folder, 'bad.db');
    copyFileSync(good, path);
    edit(path, (file) => file.exec('update roles set updated_at = 5 where rowid = 1'));
    const error = await refusedOf(path);
    expect(error.code).toBe('damaged');
    expect(error.message).toContain(`"${path}" was not restored`);
    expect(error.hint).toBe(`see all that is wrong: mobius vault backup verify "${path}"`);
  });

  test('a missing manifest', async () => {
    expect((await refusedOf(from.cast().path)).message).toContain('none that "mobius vault backup" made');
  });

  test('noise', async () => {
    const path = join(folder, 'noise.db');
    writeFileSync(path, randomBytes(9_000));
    expect((await refusedOf(path)).code).toBe('damaged');
  });

  test('nothing there', async () => {
    expect((await refusedOf('/nowhere/backup.db')).code).toBe('not_found');
  });

  test('a key that is not there', async () => {
    const error = await refusedOf(good, { ...place, keys: { defaultKeyFile: () => '/nowhere.key' } });
    expect({ code: error.code, message: error.message }).toEqual({
      code: 'locked',
      message: 'the backup is locked: its key file "/nowhere.key" is not there',
    });
    expect(error.hint).toContain('--key-file PATH');
  });

  test('being the vault itself', async () => {
    expect((await refusedOf(place.path)).code).toBe('usage');
  });
});

test('an older backup needs the older key file, before and after', async () => {
  copyFileSync(from.cast().path, place.path);
  const [today, old] = [join(folder, 'vault.key'), join(folder, 'old.key')];
  copyFileSync(key, today);
  copyFileSync(key, old);
  const mine = { ...place, keys: { defaultKeyFile: () => today } };
  const { vault, close } = await openLocal(from.world, mine, owner);
  await rekey(vault, from.world, {
    carried: [],
    keyFile: { path: today, slot: vault.unlocked.slot },
    onProgress: () => undefined,
    record: async () => undefined,
  });
  await close();
  const error = await refusal(restore(from.world, mine, good, true));
  expect(error.message).toBe(`the backup is locked: its key file "${today}" doesn't open it`);
  const withOld = { ...mine, keys: { ...mine.keys, keyFile: old } };
  const { opensByItself, unlockedBy, kept = '' } = await restore(from.world, withOld, good, true);
  expect({ opensByItself, unlockedBy }).toEqual({ opensByItself: false, unlockedBy: `key file "${old}"` });
  await sound(withOld);
  await sound({ ...mine, path: kept });
  expect((await refusal(check(from.world, mine))).code).toBe('locked');
});

test('a backup of a vault in the middle of a re-key goes on with it where it is restored', async () => {
  const source = from.cast();
  const mine = join(folder, 'vault.key');
  copyFileSync(key, mine);
  const keys = { defaultKeyFile: () => mine };
  const wish = (vault: Vault, onProgress: () => void) => ({
    carried: [],
    keyFile: { path: mine, slot: vault.unlocked.slot },
    onProgress,
    record: async () => undefined,
  });
  const { vault, close } = await openLocal(from.world, { ...source, keys }, owner);
  const interrupted = rekey(
    vault,
    from.world,
    wish(vault, () => {
      throw new Error('interrupted');
    }),
  );
  await expect(interrupted).rejects.toThrow('interrupted');
  await close();
  const file = join(folder, 'b.db');
  await backup(from.world, { ...source, keys }, file);
  await restore(from.world, { ...place, keys }, file);
  const there = await openLocal(from.world, { ...place, keys }, owner);
  await rekey(
    there.vault,
    from.world,
    wish(there.vault, () => undefined),
  );
  await there.close();
  const report = await check(from.world, { ...place, keys });
  expect(report).toMatchObject({ ok: true, problems: [], remarks: [] });
  expect(report.checked.roles).toBe(3);
});

describe('what stands in the place is damaged:', () => {
  test.each([
    ['empty', (path: string) => writeFileSync(path, '')],
    ['noise', (path: string) => writeFileSync(path, randomBytes(9_000))],
    ['cut off', (path: string) => truncateSync(path, 30_000)],
    ['cut off in a page', (path: string) => truncateSync(path, 30_001)],
    ['without its first page', (path: string) => writeFileSync(path, readFileSync(path).fill(0, 0, 4_096))],
    ['without its middle', (path: string) => writeFileSync(path, readFileSync(path).fill(7, 20_000, 90_000))],
  ])('%s', async (_, damage) => {
    await putOld();
    damage(place.path);
    const before = readFileSync(place.path);
    const { kept = '' } = await restore(from.world, place, good, true);
    isRestored(place.path);
    await sound();
    // What SQLite could still copy it may have mended in its header.
    expect(readFileSync(kept).subarray(4_096, 30_000).equals(before.subarray(4_096, 30_000))).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['vault.db', basename(kept)]);
  });

  test("a log beside it stays with it, and is not taken for the new one's", async () => {
    copyFileSync(from.cast().path, place.path);
    const writer = start(['write', place.path, key, 'w']);
    await writer.said('w 20');
    writer.process.kill('SIGKILL');
    await writer.ended;
    const log = readFileSync(`${place.path}-wal`);
    writeFileSync(place.path, randomBytes(9_000));
    const { kept = '' } = await restore(from.world, place, good, true);
    isRestored(place.path);
    await sound();
    expect(readFileSync(`${kept}-wal`).equals(log)).toBe(true);
    expect(readdirSync(folder).filter((name) => name.startsWith('vault.db-'))).toEqual([]);
  });

  test('a log beside it that is damaged too is kept as it is', async () => {
    const [main, log] = [randomBytes(9_000), randomBytes(9_000)];
    writeFileSync(place.path, main);
    writeFileSync(`${place.path}-wal`, log);
    const { kept = '' } = await restore(from.world, place, good, true);
    expect(readdirSync(folder).sort()).toEqual(['vault.db', basename(kept), `${basename(kept)}-wal`]);
    expect(readFileSync(kept).equals(main)).toBe(true);
    expect(readFileSync(`${kept}-wal`).equals(log)).toBe(true);
    expect([mode(kept), mode(`${kept}-wal`)]).toEqual(['600', '600']);
    isRestored(place.path);
  });

  test("another program's database is left alone", async () => {
    const other = new Sqlite(place.path);
    other.exec('create table theirs (id text)');
    other.close();
    const before = readFileSync(place.path);
    expect((await refusal(restore(from.world, place, good, true))).code).toBe('conflict');
    expect(readFileSync(place.path).equals(before)).toBe(true);
    expect(readdirSync(folder)).toEqual(['vault.db']);
  });
});

describe('others', () => {
  test('who have the vault open keep it, and nothing changes', async () => {
    await putOld();
    const holder = start(['hold', place.path, key]);
    await holder.said('holding');
    const before = contents(place.path);
    const error = await refusal(restore(from.world, place, good, true));
    expect({ code: error.code, hint: error.hint }).toEqual({
      code: 'service_unavailable',
      hint: 'end what has it open, such as mobius serve, and run it again',
    });
    expect(contents(place.path)).toEqual(before);
    expect(readdirSync(folder).filter((name) => /mobius|restore/.test(name))).toEqual([]);
    holder.process.kill('SIGKILL');
    await holder.ended;
    await restore(from.world, place, good, true);
    isRestored(place.path);
  }, 60_000);

  test('who come and go lose nothing: what they were told is in the new vault or in the kept one', async () => {
    await putOld();
    const crowd = (async () => {
      const ended: { stdout: string; name: string }[] = [];
      for (let round = 0; round < 5; round++) {
        const names = [0, 1, 2].map((at) => `crowd ${round} ${at}`);
        const all = names.map((name) => start(['add', place.path, key, name]).ended.then((end) => ({ ...end, name })));
        ended.push(...(await Promise.all(all)));
      }
      return ended;
    })();
    const { code, stdout } = await start(['restore', place.path, key, good, 'replace']).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'restored\n' });
    const added = await crowd;
    expect(added.filter((end) => end.stdout !== 'added\n')).toEqual([]);
    const kept = readdirSync(folder).find((name) => /before-restore-\w+$/.test(name)) ?? '';
    const [now, before] = [await rolesOf(place), await rolesOf({ ...place, path: join(folder, kept) })];
    const both = [...now, ...before];
    expect(added.filter(({ name }) => !both.includes(name))).toEqual([]);
    expect(now).not.toContain('old');
    await sound();
    await sound({ ...place, path: join(folder, kept) });
  }, 60_000);

  const strace = spawnSync('strace', ['-V']).status === 0;

  test.runIf(strace)(
    'systems that give nothing the name of an open file are no obstacle',
    async () => {
      await putOld();
      const through = [
        'strace',
        '-f',
        '-o',
        '/dev/null',
        '-e',
        'trace=rename',
        '-e',
        'inject=rename:error=EBUSY:when=1',
      ];
      const { stdout } = await start(['restore', place.path, key, good, 'replace'], { through }).ended;
      expect(stdout).toBe('restored\n');
      isRestored(place.path);
      await sound();
      const always = through.map((word) => word.replace(':when=1', ''));
      const before = contents(place.path);
      const failed = await start(['restore', place.path, key, good, 'replace'], { through: always }).ended;
      expect(JSON.parse(failed.stdout).code).toBe('internal');
      expect(contents(place.path)).toEqual(before);
    },
    60_000,
  );

  /**
   * It has opened the old file and not yet locked it when the new one takes its place and others begin to write to that.
   * Going on with the old file it would take the new one's log for its own.
   */
  test.runIf(strace)(
    'who are between opening the file and locking it end up in the new one',
    async () => {
      await putOld();
      const old = await openLocal(from.world, place, owner);
      for (let i = 0; i < 50; i++) await old.call('principals.create', { name: `old ${i}` });
      await old.close();
      const trace = join(folder, 'trace');
      const through = ['strace', '-f', '-o', trace, '-P', place.path, '-e', 'trace=fcntl'];
      const late = start(['enrol', place.path, key, 'late'], {
        through: [...through, '-e', 'inject=fcntl:delay_enter=6000000:when=1'],
      });
      const opened = async (): Promise<void> => {
        while (!(existsSync(trace) && readFileSync(trace, 'utf8').includes('fcntl('))) {
          await new Promise((done) => setTimeout(done, 20));
        }
      };
      await opened();
      await restore(from.world, place, good, true);
      const writer = start(['write', place.path, key, 'w']);
      await writer.said('w 3');
      expect(readFileSync(trace, 'utf8').match(/fcntl/g)).toHaveLength(1);
      const { stdout } = await late.ended;
      expect(stdout).toBe('enrolled\n');
      await writer.said('w 100');
      writer.process.kill('SIGKILL');
      const reported = (await writer.ended).stdout.split('\n').filter((line) => /^w \d+$/.test(line));
      await sound();
      const roles = await rolesOf(place);
      expect(reported.filter((name) => !roles.includes(name))).toEqual([]);
      const { call, close } = await openLocal(from.world, place, owner);
      const names = (await call('principals.list', { include_disabled: true })).items.map(({ name }) => name);
      await close();
      expect(names).toContain('late');
      expect(names.filter((name) => name.startsWith('old'))).toEqual([]);
    },
    60_000,
  );
});

describe.runIf(killer !== undefined)('killed at a change of a file', () => {
  const preloaded = (fault: Record<string, string>) => ({
    env: { PATH: process.env.PATH, LD_PRELOAD: killer, FAULT_DIR: folder, ...fault },
  });

  /** Every one of the last changes, in which names are given, and some of the many pages before them. */
  const moments = async (step: number, argv: string[]): Promise<number[]> => {
    const trace = join(from.folder, 'changes');
    rmSync(trace, { force: true });
    expect((await start(argv, preloaded({ FAULT_TRACE: trace })).ended).code).toBe(0);
    const changes = linesOf(trace).length;
    expect(changes).toBeGreaterThan(50);
    return Array.from({ length: changes }, (_, i) => i + 1).filter((at) => at % step === 0 || at > changes - 30);
  };

  const killedAt = async (at: number, torn: boolean, args: string[]): Promise<void> => {
    const fault = { FAULT_AT: String(at), ...(torn ? { FAULT_TORN: '1' } : {}) };
    expect((await start(args, preloaded(fault)).ended).signal, `at change ${at}`).toBe('SIGKILL');
  };

  test.each([
    [false, 4],
    [true, 9],
  ])(
    'the old vault or the new one is there, whole (torn writes: %s)',
    async (torn, step) => {
      copyFileSync(from.cast().path, place.path);
      // The last writer was killed too, so a part of the old vault lies in its log.
      const writer = start(['write', place.path, key, 'w']);
      await writer.said('w 0');
      writer.process.kill('SIGKILL');
      await writer.ended;
      const files = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))] as const);
      const again = (): void => {
        for (const name of readdirSync(folder)) rmSync(join(folder, name));
        for (const [name, bytes] of files) {
          if (!name.endsWith('-shm')) writeFileSync(join(folder, name), bytes, { mode: 0o600 });
        }
      };
      const argv = ['restore', place.path, key, good, 'replace'];
      again();
      const seen = { old: 0, fresh: 0 };
      for (const at of await moments(step, argv)) {
        again();
        await killedAt(at, torn, argv);
        const what = `killed at change ${at}`;
        expect(existsSync(place.path), what).toBe(true);
        expect(told(await check(from.world, place)), what).toEqual([]);
        const roles = await rolesOf(place);
        const isOld = roles.includes('w 0');
        expect(
          roles.filter((name) => !name.startsWith('w ')),
          what,
        ).toEqual(['big', 'small']);
        seen[isOld ? 'old' : 'fresh'] += 1;
        if (!isOld) {
          const kept = readdirSync(folder).find((name) => /before-restore-\w+$/.test(name)) ?? '';
          const old = { ...place, path: join(folder, kept) };
          expect(told(await check(from.world, old)), what).toEqual([]);
          expect(await rolesOf(old), what).toContain('w 0');
        }
        await restore(from.world, place, good, true);
        expect(await rolesOf(place), what).toEqual(['big', 'small']);
      }
      // Before and after the one moment in which it changes.
      expect(seen.old).toBeGreaterThan(20);
      expect(seen.fresh).toBeGreaterThan(0);
      await sound();
    },
    240_000,
  );

  test('a backup leaves the file of before or the new one, whole', async () => {
    const original = from.cast().path;
    const file = join(folder, 'b.db');
    const argv = ['backup', place.path, key, file];
    const again = (): void => {
      for (const name of readdirSync(folder)) rmSync(join(folder, name));
      copyFileSync(original, place.path);
      copyFileSync(good, file);
    };
    again();
    const seen = { before: 0, made: 0 };
    for (const at of await moments(9, argv)) {
      again();
      await killedAt(at, true, argv);
      seen[readFileSync(file).equals(readFileSync(good)) ? 'before' : 'made'] += 1;
      expect(told((await verify(from.world, place, file)).report), `killed at change ${at}`).toEqual([]);
      expect(told(await check(from.world, place)), `killed at change ${at}`).toEqual([]);
    }
    expect(seen.before).toBeGreaterThan(20);
    expect(seen.made).toBeGreaterThan(0);
  }, 240_000);
});
