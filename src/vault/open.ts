import { existsSync, linkSync, mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { idPrefixes, typeId } from '../core/ids.ts';
import { loadSodium, randomBytes, type Sodium } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import type { Db, Query } from '../store/db.ts';
import { syncFolder } from '../store/files.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import type { Sealer } from '../store/sealer.ts';
import { openSqlite, type SqliteDb } from '../store/sqlite.ts';
import { isTime } from '../store/table.ts';
import { followingDb, holdRing, type Ring } from './following.ts';
import { newVaultKey, writeKeyFile } from './key-file.ts';
import { firstEpoch, makeKeyring } from './keyring.ts';
import { addKeyslot, type Keyslot, listKeyslots } from './keyslots.ts';
import { makeSealer } from './sealer.ts';
import { type SlotKind, slotKey } from './slot-keys.ts';
import { type KeySources, type Unlocked, unlock, unlockAgain } from './unlock.ts';

export const format = 1;

/** An open vault. `db` follows a re-key that another process makes; `file` is the engine beneath it. */
export interface Vault {
  id: string;
  createdAt: number;
  db: Db;
  file: SqliteDb;
  sealer: Sealer;
  sodium: Sodium;
  ring: Ring;
  unlocked: Omit<Unlocked, 'rootKey'>;
}

/** What the vault code needs of the world, beside the file system. */
export interface World {
  now(): number;
  newUuid(): Uint8Array;
  /** Forces a binding of libsodium. */
  sodium?: string;
  /** Runs `clean` if the process is interrupted before the returned function is called. */
  onInterrupt?(clean: () => void): () => void;
}

export interface Place {
  path: string;
  keys: KeySources;
}

/** What a new vault is to be opened with. */
export type FirstSlot = { kind: 'key-file' } | { kind: 'passphrase'; passphrase: string; params: string };

export interface Created {
  id: string;
  /** Absent where a passphrase opens it. */
  keyFile?: string;
}

/** SQLite would take the log of a vault that is gone for the new one's, and write its pages into it. */
const refuseStrayLog = (path: string): void => {
  const log = ['-wal', '-journal'].map((part) => `${path}${part}`).find((stray) => existsSync(stray));
  if (log === undefined) return;
  const hint = 'it may hold what the vault there did not: put that vault back, or move the log away';
  throw new MobiusError('conflict', `"${log}" is left of a vault that is gone`, {}, hint);
};

type Populate = (db: Db, sealer: Sealer, id: string) => Promise<void>;

/**
 * Makes a vault. It is built under another name, populated, and linked to its own name when it is whole: a killed
 * process leaves no half vault, and of two at once one makes it and the other is told.
 */
export const createVault = async (
  world: World,
  place: Place,
  first: FirstSlot,
  populate: Populate,
): Promise<Created> => {
  const exists = (): MobiusError => {
    const hint = 'look at it: mobius vault status';
    return new MobiusError('already_exists', `there is a vault at "${place.path}" already`, {}, hint);
  };
  if (existsSync(place.path)) throw exists();
  refuseStrayLog(place.path);
  const sodium = await loadSodium(world.sodium);
  const id = typeId(idPrefixes.vault, world.newUuid());
  mkdirSync(dirname(place.path), { recursive: true, mode: 0o700 });
  const draft = `${place.path}.${id}`;
  const keyFile = first.kind === 'key-file' ? (place.keys.keyFile ?? place.keys.defaultKeyFile(id)) : undefined;
  const secret = first.kind === 'key-file' ? newVaultKey() : first.passphrase;
  const params = first.kind === 'key-file' ? '{}' : first.params;
  if (keyFile !== undefined) writeKeyFile(keyFile, secret);
  try {
    await fill(world, sodium, draft, id, { kind: first.kind, params, secret }, populate);
    linkSync(draft, place.path);
    syncFolder(dirname(place.path));
  } catch (error) {
    if (keyFile !== undefined) rmSync(keyFile, { force: true });
    throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? exists() : error;
  } finally {
    for (const part of ['', '-wal', '-shm']) rmSync(`${draft}${part}`, { force: true });
  }
  return { id, ...(keyFile === undefined ? {} : { keyFile }) };
};

const fill = async (
  world: World,
  sodium: Sodium,
  path: string,
  id: string,
  { kind, params, secret }: { kind: SlotKind; params: string; secret: string },
  populate: Populate,
): Promise<void> => {
  const file = await openSqlite(path, { create: true });
  const now = world.now();
  const rootKey = randomBytes(32);
  try {
    await migrate(file, migrations, { now });
    const slot = { id: typeId(idPrefixes.keyslot, world.newUuid()), kind, params, created_at: now };
    const key = await slotKey(sodium, slot, secret);
    if (key === undefined) throw new MobiusError('internal', `this can't be what opens a ${kind} slot`);
    await file.tx('write', async (tx) => {
      await tx.run('insert into vault (id, format, epoch, created_at) values ($1, $2, $3, $4)', [
        id,
        format,
        firstEpoch,
        now,
      ]);
      await addKeyslot(tx, sodium, id, slot, key, rootKey);
      await makeKeyring(tx, sodium, id, rootKey);
    });
    sodium.wipe(key);
    const ring = await holdRing(file, sodium, id, rootKey);
    await populate(followingDb(file, ring), makeSealer(sodium, id, ring.keys), id);
    ring.wipe();
    // What is linked is the file alone. Closing would put the log into it too, but says nothing where the disk is full.
    if (!(await file.truncateLog())) throw new MobiusError('internal', `"${path}" could not be completed`);
  } finally {
    sodium.wipe(rootKey);
    await file.close();
  }
};

export interface Head {
  id: string;
  format: number;
  created_at: number;
  scrub_pending_at: number | null;
}

export const readHead = async (db: Query): Promise<Head> => {
  const head = await db.get<{ [K in keyof Head]: Head[K] }>(
    'select id, format, created_at, scrub_pending_at from vault',
  );
  if (head === undefined) throw new MobiusError('damaged', 'the file holds no vault');
  // The head is read before there is a key to check it with.
  if (typeof head.id !== 'string' || !Number.isInteger(head.format) || !isTime(head.created_at)) {
    throw new MobiusError('damaged', 'the head of the vault is damaged');
  }
  if (head.format > format) {
    throw new MobiusError('unsupported', 'the vault was written by a newer mobius', {}, 'update mobius');
  }
  return head;
};

/** Brings an existing vault to what this program knows. A copy of it as it was stays beside it. */
export const migrateVault = (world: World, file: SqliteDb): Promise<void> =>
  migrate(file, migrations, {
    now: world.now(),
    backup: async (id) => (await import('./before-migration.ts')).keepBeforeMigration(world, file, id),
  });

/** The vault in an open file, for one who has opened its root key. Closing its `db` closes the file. */
export const holdVault = async (
  file: SqliteDb,
  sodium: Sodium,
  { id, created_at: createdAt }: Head,
  { rootKey, ...unlocked }: Unlocked,
): Promise<Vault> => {
  const ring = await holdRing(file, sodium, id, rootKey, async (query) =>
    unlockAgain(sodium, id, await listKeyslots(query), unlocked),
  );
  return {
    id,
    createdAt,
    db: followingDb(file, ring),
    file,
    sealer: makeSealer(sodium, id, ring.keys),
    sodium,
    ring,
    unlocked,
  };
};

/**
 * A trigger planted in the file would run inside our own transactions: it could undo a revocation that is then reported
 * as done.
 */
const refuseTriggers = async (db: Query): Promise<void> => {
  const planted = await db.get<{ name: string }>("select name from sqlite_schema where type = 'trigger' limit 1");
  if (planted === undefined) return;
  throw new MobiusError('damaged', `the vault file holds a trigger, "${planted.name}", which mobius never makes`);
};

const mostTries = 5;

const spelled = (slots: readonly Keyslot[]): string =>
  slots.map(({ id, sealed }) => `${id} ${Buffer.from(sealed).toString('hex')}`).join('\n');

/** A re-key may end between reading the keyslots and opening one, or the keyring after it: then all is read once more. */
const unlockVault = async (file: SqliteDb, sodium: Sodium, head: Head, keys: KeySources): Promise<Vault> => {
  for (let tries = 1; ; tries++) {
    const slots = await listKeyslots(file);
    try {
      return await holdVault(file, sodium, head, await unlock(sodium, head.id, slots, keys));
    } catch (error) {
      if (tries === mostTries || spelled(await listKeyslots(file)) === spelled(slots)) throw error;
    }
  }
};

export const openVault = async (world: World, place: Place): Promise<Vault> => {
  const file = await openSqlite(place.path);
  try {
    await refuseTriggers(file);
    await migrateVault(world, file);
    const head = await readHead(file);
    const sodium = await loadSodium(world.sodium);
    return await unlockVault(file, sodium, head, place.keys);
  } catch (error) {
    await file.close();
    throw error;
  }
};
