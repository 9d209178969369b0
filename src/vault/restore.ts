import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { MobiusError } from '../errors.ts';
import { syncFile, syncFolder } from '../store/files.ts';
import { openSqlite, type SqliteDb } from '../store/sqlite.ts';
import { codeOf, translate } from '../store/sqlite-faults.ts';
import { adoptLog } from './audit-head.ts';
import { copyPrivately, examine, type Steps, sameFile } from './backup.ts';
import type { Bookkeeping } from './check.ts';
import { besides, type Draft, openDraft, realPlace } from './draft.ts';
import { listKeyslots } from './keyslots.ts';
import { dropManifest, type Manifest } from './manifest.ts';
import { type Place, requireFile, type Vault, type World } from './open.ts';
import { keyFileSlot } from './slots.ts';

export interface Restored {
  path: string;
  manifest: Manifest;
  /** Where the vault is that stood there before. */
  kept?: string;
  unlockedBy: string;
  /** Whether the next command opens it without being told with what. */
  opensByItself: boolean;
}

/** A command that is at work is waited for; a server that has the vault open is not. */
const patienceMs = 10_000;

const stamped = (path: string, now: number): string => {
  const name = `${path}.before-restore-${new Date(now).toISOString().replace(/[-:.]/g, '')}`;
  for (let count = 1; ; count++) {
    const free = count === 1 ? name : `${name}-${count}`;
    if (![free, ...besides.map((part) => `${free}${part}`)].some((one) => existsSync(one))) return free;
  }
};

/**
 * Puts a backup in the place of a vault, or where there is none, after all that is in it was looked at. Whenever the
 * process is killed, the old vault or the new one stands there, whole.
 */
export const restoreVault = async (
  world: World,
  place: Place,
  path: string,
  wish: { replace: boolean; steps: Steps; bookkeeping: Bookkeeping },
): Promise<Restored> => {
  requireFile(place);
  mkdirSync(dirname(place.path), { recursive: true, mode: 0o700 });
  const target = realPlace(place.path);
  if (sameFile(path, target)) throw new MobiusError('usage', `"${path}" is the vault itself`);
  if (!wish.replace) refuseThere(target);
  const draft = openDraft(world, target);
  try {
    await copyPrivately(path, draft.path);
    const { manifest, ...opening } = await makeReady(world, place, path, draft.path, wish);
    const kept = existsSync(target) ? await replaceVault(world, draft, target) : takePlace(world, draft, target);
    return { path: target, manifest, ...opening, ...(kept && { kept }) };
  } finally {
    draft.discard();
  }
};

const refuseThere = (path: string): void => {
  if (!existsSync(path)) return;
  const hint = 'add --replace: the vault that is there stays beside it, under another name';
  throw new MobiusError('already_exists', `there is a vault at "${path}" already`, {}, hint);
};

/** Makes of the copy of a backup the vault that it is a backup of. */
const makeReady = async (
  world: World,
  place: Place,
  shown: string,
  copy: string,
  { bookkeeping, steps }: { bookkeeping: Bookkeeping; steps: Steps },
): Promise<Pick<Restored, 'manifest' | 'unlockedBy' | 'opensByItself'>> => {
  const { report, manifest, vault } = await examine(world, copy, shown, place.keys, bookkeeping, steps);
  try {
    const [first] = report.problems;
    if (first !== undefined || manifest === undefined || vault === undefined) {
      throw new MobiusError(
        'damaged',
        `"${shown}" was not restored, it is damaged: ${first?.table ?? 'file'}: ${first?.problem ?? 'it has no manifest'}`,
        { problems: report.problems.slice(0, 20) },
        `see all that is wrong: mobius vault backup verify "${shown}"`,
      );
    }
    await adoptLog(vault);
    await vault.db.tx('write', async (tx) => {
      await dropManifest(tx);
      await bookkeeping.record(vault, tx, 'vault.restore', { file: shown, made_at: manifest.made_at });
    });
    return { manifest, unlockedBy: vault.unlocked.source, opensByItself: await opensByItself(vault, place) };
  } finally {
    await vault?.db.close();
  }
};

const opensByItself = async (vault: Vault, { keys }: Place): Promise<boolean> => {
  if (vault.unlocked.slot.kind === 'keychain') return true;
  const path = keys.defaultKeyFile(vault.id);
  try {
    return (await keyFileSlot(vault, await listKeyslots(vault.db), path)) !== undefined;
  } catch {
    // A key file that can't be read opens nothing.
    return false;
  }
};

/** A log without its vault would be taken for the new one's. */
const setAside = (target: string, kept: string): string | undefined => {
  let found: string | undefined;
  for (const part of besides) {
    if (!existsSync(`${target}${part}`)) continue;
    if (part === '-shm') {
      rmSync(`${target}${part}`);
    } else {
      renameSync(`${target}${part}`, `${kept}${part}`);
      found = kept;
    }
  }
  return found;
};

const takePlace = (world: World, draft: Draft, target: string): string | undefined => {
  const kept = setAside(target, stamped(target, world.now()));
  try {
    draft.place(false);
  } catch (error) {
    if (error instanceof MobiusError && error.code === 'already_exists') refuseThere(target);
    throw error;
  }
  return kept;
};

const replaceVault = async (world: World, draft: Draft, target: string): Promise<string> => {
  const kept = stamped(target, world.now());
  const old = await openOld(target);
  try {
    // As long as it is open nobody else has the old vault open, nor can open it: all that it holds is in its one file,
    // and no log lies beside it that could be taken for the new one's.
    if (old === undefined || !(await keepCopy(world, old, kept))) {
      await old?.close();
      keepUnreadable(target, kept);
    }
    try {
      draft.place(true);
    } catch (error) {
      if (old === undefined || !isHeldOpen(error)) throw error;
      await old.close();
      draft.place(true);
    }
    return kept;
  } finally {
    await old?.close();
  }
};

/** Windows gives no other file the name of one that is open, even by ourselves; nor by others, which protects them. */
const isHeldOpen = (error: unknown): boolean =>
  error instanceof MobiusError && ['EPERM', 'EACCES', 'EBUSY'].includes(codeOf(error.cause) ?? '');

/** False where too much of it is broken to be copied as a database. */
const keepCopy = async (world: World, old: SqliteDb, kept: string): Promise<boolean> => {
  const copy = openDraft(world, kept);
  try {
    await old.copyTo(copy.path);
    copy.place(false);
    return true;
  } catch (error) {
    if (error instanceof MobiusError && error.code === 'damaged') return false;
    throw error;
  } finally {
    copy.discard();
  }
};

/** Asked before SQLite is: opening what is none it would remove the log that lies beside it. */
const beginsAsDatabase = (path: string): boolean => {
  const magic = 'SQLite format 3\0';
  const bytes = Buffer.alloc(magic.length);
  const descriptor = openSync(path, 'r');
  try {
    readSync(descriptor, bytes);
  } finally {
    closeSync(descriptor);
  }
  return bytes.toString('latin1') === magic;
};

/** Undefined where what is there is no database any more, and can't be locked nor copied as one. */
const openOld = async (target: string): Promise<SqliteDb | undefined> => {
  if (!beginsAsDatabase(target)) return undefined;
  try {
    return await openSqlite(target, { alone: true, busyMs: patienceMs });
  } catch (error) {
    if (!(error instanceof MobiusError)) throw error;
    if (error.code === 'damaged') return undefined;
    if (error.code === 'not_initialised') {
      throw new MobiusError('conflict', `"${target}" is another program's file`, {}, 'name another --vault');
    }
    if (error.code !== 'service_unavailable') throw error;
    const hint = 'end what has it open, such as mobius serve, and run it again';
    throw new MobiusError('service_unavailable', error.message, {}, hint);
  }
};

/** As it is, with its log: whatever can still be had out of it. */
const keepUnreadable = (target: string, kept: string): void => {
  try {
    for (const part of ['', '-wal', '-journal']) {
      if (!existsSync(`${target}${part}`)) continue;
      copyFileSync(`${target}${part}`, `${kept}${part}`, constants.COPYFILE_EXCL);
      chmodSync(`${kept}${part}`, 0o600);
      syncFile(`${kept}${part}`);
    }
    syncFolder(dirname(kept));
  } catch (error) {
    throw translate(error, kept);
  }
  for (const part of besides) rmSync(`${target}${part}`, { force: true });
};
