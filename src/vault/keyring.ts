import type { Sodium } from '../crypto.ts';
import { randomBytes } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import { canonical } from '../store/canonical.ts';
import type { Query } from '../store/db.ts';
import { type Keys, openBlob, sealBlob } from './sealer.ts';

/** One random key a purpose, so that no key is ever used for two things. Of record keys there is one an epoch. */
const purposes = ['record', 'index', 'key-hash', 'audit'] as const;
type Purpose = (typeof purposes)[number];

export const firstEpoch = 1;
/** The audit key is of this one where the end of the log is written down apart from its rows. */
export const headEpoch = 2;

type KeyringRow = { purpose: string; epoch: number; sealed: Uint8Array };

const associated = (vaultId: string, purpose: string, epoch: number): Uint8Array =>
  canonical('mobius/keyring/1', vaultId, purpose, epoch);

const damaged = (purpose: string, what: string): MobiusError =>
  new MobiusError('damaged', `the vault's ${purpose} key is ${what}`, { purpose });

/** Adds a random key to the ring, sealed under the root key. */
export const addKey = async (
  db: Query,
  sodium: Sodium,
  vaultId: string,
  rootKey: Uint8Array,
  purpose: Purpose,
  epoch: number,
): Promise<void> => {
  const key = randomBytes(32);
  const sealed = sealBlob(sodium, rootKey, epoch, associated(vaultId, purpose, epoch), key);
  sodium.wipe(key);
  await db.run('insert into keyring (purpose, epoch, sealed) values ($1, $2, $3)', [purpose, epoch, sealed]);
};

export const makeKeyring = async (db: Query, sodium: Sodium, vaultId: string, rootKey: Uint8Array): Promise<void> => {
  for (const purpose of purposes) {
    await addKey(db, sodium, vaultId, rootKey, purpose, purpose === 'audit' ? headEpoch : firstEpoch);
  }
};

const rowsOf = (db: Query): Promise<KeyringRow[]> =>
  db.all<KeyringRow>('select purpose, epoch, sealed from keyring order by purpose, epoch');

/** Undefined where this is not the root key that the ring is sealed under. */
export const openKeyring = async (
  db: Query,
  sodium: Sodium,
  vaultId: string,
  rootKey: Uint8Array,
): Promise<Keys | undefined> => {
  const found = new Map<string, Map<number, Uint8Array>>();
  let refused: string | undefined;
  for (const { purpose, epoch, sealed } of await rowsOf(db)) {
    const key = openBlob(sodium, rootKey, associated(vaultId, purpose, epoch), sealed);
    if (key?.length !== 32) {
      refused ??= purpose;
      continue;
    }
    const epochs = found.get(purpose) ?? new Map<number, Uint8Array>();
    found.set(purpose, epochs.set(epoch, key));
  }
  if (found.size === 0) return undefined;
  if (refused !== undefined) throw damaged(refused, 'damaged');
  const all = (purpose: Purpose): Map<number, Uint8Array> => {
    const epochs = found.get(purpose);
    if (epochs === undefined) throw damaged(purpose, 'missing');
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
    auditEpoch: Math.max(...all('audit').keys()),
  };
};

/** What is wrong with each key of the ring, for one who holds its root key; nothing where the ring is whole. */
export const keyringFaults = async (
  db: Query,
  sodium: Sodium,
  vaultId: string,
  rootKey: Uint8Array,
): Promise<{ id: string; problem: string }[]> => {
  const rows = await rowsOf(db);
  const damagedKeys = rows.filter(({ purpose, epoch, sealed }) => {
    if (!(sealed instanceof Uint8Array)) return true;
    const key = openBlob(sodium, rootKey, associated(vaultId, purpose, epoch), sealed);
    if (key !== undefined) sodium.wipe(key);
    return key?.length !== 32;
  });
  const missing = purposes.filter((purpose) => !rows.some((row) => row.purpose === purpose));
  return [
    ...damagedKeys.map(({ purpose, epoch }) => ({ id: `${purpose} ${epoch}`, problem: 'the key is damaged' })),
    ...missing.map((purpose) => ({ id: purpose, problem: 'the key is missing' })),
  ];
};

/** Seals the audit key as one of `headEpoch`: who has the file alone can't make it one of the first again. */
export const raiseAuditKey = async (
  db: Query,
  sodium: Sodium,
  vaultId: string,
  rootKey: Uint8Array,
): Promise<boolean> => {
  const row = (await rowsOf(db)).find(({ purpose, epoch }) => purpose === 'audit' && epoch === firstEpoch);
  if (row === undefined) return false;
  const key = openBlob(sodium, rootKey, associated(vaultId, row.purpose, row.epoch), row.sealed);
  if (key === undefined) throw damaged(row.purpose, 'damaged');
  const sealed = sealBlob(sodium, rootKey, headEpoch, associated(vaultId, row.purpose, headEpoch), key);
  sodium.wipe(key);
  const sql = 'update keyring set epoch = $3, sealed = $4 where purpose = $1 and epoch = $2';
  return (await db.run(sql, [row.purpose, row.epoch, headEpoch, sealed])) === 1;
};

/** Seals the ring under another root key, and forgets the record keys before `epoch`. */
export const rewrapKeyring = async (
  db: Query,
  sodium: Sodium,
  vaultId: string,
  from: Uint8Array,
  to: Uint8Array,
  epoch: number,
): Promise<void> => {
  await db.run(`delete from keyring where purpose = 'record' and epoch < $1`, [epoch]);
  for (const row of await rowsOf(db)) {
    const place = associated(vaultId, row.purpose, row.epoch);
    const key = openBlob(sodium, from, place, row.sealed);
    if (key === undefined) throw damaged(row.purpose, 'damaged');
    const sealed = sealBlob(sodium, to, row.epoch, place, key);
    sodium.wipe(key);
    await db.run('update keyring set sealed = $3 where purpose = $1 and epoch = $2', [row.purpose, row.epoch, sealed]);
  }
};
