import type { Sodium } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import { canonical } from '../store/canonical.ts';
import type { Query } from '../store/db.ts';
import { isTime } from '../store/table.ts';
import { openBlob, sealBlob } from './sealer.ts';

/** The root key, sealed under one of the keys that open the vault. */
export interface Keyslot {
  id: string;
  kind: string;
  /** How its key is made from what a person has, as JSON. */
  params: string;
  created_at: number;
  sealed: Uint8Array;
}
export type NewKeyslot = Omit<Keyslot, 'sealed'>;
type KeyslotRow = { [K in keyof Keyslot]: Keyslot[K] };

/** Slots are sealed before there is any epoch of the record keys to speak of. */
const noEpoch = 0;

const associated = (vaultId: string, slot: NewKeyslot): Uint8Array =>
  canonical('mobius/keyslot/1', vaultId, slot.id, slot.kind, slot.params, slot.created_at);

export const addKeyslot = async (
  db: Query,
  sodium: Sodium,
  vaultId: string,
  slot: NewKeyslot,
  slotKey: Uint8Array,
  rootKey: Uint8Array,
): Promise<void> => {
  const sealed = sealBlob(sodium, slotKey, noEpoch, associated(vaultId, slot), rootKey);
  await db.run('insert into keyslots (id, kind, params, created_at, sealed) values ($1, $2, $3, $4, $5)', [
    slot.id,
    slot.kind,
    slot.params,
    slot.created_at,
    sealed,
  ]);
};

export const removeKeyslot = (db: Query, id: string): Promise<number> =>
  db.run('delete from keyslots where id = $1', [id]);

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
