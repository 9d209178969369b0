import { existsSync } from 'node:fs';
import type { Sodium } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import { readKeyFile, slotKeyOf } from './key-file.ts';
import { type Keyslot, openKeyslot } from './keyslots.ts';

/** What a person gave to open the vault with; the first that is there decides, and is not passed over if it fails. */
export interface KeySources {
  /** `--key-file` or its variable. */
  keyFile?: string;
  /** The text of a key file, from the environment. */
  key?: string;
  /** Where `vault init` puts the key file of the vault with this id. */
  defaultKeyFile(vaultId: string): string;
}

export interface Unlocked {
  rootKey: Uint8Array;
  slot: Keyslot;
  /** The words that `vault status` tells the source with. */
  source: string;
}

const pickKey = (sources: KeySources, vaultId: string): { text: string; source: string } => {
  if (sources.keyFile !== undefined) {
    return { text: readKeyFile(sources.keyFile), source: `key file "${sources.keyFile}"` };
  }
  if (sources.key !== undefined) return { text: sources.key, source: 'MOBIUS_VAULT_KEY' };
  const path = sources.defaultKeyFile(vaultId);
  if (existsSync(path)) return { text: readKeyFile(path), source: `key file "${path}"` };
  throw new MobiusError(
    'locked',
    `the vault is locked: its key file "${path}" is not there`,
    {},
    'name the key file: --key-file PATH or MOBIUS_VAULT_KEY_FILE',
  );
};

export const unlock = (sodium: Sodium, vaultId: string, slots: readonly Keyslot[], sources: KeySources): Unlocked => {
  const { text, source } = pickKey(sources, vaultId);
  const slotKey = slotKeyOf(text, source);
  try {
    for (const slot of slots) {
      if (slot.kind !== 'key-file') continue;
      const rootKey = openKeyslot(sodium, vaultId, slot, slotKey);
      if (rootKey !== undefined) return { rootKey, slot, source };
    }
  } finally {
    sodium.wipe(slotKey);
  }
  throw new MobiusError('locked', `${source} doesn't open this vault`, {}, 'name the right one: --key-file PATH');
};
