import { idPrefixes, typeId } from '../core/ids.ts';
import { randomBytes } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import type { Query } from '../store/db.ts';
import { sealedTables } from '../store/sealed-tables.ts';
import { nextRootPlace } from './following.ts';
import { adoptNextKey, prepareNextKey } from './key-file.ts';
import { addKey, rewrapKeyring } from './keyring.ts';
import { addKeyslot, type Keyslot, listKeyslots, removeKeyslot } from './keyslots.ts';
import type { Vault, World } from './open.ts';
import { scrub } from './scrub.ts';
import { epochOf, openBlob, sealBlob } from './sealer.ts';
import { slotKey } from './slot-keys.ts';

/** Rows sealed anew in one transaction: others get their turn in between. */
const batchRows = 200;

interface Rekey {
  id: string;
  table: string;
  after: string;
  nextRoot: Uint8Array;
  epoch: number;
}

/** A slot that goes on opening the vault, with what its key is made from. */
export interface Carried {
  slot: Keyslot;
  secret: string;
  /** The parameters under which it is sealed anew, where they change. */
  params?: string;
}

export interface RekeyWish {
  /** The slots that stay; every other is removed. */
  carried: readonly Carried[];
  /** The key file whose key is replaced, and its slot. */
  keyFile?: { path: string; slot: Keyslot };
  /** Hands over the recovery code that comes in the place of the one that ends; nothing is final before it has. */
  recoveryCode?(): Promise<string>;
  onProgress(done: number, total: number): void;
  /** Records what was done, in the last transaction. */
  record(tx: Query, removed: readonly string[]): Promise<void>;
}

const load = async (vault: Vault, tx: Query): Promise<Rekey | undefined> => {
  const row = await tx.get<{ id: string; table_name: string; after_id: string; sealed: Uint8Array }>(
    'select id, table_name, after_id, sealed from rekey',
  );
  if (row === undefined) return undefined;
  const { sodium, id, ring } = vault;
  const nextRoot = openBlob(sodium, ring.rootKey(), nextRootPlace(id, row.id), row.sealed);
  if (nextRoot === undefined) throw new MobiusError('damaged', 'the next root key is damaged', { table: 'rekey' });
  return { id: row.id, table: row.table_name, after: row.after_id, nextRoot, epoch: ring.keys().epoch };
};

/**
 * The first step, one transaction: the new record key is in the ring and the new epoch stands, so that from now on
 * whatever anybody writes is sealed under it; and the new root key lies under the old one, for those who are running.
 */
const begin = (vault: Vault, world: World): Promise<void> =>
  vault.db.tx('write', async (tx) => {
    if ((await load(vault, tx)) !== undefined) return;
    const { sodium, ring, id: vaultId } = vault;
    const id = typeId(idPrefixes.rekey, world.newUuid());
    const epoch = ring.keys().epoch + 1;
    await addKey(tx, sodium, vaultId, ring.rootKey(), 'record', epoch);
    await tx.run('update vault set epoch = $1', [epoch]);
    const nextRoot = randomBytes(32);
    const sealed = sealBlob(sodium, ring.rootKey(), epoch, nextRootPlace(vaultId, id), nextRoot);
    sodium.wipe(nextRoot);
    await tx.run('insert into rekey (id, table_name, after_id, started_at, sealed) values ($1, $2, $3, $4, $5)', [
      id,
      sealedTables[0].name,
      '',
      world.now(),
      sealed,
    ]);
  });

const countRows = async (tx: Query): Promise<number> => {
  let count = 0;
  for (const { name } of sealedTables) {
    count += (await tx.get<{ count: number }>(`select count(*) as count from ${name}`))?.count ?? 0;
  }
  return count;
};

/** Seals one batch anew and notes how far it is, in one transaction. False when there is nothing left. */
const step = (vault: Vault): Promise<number | undefined> =>
  vault.db.tx('write', async (db) => {
    const rekey = await load(vault, db);
    if (rekey === undefined) return undefined;
    const at = sealedTables.findIndex(({ name }) => name === rekey.table);
    const table = sealedTables[at];
    if (table === undefined) return undefined;
    const store = { db, sealer: vault.sealer };
    const rows = await db.all(`select t.* from ${table.name} t where t.id > $1 order by t.id limit ${batchRows}`, [
      rekey.after,
    ]);
    for (const row of rows) {
      if (epochOf(row.sealed as Uint8Array) !== rekey.epoch) await table.reseal(store, row);
    }
    const last = rows.at(-1)?.id;
    const next = rows.length < batchRows ? { table: sealedTables[at + 1]?.name ?? '', after: '' } : undefined;
    await db.run('update rekey set table_name = $1, after_id = $2', [
      next?.table ?? rekey.table,
      next?.after ?? String(last),
    ]);
    return rows.length;
  });

/** The last step, one transaction: from here on the old root key opens nothing. */
const finish = async (vault: Vault, wish: RekeyWish): Promise<boolean> => {
  const { sodium, id: vaultId, ring } = vault;
  const nextKey = wish.keyFile === undefined ? undefined : prepareNextKey(wish.keyFile.path);
  const wanted: Carried[] = [...wish.carried];
  if (wish.keyFile !== undefined && nextKey !== undefined) {
    wanted.push({ slot: wish.keyFile.slot, secret: nextKey });
  }
  const recoveryCode = await wish.recoveryCode?.();
  const done = await vault.db.tx('write', async (tx) => {
    const rekey = await load(vault, tx);
    if (rekey === undefined) return false;
    const slots = await listKeyslots(tx);
    const removed: string[] = [];
    for (const slot of slots) {
      const keep = wanted.find((one) => one.slot.id === slot.id);
      await removeKeyslot(tx, slot.id);
      const renewed = slot.kind === 'recovery' ? recoveryCode : keep?.secret;
      if (renewed === undefined) {
        removed.push(slot.id);
        continue;
      }
      const fresh = { ...slot, params: keep?.params ?? slot.params };
      const key = await slotKey(sodium, fresh, renewed);
      if (key === undefined) throw new MobiusError('internal', `this can't be what opens a ${slot.kind} slot`);
      await addKeyslot(tx, sodium, vaultId, fresh, key, rekey.nextRoot);
      sodium.wipe(key);
    }
    if (removed.length === slots.length) throw new MobiusError('internal', 'no keyslot would be left');
    await rewrapKeyring(tx, sodium, vaultId, ring.rootKey(), rekey.nextRoot, rekey.epoch);
    await tx.run('delete from rekey');
    await wish.record(tx, removed);
    return true;
  });
  // Of two at once one ends it; what the other prepared after that opens nothing and must not be put in place.
  if (done && wish.keyFile !== undefined) adoptNextKey(wish.keyFile.path);
  return done;
};

/**
 * Renews the root key and the record keys, and carries the others over: issued keys and every index stay valid. Others
 * read and write throughout. A re-key that was killed is taken up where it stopped by the next call.
 */
export const rekey = async (vault: Vault, world: World, wish: RekeyWish): Promise<{ scrubPending: boolean }> => {
  await begin(vault, world);
  const total = await vault.db.tx('read', countRows);
  let count = 0;
  for (let rows = await step(vault); rows !== undefined; rows = await step(vault)) {
    count += rows;
    wish.onProgress(Math.min(count, total), total);
  }
  await finish(vault, wish);
  return { scrubPending: !(await scrub(vault.file, world.now())) };
};

/** Whether a re-key was begun and not ended. */
export const rekeyPending = async (db: Query): Promise<boolean> => (await db.get('select id from rekey')) !== undefined;
