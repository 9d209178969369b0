import { existsSync, linkSync, mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { idPrefixes, typeId } from '../core/ids.ts';
import { loadSodium, randomBytes, type Sodium } from '../crypto.ts';
import { shownPlace } from '../database-url.ts';
import { MobiusError } from '../errors.ts';
import { begin as beginLog } from '../store/audit.ts';
import type { Db, Query } from '../store/db.ts';
import { syncFolder } from '../store/files.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import { openSqlite } from '../store/sqlite.ts';
import { isAddress } from '../vault-place.ts';
import { openDatabase } from './database.ts';
import { followingDb, holdRing } from './following.ts';
import { newVaultKey, writeKeyFile } from './key-file.ts';
import { firstEpoch, makeKeyring } from './keyring.ts';
import { addKeyslot, type NewKeyslot } from './keyslots.ts';
import { format, type Place, type Vault, type World } from './open.ts';
import { makeSealer } from './sealer.ts';
import { slotKey } from './slot-keys.ts';

/** What a new vault is to be opened with. */
export type FirstSlot = { kind: 'key-file' } | { kind: 'passphrase'; passphrase: string; params: string };

export interface Created {
  id: string;
  /** Absent where a passphrase opens it. */
  keyFile?: string;
}

type Populate = (vault: Pick<Vault, 'id' | 'db' | 'sealer' | 'sodium'>) => Promise<void>;

/** A vault before there is one. */
interface Plan {
  id: string;
  now: number;
  slot: NewKeyslot;
  secret: string;
  populate: Populate;
}

const exists = (where: string, look: string): MobiusError =>
  new MobiusError(
    'already_exists',
    `there is a vault at "${where}" already`,
    {},
    `look at it: mobius vault status${look}`,
  );

/** SQLite would take the log of a vault that is gone for the new one's, and write its pages into it. */
export const refuseStrayLog = (path: string): void => {
  const log = ['-wal', '-journal'].map((part) => `${path}${part}`).find((stray) => existsSync(stray));
  if (log === undefined) return;
  const hint = 'it may hold what the vault there did not: put that vault back, or move the log away';
  throw new MobiusError('conflict', `"${log}" is left of a vault that is gone`, {}, hint);
};

/** What makes a database a vault: its head, its first slot, its keys, and what it begins with. */
const fill = async (db: Db, sodium: Sodium, { id, now, slot, secret, populate }: Plan): Promise<void> => {
  const rootKey = randomBytes(32);
  const key = await slotKey(sodium, slot, secret);
  if (key === undefined) throw new MobiusError('internal', `this can't be what opens a ${slot.kind} slot`);
  try {
    await db.tx('write', async (tx) => {
      await tx.run('insert into vault (id, format, epoch, created_at) values ($1, $2, $3, $4)', [
        id,
        format,
        firstEpoch,
        now,
      ]);
      await addKeyslot(tx, sodium, id, slot, key, rootKey);
      await makeKeyring(tx, sodium, id, rootKey);
    });
    const ring = await holdRing(db, sodium, id, rootKey);
    const [following, sealer] = [followingDb(db, ring), makeSealer(sodium, id, ring.keys)];
    await following.tx('write', (tx) => beginLog({ db: tx, sealer }, now));
    await populate({ id, db: following, sealer, sodium });
    ring.wipe();
  } finally {
    sodium.wipe(key);
    sodium.wipe(rootKey);
  }
};

/** It is built under another name and linked to its own when it is whole. */
const createInFile = async (path: string, sodium: Sodium, plan: Plan): Promise<void> => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${plan.id}`;
  try {
    const file = await openSqlite(draft, { create: true });
    try {
      await migrate(file, migrations, { now: plan.now });
      await fill(file, sodium, plan);
      // What is linked is the file alone. Closing would put the log into it too, but says nothing where the disk is full.
      if (!(await file.truncateLog())) throw new MobiusError('internal', `"${draft}" could not be completed`);
    } finally {
      await file.close();
    }
    linkSync(draft, path);
    syncFolder(dirname(path));
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? exists(path, '') : error;
  } finally {
    for (const part of ['', '-wal', '-shm']) rmSync(`${draft}${part}`, { force: true });
  }
};

/** Transactions inside one that is open already: all of them stand, or none. */
const inside = (tx: Query): Db => ({ ...tx, tx: (_, body) => body(tx), close: async () => undefined });

/** All of it is one transaction. */
const createOnServer = async (address: string, sodium: Sodium, plan: Plan): Promise<void> => {
  const { db } = await openDatabase(address);
  try {
    await migrate(db, migrations, { now: plan.now });
    await db.tx('write', async (tx) => {
      const there = await tx.get('select id from vault');
      if (there !== undefined) throw exists(shownPlace(address), ' --vault ADDRESS');
      await fill(inside(tx), sodium, plan);
    });
  } finally {
    await db.close();
  }
};

/** A commit that nobody answered for may stand: then the key is the only one that opens what is there. */
const mayStand = (error: unknown): boolean =>
  error instanceof MobiusError && error.details.reason === 'outcome_unknown';

/**
 * Makes a vault. A killed process leaves no half vault, and of two at once one makes it and the other is told.
 */
export const createVault = async (
  world: World,
  { path, keys }: Place,
  first: FirstSlot,
  populate: Populate,
): Promise<Created> => {
  const isServer = isAddress(path);
  if (!isServer && existsSync(path)) throw exists(path, '');
  if (!isServer) refuseStrayLog(path);
  const sodium = await loadSodium(world.sodium);
  const id = typeId(idPrefixes.vault, world.newUuid());
  const now = world.now();
  const keyFile = first.kind === 'key-file' ? (keys.keyFile ?? keys.defaultKeyFile(id)) : undefined;
  const secret = first.kind === 'key-file' ? newVaultKey() : first.passphrase;
  const params = first.kind === 'key-file' ? '{}' : first.params;
  const slot = { id: typeId(idPrefixes.keyslot, world.newUuid()), kind: first.kind, params, created_at: now };
  if (keyFile !== undefined) writeKeyFile(keyFile, secret);
  try {
    await (isServer ? createOnServer : createInFile)(path, sodium, { id, now, slot, secret, populate });
  } catch (error) {
    if (keyFile !== undefined && !mayStand(error)) rmSync(keyFile, { force: true });
    throw error;
  }
  return { id, ...(keyFile === undefined ? {} : { keyFile }) };
};
