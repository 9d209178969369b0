import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { bookkeepingOf, openLocal } from '../../src/calls/local.ts';
import { type Backup, backupVault, verifyBackup } from '../../src/vault/backup.ts';
import { checkVault } from '../../src/vault/check.ts';
import type { Manifest } from '../../src/vault/manifest.ts';
import type { Place, World } from '../../src/vault/open.ts';
import type { Report } from '../../src/vault/report.ts';
import { type Restored, restoreVault } from '../../src/vault/restore.ts';
import { furnish } from './readings.ts';

const steps = () => () => undefined;

export const check = (world: World, place: Place): Promise<Report> =>
  checkVault(world, place, bookkeepingOf(world), () => undefined);

export const backup = async (world: World, place: Place, path: string, replace = false): Promise<Backup> => {
  const { vault, record, close } = await openLocal(world, place, { kind: 'owner' });
  try {
    return await backupVault(world, vault, path, {
      replace,
      steps,
      record: (tx, changes) => record(tx, 'vault.backup', { type: 'vault', id: vault.id, changes }),
    });
  } finally {
    await close();
  }
};

export const verify = (world: World, place: Place, path: string): Promise<{ report: Report; manifest?: Manifest }> =>
  verifyBackup(world, path, place.keys, bookkeepingOf(world), steps);

export const restore = (world: World, place: Place, path: string, replace = false): Promise<Restored> =>
  restoreVault(world, place, path, { replace, steps, bookkeeping: bookkeepingOf(world) });

/** In one line each, for comparing. */
export const told = ({ problems }: Report): string[] =>
  problems.map(({ table, id, problem }) => `${table}${id === undefined ? '' : ` ${id}`}: ${problem}`);

/** What somebody can do who has a file alone: any SQL, with nothing checked. */
export const edit = <T>(path: string, work: (file: Sqlite.Database) => T): T => {
  const file = new Sqlite(path);
  try {
    file.pragma('foreign_keys = off');
    return work(file);
  } finally {
    file.close();
  }
};

/** Every row as it is stored, by table; undefined where they can't be read. */
export const contents = (path: string): Record<string, string[]> | undefined => {
  try {
    return edit(path, (file) => {
      const names = file.prepare("select name from sqlite_schema where type = 'table' order by 1").pluck().all();
      const rows = (name: string) => file.prepare(`select * from "${name}" order by rowid`).all();
      return Object.fromEntries(
        (names as string[]).map((name) => [name, rows(name).map((row) => JSON.stringify(row))]),
      );
    });
  } catch {
    return undefined;
  }
};

/** A furnished vault that nobody has open, of which each test gets a copy. */
export interface Mould {
  folder: string;
  world: World;
  /** A copy of the vault, with the keys of the first. */
  cast(): Place;
  remove(): void;
}

export const mould = async (): Promise<Mould> => {
  const { vault } = await furnish();
  const folder = mkdtempSync(join(tmpdir(), 'mobius-keeping-'));
  const original = join(folder, 'original.db');
  await vault.vault.file?.copyTo(original);
  const key = join(folder, 'original.key');
  copyFileSync(vault.place.keys.defaultKeyFile(vault.vault.id), key);
  await vault.close();
  edit(original, (file) => file.pragma('journal_mode = delete'));
  let count = 0;
  return {
    folder,
    world: vault.world,
    cast() {
      const path = join(folder, `vault-${++count}.db`);
      copyFileSync(original, path);
      return { path, keys: { defaultKeyFile: () => key } };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
};
