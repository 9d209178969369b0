import { existsSync, linkSync, mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { idPrefixes, typeId } from '../core/ids.ts';
import { loadSodium, randomBytes, type Sodium } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import type { Db } from '../store/db.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import type { Sealer } from '../store/sealer.ts';
import { openSqlite } from '../store/sqlite.ts';
import { isTime } from '../store/table.ts';
import { newVaultKey, slotKeyOf, writeKeyFile } from './key-file.ts';
import { makeKeyring, openKeyring } from './keyring.ts';
import { addKeyslot, listKeyslots } from './keyslots.ts';
import { makeSealer } from './sealer.ts';
import { type KeySources, type Unlocked, unlock } from './unlock.ts';

export const format = 1;

export interface Vault {
  id: string;
  createdAt: number;
  db: Db;
  sealer: Sealer;
  unlockedBy: string;
}

/** What the vault code needs of the world, beside the file system. */
export interface World {
  now(): number;
  newUuid(): Uint8Array;
  /** Forces a binding of libsodium. */
  sodium?: string;
}

export interface Place {
  path: string;
  keys: KeySources;
}

/**
 * Makes a vault with one key file. The vault is built under another name, populated, and linked to its own name when it
 * is whole: a killed process leaves no half vault, and of two at once one makes it and the other is told.
 */
export const createVault = async (
  world: World,
  place: Place,
  populate: (db: Db, sealer: Sealer, id: string) => Promise<void>,
): Promise<{ id: string; keyFile: string }> => {
  const exists = (): MobiusError =>
    new MobiusError(
      'already_exists',
      `there is a vault at "${place.path}" already`,
      {},
      'look at it: mobius vault status',
    );
  if (existsSync(place.path)) throw exists();
  const sodium = await loadSodium(world.sodium);
  const id = typeId(idPrefixes.vault, world.newUuid());
  const keyFile = place.keys.keyFile ?? place.keys.defaultKeyFile(id);
  const draft = `${place.path}.${id}`;
  mkdirSync(dirname(place.path), { recursive: true, mode: 0o700 });
  const key = newVaultKey();
  writeKeyFile(keyFile, key);
  try {
    await fill(world, sodium, draft, id, key, populate);
    linkSync(draft, place.path);
  } catch (error) {
    rmSync(keyFile, { force: true });
    throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? exists() : error;
  } finally {
    rmSync(draft, { force: true });
  }
  return { id, keyFile };
};

const fill = async (
  world: World,
  sodium: Sodium,
  path: string,
  id: string,
  key: string,
  populate: (db: Db, sealer: Sealer, id: string) => Promise<void>,
): Promise<void> => {
  const db = await openSqlite(path, { create: true });
  const rootKey = randomBytes(32);
  try {
    const now = world.now();
    await migrate(db, migrations, { now });
    const slot = { id: typeId(idPrefixes.keyslot, world.newUuid()), kind: 'key-file', params: '{}', created_at: now };
    await db.tx('write', async (tx) => {
      await tx.run('insert into vault (id, format, created_at) values ($1, $2, $3)', [id, format, now]);
      await addKeyslot(tx, sodium, id, slot, slotKeyOf(key, 'the key'), rootKey);
      await makeKeyring(tx, sodium, id, rootKey);
    });
    await populate(db, makeSealer(sodium, id, await openKeyring(db, sodium, id, rootKey)), id);
  } finally {
    sodium.wipe(rootKey);
    await db.close();
  }
};

export const readHead = async (db: Db): Promise<{ id: string; format: number; created_at: number }> => {
  const head = await db.get<{ id: string; format: number; created_at: number }>(
    'select id, format, created_at from vault',
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

/**
 * A trigger planted in the file would run inside our own transactions: it could undo a revocation that is then reported
 * as done.
 */
const refuseTriggers = async (db: Db): Promise<void> => {
  const planted = await db.get<{ name: string }>("select name from sqlite_schema where type = 'trigger' limit 1");
  if (planted === undefined) return;
  throw new MobiusError('damaged', `the vault file holds a trigger, "${planted.name}", which mobius never makes`);
};

export const openVault = async (world: World, place: Place): Promise<Vault> => {
  const db = await openSqlite(place.path);
  try {
    await refuseTriggers(db);
    await migrate(db, migrations, { now: world.now() });
    const head = await readHead(db);
    const sodium = await loadSodium(world.sodium);
    const unlocked: Unlocked = unlock(sodium, head.id, await listKeyslots(db), place.keys);
    const keys = await openKeyring(db, sodium, head.id, unlocked.rootKey);
    sodium.wipe(unlocked.rootKey);
    return {
      id: head.id,
      createdAt: head.created_at,
      db,
      sealer: makeSealer(sodium, head.id, keys),
      unlockedBy: unlocked.source,
    };
  } catch (error) {
    await db.close();
    throw error;
  }
};
