import type { Sodium } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import { canonical } from '../store/canonical.ts';
import type { Query } from '../store/db.ts';
import { isTime } from '../store/table.ts';
import { openBlob, sealBlob } from './sealer.ts';

export interface Keyslot {
  id: string;
  kind: string;
  params: string;
  created_at: number;
  sealed: Uint8Array;
}
type KeyslotRow = { [K in keyof Keyslot]: Keyslot[K] };

const associated = (vaultId: string, slot: Omit<Keyslot, 'sealed'>): Uint8Array =>
  canonical('mobius/keyslot/1', vaultId, slot.id, slot.kind, slot.params, slot.created_at);

/** Stores the root key sealed under one more key. */
export const addKeyslot = async (
  db: Query,
  sodium: Sodium,
  vaultId: string,
  slot: Omit<Keyslot, 'sealed'>,
  slotKey: Uint8Array,
  rootKey: Uint8Array,
): Promise<void> => {
  const sealed = sealBlob(sodium, slotKey, 0, associated(vaultId, slot), rootKey);
  await db.run('insert into keyslots (id, kind, params, created_at, sealed) values ($1, $2, $3, $4, $5)', [
    slot.id,
    slot.kind,
    slot.params,
    slot.created_at,
    sealed,
  ]);
};

export const listKeyslots = async (db: Query): Promise<Keyslot[]> => {
  const slots = await db.all<KeyslotRow>('select id, kind, params, created_at, sealed from keyslots order by id');
  for (const { id, kind, params, created_at: at, sealed } of slots) {
    const texts = [id, kind, params].every((value) => typeof value === 'string');
    if (!texts || !isTime(at) || !(sealed instanceof Uint8Array)) {
      throw new MobiusError('damaged', `the keyslot "${id}" is damaged`, { id });
    }
  }
  return slots;
};

/** The root key, where `slotKey` opens this slot. */
export const openKeyslot = (
  sodium: Sodium,
  vaultId: string,
  slot: Keyslot,
  slotKey: Uint8Array,
): Uint8Array | undefined => openBlob(sodium, slotKey, associated(vaultId, slot), slot.sealed);
