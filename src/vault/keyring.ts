import type { Sodium } from '../crypto.ts';
import { randomBytes } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import { canonical } from '../store/canonical.ts';
import type { Query } from '../store/db.ts';
import { type Keys, openBlob, sealBlob } from './sealer.ts';

/** One random key a purpose, so that no key is ever used for two things. */
const purposes = ['record', 'index', 'key-hash', 'audit'] as const;
type Purpose = (typeof purposes)[number];

const firstEpoch = 1;

const associated = (vaultId: string, purpose: string, epoch: number): Uint8Array =>
  canonical('mobius/keyring/1', vaultId, purpose, epoch);

/** Fills the keyring of a new vault: every key random, sealed under the root key. */
export const makeKeyring = async (db: Query, sodium: Sodium, vaultId: string, rootKey: Uint8Array): Promise<void> => {
  for (const purpose of purposes) {
    const key = randomBytes(32);
    const sealed = sealBlob(sodium, rootKey, firstEpoch, associated(vaultId, purpose, firstEpoch), key);
    sodium.wipe(key);
    await db.run('insert into keyring (purpose, epoch, sealed) values ($1, $2, $3)', [purpose, firstEpoch, sealed]);
  }
};

export const openKeyring = async (db: Query, sodium: Sodium, vaultId: string, rootKey: Uint8Array): Promise<Keys> => {
  const rows = await db.all<{ purpose: string; epoch: number; sealed: Uint8Array }>(
    'select purpose, epoch, sealed from keyring order by epoch',
  );
  const found = new Map<string, Map<number, Uint8Array>>();
  for (const { purpose, epoch, sealed } of rows) {
    const key = openBlob(sodium, rootKey, associated(vaultId, purpose, epoch), sealed);
    if (key?.length !== 32) throw new MobiusError('damaged', `the vault's ${purpose} key is damaged`, { purpose });
    const epochs = found.get(purpose) ?? new Map<number, Uint8Array>();
    found.set(purpose, epochs.set(epoch, key));
  }
  const all = (purpose: Purpose): Map<number, Uint8Array> => {
    const epochs = found.get(purpose);
    if (epochs === undefined) throw new MobiusError('damaged', `the vault's ${purpose} key is missing`, { purpose });
    return epochs;
  };
  const only = (purpose: Purpose): Uint8Array => [...all(purpose).values()].at(-1) as Uint8Array;
  const records = all('record');
  return {
    records,
    epoch: Math.max(...records.keys()),
    index: only('index'),
    keyHash: only('key-hash'),
    audit: only('audit'),
  };
};
