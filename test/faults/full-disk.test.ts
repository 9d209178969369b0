import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Call } from '../../src/operations.ts';
import { asOwner, copySite, type Ended, filesOf, makeSite, problemsOf, run, type Site } from './machine.ts';

const kibibyte = 1024;
const folder = mkdtempSync(join(tmpdir(), 'mobius-full-'));
const disk = join(folder, 'disk');
mkdirSync(disk);

const mount = (...args: string[]): void => void execFileSync('mount', [...args, disk], { stdio: 'pipe' });
const unmount = (): void => void execFileSync('umount', [disk], { stdio: 'pipe' });

/** Why this machine can't have a small disk of its own; that takes a right that only root has. */
const reason = ((): string | undefined => {
  try {
    mount('-t', 'tmpfs', '-o', `size=${4 * kibibyte}k,mode=0700`, 'tmpfs');
    return undefined;
  } catch (error) {
    return String((error as { stderr?: Buffer }).stderr ?? error).trim();
  }
})();
if (reason !== undefined) process.stdout.write(`left out: a full and a read-only disk: ${reason}\n`);

let base: Site;
beforeAll(async () => {
  base = await makeSite(join(folder, 'base'));
  await run(base, ['vault', 'keyslots', 'add', 'recovery']);
});
afterAll(() => {
  if (reason === undefined) unmount();
  rmSync(folder, { recursive: true, force: true });
});

const ballast = join(disk, 'ballast');

/** Leaves so many bytes of room. */
const fill = (room: number): void => {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - room), 1));
};

interface Scenario {
  argv: readonly string[];
  /** Whether what was reported is there. */
  shows?(site: Site, ended: Ended, call: Call): Promise<boolean>;
  /** What it may leave besides what was there before. */
  leaves?: RegExp;
  /** Exit codes; 1 unless said. */
  codes?: readonly number[];
  /** Shows what a person must have before it is final, and says afterwards that it is not. */
  showsFirst?: true;
  again?: readonly number[];
}

const finds = (found: Promise<unknown>): Promise<boolean> =>
  found.then(
    () => true,
    () => false,
  );

const scenarios: Readonly<Record<string, Scenario>> = {
  'api-keys list': { argv: ['api-keys', 'list'] },
  'principals create': {
    argv: ['principals', 'create', 'new', '--role', 'Worker', '--tag', 'a=b', '--with-key'],
    shows: async (_, { stdout }, call) => {
      const { key } = JSON.parse(stdout) as { key: string };
      return (await call('api-keys.verify', { key })).valid;
    },
  },
  'api-keys create --out': {
    argv: ['api-keys', 'create', '--name', 'new', '--principal-id', 'one', '--out', 'new.key'],
    codes: [1, 2],
    shows: async ({ root }, _, call) =>
      existsSync(join(root, 'new.key')) && (await finds(call('api-keys.get', { id: 'new' }))),
  },
  'api-keys revoke': {
    argv: ['api-keys', 'revoke', 'one', '-o', 'pretty'],
    shows: async (_, __, call) => !(await finds(call('api-keys.get', { id: 'one' }))),
  },
  'secrets update': {
    argv: ['secrets', 'update', 'openai', '--set', 'key=fake-3'],
    shows: async (_, __, call) => (await call('secrets.get', { secret: 'openai' })).version === 3,
  },
  'vault keyslots add key-file': {
    argv: ['vault', 'keyslots', 'add', 'key-file', '--to', 'second.key'],
    shows: async (site) => (await run(site, ['api-keys', 'list', '--key-file', 'second.key'])).code === 0,
  },
  'vault rekey': {
    argv: ['vault', 'rekey', '--yes'],
    showsFirst: true,
    // The next key of the key file, which the same command takes up again.
    leaves: /\.key\.new$/,
  },
  'vault backup': {
    argv: ['vault', 'backup', 'copy.backup'],
    shows: async (site) => (await run(site, ['vault', 'backup', 'verify', 'copy.backup'])).code === 0,
  },
  'vault check': { argv: ['vault', 'check'] },
};

/** From what doesn't open the vault, over what ends in the middle of a transaction, to what is enough. */
const rooms = process.env.CI
  ? [...Array(32).keys()].map((i) => 4 * i).concat(160, 260, 400)
  : [0, 36, 44, 64, 160, 400];

const isSqlite = (path: string): boolean => /-(wal|shm|journal)$/.test(path);

const ended = { refused: 0, done: 0 };

/** In CI it fails where there is no such disk. */
describe.skipIf(reason !== undefined && !process.env.CI)('on a disk that', () => {
  beforeEach(() => {
    expect(reason).toBeUndefined();
  });

  test.each(Object.keys(scenarios))('is full: %s', { timeout: 300_000 }, async (name) => {
    const { argv, shows, leaves, codes = [1], showsFirst, again = [0] } = scenarios[name] as Scenario;
    for (const room of rooms) {
      const site = copySite(base, join(disk, 'site'));
      const before = filesOf(site);
      fill(room * kibibyte);
      const first = await run(site, argv);
      const where = `${name} with ${room} KiB left`;
      rmSync(ballast);
      expect(await problemsOf(site), where).toEqual([]);
      if (first.code === 0) {
        ended.done += 1;
        if (shows !== undefined) {
          expect(await asOwner(site, (call) => shows(site, first, call)), `${where} had reported`).toBe(true);
        }
      } else {
        ended.refused += 1;
        expect(codes, `${where}: ${first.stderr}`).toContain(first.code);
        expect(first.stderr, where).toMatch(/^(\{\s*"error": \{\s*"code": "(internal|usage)"|mobius: error: )/);
        expect(first.stderr, where).toMatch(/the disk is full|no space left/);
        if (showsFirst === undefined) expect(first.stdout, where).toBe('');
        const strange = filesOf(site).filter(
          (path) => !before.includes(path) && !isSqlite(path) && !leaves?.test(path),
        );
        expect(strange, `${where} has left`).toEqual([]);
        const second = await run(site, argv);
        expect(again, `${where}, and again with room: ${second.stderr}`).toContain(second.code);
        expect(await problemsOf(site), `${where}, and again with room`).toEqual([]);
      }
    }
  });

  test('is full refuses and takes, each at some level', () => {
    expect([ended.refused > 10, ended.done > 8]).toEqual([true, true]);
  });

  test('can only be read says so', { timeout: 60_000 }, async () => {
    const site = copySite(base, join(disk, 'site'));
    mount('-o', 'remount,ro');
    try {
      const lines = [
        ...Object.values(scenarios).map(({ argv }) => argv),
        ['vault', 'status'],
        ['vault', 'init', '--vault', 'another.db'],
      ];
      for (const argv of lines) {
        const { code, stdout, stderr } = await run(site, argv);
        expect({ argv, code: [1, 2].includes(code ?? 0), stdout }).toEqual({ argv, code: true, stdout: '' });
        expect(stderr, argv.join(' ')).toMatch(/read-only/);
        expect(stderr).not.toMatch(/\n\s+at /);
      }
    } finally {
      mount('-o', 'remount,rw');
    }
    expect(await problemsOf(site)).toEqual([]);
  });
});
