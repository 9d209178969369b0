import { loadSodium, type Sodium } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import type { Db, Query } from '../store/db.ts';
import { isThere, migrate, missingOf } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import type { Sealer } from '../store/sealer.ts';
import { openSqlite, type SqliteDb } from '../store/sqlite.ts';
import { isTime } from '../store/table.ts';
import { isAddress } from '../vault-place.ts';
import { type Database, openDatabase } from './database.ts';
import { followingDb, holdRing, type Ring } from './following.ts';
import { readKeyFile, requireVaultKey } from './key-file.ts';
import { headEpoch } from './keyring.ts';
import { type Keyslot, listKeyslots } from './keyslots.ts';
import { readMove, whyNotHere } from './moving.ts';
import { makeSealer } from './sealer.ts';
import { type Handed, type KeySources, type Unlocked, unlock, unlockAgain } from './unlock.ts';
import { openWitness } from './witness.ts';

export const format = 1;

/** An open vault. `db` follows a re-key that another process makes; `file` is what lies beneath it, where that is one. */
export interface Vault {
  id: string;
  createdAt: number;
  db: Db;
  file?: SqliteDb;
  sealer: Sealer;
  sodium: Sodium;
  ring: Ring;
  unlocked: Omit<Unlocked, 'rootKey'>;
}

/** The file of a vault that is one: what is done to files has its own ways on a database server. */
const onlyForFiles = (): MobiusError =>
  new MobiusError(
    'unsupported',
    'the vault lies in a database server, and this is for one in a file',
    {},
    "the server's own tools copy and restore it; to have it in a file: mobius vault move --to PATH",
  );

export const fileOf = ({ file }: Vault): SqliteDb => {
  if (file === undefined) throw onlyForFiles();
  return file;
};

export const requireFile = ({ path }: Place): void => {
  if (isAddress(path)) throw onlyForFiles();
};

/** What the vault code needs of the world, beside the file system. */
export interface World {
  now(): number;
  newUuid(): Uint8Array;
  /** Forces a binding of libsodium. */
  sodium?: string;
  /** Runs `clean` if the process is interrupted before the returned function is called. */
  onInterrupt?(clean: () => void): () => void;
  /** Where the end of the audit log is kept besides; asked when the first entry is written. */
  anchoring?(): Promise<Anchoring | undefined>;
}

export interface Anchoring {
  /** A file that is only ever appended to. */
  path: string;
  every: number;
  required: boolean;
  /** What is wrong with it, or that nothing is any more. `refused`: whoever changes something is told with a refusal. */
  tell(problem: string | undefined, refused?: boolean): void;
}

export interface Place {
  /** Of a file, or the address of a database server. */
  path: string;
  keys: KeySources;
}

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

/** Brings an existing vault to what this program knows. A copy of a file as it was stays beside it. */
export const migrateVault = (world: World, { db, file }: Database): Promise<void> =>
  migrate(db, migrations, {
    now: world.now(),
    ...(file && {
      backup: async (id) => (await import('./before-migration.ts')).keepBeforeMigration(world, file, id),
    }),
  });

/** The vault in an open database, for one who has opened its root key. Closing its `db` closes what lies beneath. */
export const holdVault = async (
  { db, file }: Database,
  sodium: Sodium,
  { id, created_at: createdAt }: Head,
  { rootKey, ...unlocked }: Unlocked,
): Promise<Vault> => {
  const ring = await holdRing(db, sodium, id, rootKey, async (query) =>
    unlockAgain(sodium, id, await listKeyslots(query), unlocked),
  );
  return {
    id,
    createdAt,
    db: followingDb(db, ring, file === undefined ? openWitness(db) : undefined),
    ...(file && { file }),
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

/** A file that mobius made holds a vault or is damaged; a database may well be new. */
export const requireVault = async ({ db, file }: Database, path: string): Promise<void> => {
  if (file !== undefined) return;
  if ((await isThere(db, 'vault')) && (await db.get('select id from vault')) !== undefined) return;
  const { shownPlace } = await import('../database-url.ts');
  throw new MobiusError(
    'not_initialised',
    `no vault in "${shownPlace(path)}"`,
    {},
    'make one, mobius vault init --vault ADDRESS; or bring one: mobius vault move --to ADDRESS',
  );
};

const mostTries = 5;

const spelled = (slots: readonly Keyslot[]): string =>
  slots.map(({ id, sealed }) => `${id} ${Buffer.from(sealed).toString('hex')}`).join('\n');

/** A re-key may end between reading the keyslots and opening one, or the keyring after it: then all is read once more. */
const unlockVault = async (opened: Database, sodium: Sodium, head: Head, keys: KeySources): Promise<Vault> => {
  for (let tries = 1; ; tries++) {
    const slots = await listKeyslots(opened.db);
    try {
      return await holdVault(opened, sodium, head, await unlock(sodium, head.id, slots, keys));
    } catch (error) {
      if (tries === mostTries || spelled(await listKeyslots(opened.db)) === spelled(slots)) throw error;
    }
  }
};

/** A vault with the engine beneath it, which does not ask whether the vault is still at this place. */
interface Opened {
  vault: Vault;
  base: Db;
}

const open = async (
  world: World,
  place: Place,
  mayOpen: (db: Db) => Promise<void>,
  options: { patient?: boolean } = {},
): Promise<Opened> => {
  const opened = await openDatabase(place.path, options);
  const { db, file } = opened;
  try {
    if (file !== undefined) await refuseTriggers(file);
    await migrateVault(world, opened);
    await requireVault(opened, place.path);
    const head = await readHead(db);
    await mayOpen(db);
    const sodium = await loadSodium(world.sodium);
    const vault = await unlockVault(opened, sodium, head, place.keys);
    if (vault.ring.keys().auditEpoch < headEpoch && (await readMove(db)) === undefined) {
      await (await import('./audit-head.ts')).adoptLog(vault);
    }
    return { vault, base: db };
  } catch (error) {
    await db.close();
    throw error;
  }
};

export const openVault = async (world: World, place: Place): Promise<Vault> => {
  const { vault } = await open(world, place, async (db) => {
    const why = whyNotHere(await readMove(db));
    if (why !== undefined) throw why;
  });
  return vault;
};

/** Nobody who only looks keeps waiting for one who writes. */
const glanceMs = 300;

/**
 * The vault in a file as its key file opens it, for one who only looks: the file itself is never written to. Undefined
 * where it could be used only after a change, such as bringing it up to date.
 */
export const openToLook = async (
  world: World,
  path: string,
  keyFile: (id: string) => string,
): Promise<Vault | undefined> => {
  const file = await openSqlite(path, { readOnly: true, busyMs: glanceMs });
  try {
    await refuseTriggers(file);
    const isCurrent = (await missingOf(file, migrations)).missing.length === 0;
    if (!isCurrent || whyNotHere(await readMove(file)) !== undefined) {
      await file.close();
      return undefined;
    }
    const head = await readHead(file);
    const sodium = await loadSodium(world.sodium);
    const text = requireVaultKey(readKeyFile(keyFile(head.id)), 'the key file');
    const handed: Handed = { secret: { kinds: ['key-file'], text }, source: 'the key file' };
    const unlocked = await unlock(sodium, head.id, await listKeyslots(file), { handed, defaultKeyFile: keyFile });
    return await holdVault({ db: file, file }, sodium, head, unlocked);
  } catch (error) {
    await file.close();
    throw error;
  }
};

/** For whoever moves it, also when it has left already. */
export const openToMove = (world: World, place: Place): Promise<Opened> =>
  open(world, place, async () => undefined, { patient: true });
