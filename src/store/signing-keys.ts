import type { Ready } from '../ready.ts';
import { recall } from './memory.ts';
import { type Store, type Stored, type Truths, table } from './table.ts';

type Clear = {
  created_at: number;
  /** Since when it signs nothing new; what it signed is still accepted. */
  retired_at: number | null;
};
/** Ed25519: the public half as JWK has it, the private one as PKCS 8, both in base64; a retired one has only the first. */
type Plain = { public_key: string; private_key?: string };
export type SigningKeyRow = Stored<Clear, Plain>;

export const signingTable = table<Clear, Plain>('signing_keys', ['created_at', 'retired_at']);

export const { insert, update, remove } = signingTable;

export const signingTruths: Truths = { links: [] };

export const byId = (store: Store, id: string): Ready<SigningKeyRow | undefined> =>
  recall(store.db, id, () => signingTable.one(store, 'where t.id = $1', [id]));

export const latest = (store: Store): Promise<SigningKeyRow | undefined> =>
  signingTable.one(store, 'where t.retired_at is null order by t.id desc limit 1', []);

export const all = (store: Store): Promise<SigningKeyRow[]> => signingTable.select(store, 'order by t.id', []);
