import { parseKey } from '../core/key-format.ts';
import type { Argon2Cost, Sodium } from '../crypto.ts';
import { randomBytes } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import { canonical } from '../store/canonical.ts';
import { vaultKeyPrefix } from './key-file.ts';
import type { Keyslot } from './keyslots.ts';
import { passphraseBytes } from './passphrase.ts';
import { parseRecoveryCode } from './recovery-code.ts';

export const slotKinds = ['key-file', 'passphrase', 'keychain', 'recovery'] as const;
export type SlotKind = (typeof slotKinds)[number];

/** What a person or a file holds that opens a slot. A recovery code may stand wherever a passphrase is asked for. */
export interface SlotSecret {
  /** What it can open. */
  kinds: readonly SlotKind[];
  text: string;
}

/** A secret of 160 random bits and more needs no stretching; the label keeps the kinds apart. */
const plainKey = (sodium: Sodium, kind: SlotKind, secret: string): Uint8Array =>
  sodium.hash(canonical('mobius/slot-key/1', kind, secret));

interface PassphraseParams {
  algorithm: 'argon2id13';
  operations: number;
  memory_bytes: number;
  salt: string;
}

export const passphraseParams = ({ operations, memoryBytes }: Argon2Cost): string => {
  const params: PassphraseParams = {
    algorithm: 'argon2id13',
    operations,
    memory_bytes: memoryBytes,
    salt: Buffer.from(randomBytes(16)).toString('hex'),
  };
  return JSON.stringify(params);
};

const readParams = (slot: Pick<Keyslot, 'id' | 'params'>): PassphraseParams => {
  const damaged = (): MobiusError =>
    new MobiusError('damaged', `the parameters of the keyslot "${slot.id}" are damaged`, { id: slot.id });
  let params: Partial<PassphraseParams>;
  try {
    params = JSON.parse(slot.params);
  } catch {
    throw damaged();
  }
  const { algorithm, operations, memory_bytes: memory, salt } = params;
  if (algorithm !== 'argon2id13' || !Number.isSafeInteger(operations) || !Number.isSafeInteger(memory)) throw damaged();
  if (typeof salt !== 'string' || !/^[0-9a-f]{32}$/.test(salt)) throw damaged();
  return params as PassphraseParams;
};

/** The key that seals a slot; undefined where the secret can't be one for a slot of this kind. */
export const slotKey = async (
  sodium: Sodium,
  slot: Pick<Keyslot, 'id' | 'kind' | 'params'>,
  text: string,
): Promise<Uint8Array | undefined> => {
  if (slot.kind === 'passphrase') {
    const { operations, memory_bytes: memoryBytes, salt } = readParams(slot);
    const passphrase = passphraseBytes(text);
    const key = await sodium.argon2id(passphrase, Buffer.from(salt, 'hex'), { operations, memoryBytes });
    sodium.wipe(passphrase);
    return key;
  }
  if (slot.kind === 'recovery') {
    const secret = parseRecoveryCode(text);
    return secret === undefined ? undefined : plainKey(sodium, 'recovery', secret);
  }
  const parsed = parseKey(text.trim());
  if (!parsed.ok || parsed.prefix !== vaultKeyPrefix) return undefined;
  return plainKey(sodium, slot.kind as SlotKind, parsed.key);
};
