import { existsSync } from 'node:fs';
import { idPrefixes, typeId } from '../core/ids.ts';
import { MobiusError, notFound } from '../errors.ts';
import type { Query } from '../store/db.ts';
import { readKeyFile } from './key-file.ts';
import { addKeyslot, type Keyslot, listKeyslots, type NewKeyslot, openKeyslot, removeKeyslot } from './keyslots.ts';
import type { Vault, World } from './open.ts';
import { rekeyPending } from './rekey.ts';
import { scrub } from './scrub.ts';
import { type SlotKind, slotKey } from './slot-keys.ts';

export type Record = (tx: Query, slot: Pick<Keyslot, 'id' | 'kind'>) => Promise<void>;

/** A re-key renews every slot at its end: one that came or went meanwhile would be lost or come back. */
const refuseDuringRekey = async (tx: Query): Promise<void> => {
  if (!(await rekeyPending(tx))) return;
  throw new MobiusError('conflict', 'a re-key is under way', {}, 'let it end, or finish it: mobius vault rekey');
};

export const newSlot = (world: World, kind: SlotKind, params = '{}'): NewKeyslot => ({
  id: typeId(idPrefixes.keyslot, world.newUuid()),
  kind,
  params,
  created_at: world.now(),
});

const sealingKey = async (vault: Vault, slot: NewKeyslot, secret: string): Promise<Uint8Array> => {
  const key = await slotKey(vault.sodium, slot, secret);
  if (key === undefined) throw new MobiusError('internal', `this can't be what opens a ${slot.kind} slot`);
  return key;
};

/** Adds one more way to open the vault. The records are not touched. */
export const addSlot = async (vault: Vault, slot: NewKeyslot, secret: string, record: Record): Promise<void> => {
  const key = await sealingKey(vault, slot, secret);
  await vault.db.tx('write', async (tx) => {
    await refuseDuringRekey(tx);
    await addKeyslot(tx, vault.sodium, vault.id, slot, key, vault.ring.rootKey());
    await record(tx, slot);
  });
  vault.sodium.wipe(key);
};

/** Puts a slot in the place of others of its kind, in one transaction. */
export const replaceSlots = async (
  vault: Vault,
  world: World,
  slot: NewKeyslot,
  secret: string,
  record: Record,
): Promise<{ scrubPending: boolean }> => {
  const key = await sealingKey(vault, slot, secret);
  await vault.db.tx('write', async (tx) => {
    await refuseDuringRekey(tx);
    for (const old of await listKeyslots(tx)) if (old.kind === slot.kind) await removeKeyslot(tx, old.id);
    await addKeyslot(tx, vault.sodium, vault.id, slot, key, vault.ring.rootKey());
    await record(tx, slot);
  });
  vault.sodium.wipe(key);
  return { scrubPending: !(await scrub(vault.file, world.now())) };
};

/** A slot by its id, or by its kind where there is one of it. */
export const findSlot = async (db: Query, reference: string): Promise<Keyslot> => {
  const slots = await listKeyslots(db);
  const byId = slots.find(({ id }) => id === reference);
  const byKind = slots.filter(({ kind }) => kind === reference);
  if (byId !== undefined) return byId;
  const [only] = byKind;
  if (only === undefined) throw notFound('keyslot', reference);
  if (byKind.length > 1) {
    throw new MobiusError(
      'conflict',
      `there are ${byKind.length} keyslots of the kind "${reference}"`,
      {},
      'name one by its id: mobius vault keyslots list',
    );
  }
  return only;
};

/** Whoever copied the file before still opens their copy with what opened the slot: only a re-key stops that. */
export const removeSlot = async (
  vault: Vault,
  world: World,
  id: string,
  record: Record,
): Promise<{ scrubPending: boolean }> => {
  await vault.db.tx('write', async (tx) => {
    await refuseDuringRekey(tx);
    const slots = await listKeyslots(tx);
    const slot = slots.find((one) => one.id === id);
    if (slot === undefined) throw notFound('keyslot', id);
    if (slots.length === 1) {
      throw new MobiusError(
        'conflict',
        "the last keyslot can't be removed: nothing would open the vault again",
        { reason: 'last_keyslot', name: id },
        'add another first: mobius vault keyslots add',
      );
    }
    await removeKeyslot(tx, id);
    await record(tx, slot);
  });
  return { scrubPending: !(await scrub(vault.file, world.now())) };
};

/** Whether this opens this slot, and to the root key that the vault has. */
export const opensSlot = async ({ sodium, id }: Vault, slot: Keyslot, secret: string): Promise<boolean> => {
  const key = await slotKey(sodium, slot, secret);
  const rootKey = key && openKeyslot(sodium, id, slot, key);
  if (key !== undefined) sodium.wipe(key);
  if (rootKey !== undefined) sodium.wipe(rootKey);
  return rootKey !== undefined;
};

/** The slot that this key file opens, where the file is there and opens one. */
export const keyFileSlot = async (
  vault: Vault,
  slots: readonly Keyslot[],
  path: string,
): Promise<Keyslot | undefined> => {
  if (!existsSync(path)) return undefined;
  const secret = readKeyFile(path);
  for (const slot of slots) if (slot.kind === 'key-file' && (await opensSlot(vault, slot, secret))) return slot;
  return undefined;
};
