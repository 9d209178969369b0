import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { formatKey, parseKey } from '../core/key-format.ts';
import { randomBytes } from '../crypto.ts';
import { MobiusError } from '../errors.ts';

/** In the format of the API keys, so that a typing error shows and a secret scanner finds it: 32 random bytes. */
export const vaultKeyPrefix = 'mbv_';

export const newVaultKey = (): string => formatKey(vaultKeyPrefix, randomBytes(32));

/** Refuses a text that can't be a vault key, before anything is tried with it. */
export const requireVaultKey = (text: string, source: string): string => {
  const parsed = parseKey(text.trim());
  if (parsed.ok && parsed.prefix === vaultKeyPrefix && parsed.project === undefined) return parsed.key;
  throw new MobiusError('locked', `${source} holds no vault key`, {}, `a vault key begins with "${vaultKeyPrefix}"`);
};

/** Writes a new key file, 0600, synced; never over an existing file. */
export const writeKeyFile = (path: string, key: string): void => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new MobiusError('already_exists', `the key file "${path}" exists already`, {}, 'choose another --key-file');
  }
  try {
    writeSync(file, `${key}\n`);
    fsyncSync(file);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
};

export const readKeyFile = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const missing = !existsSync(path);
    throw new MobiusError(
      'locked',
      missing ? `there is no key file "${path}"` : `the key file "${path}" can't be read: ${(error as Error).message}`,
    );
  }
};

/**
 * The next key of a key file while a re-key is under way. It lies beside the old one until the vault opens with it; a
 * process that was killed in between left both, and whichever opens the vault is the right one.
 */
const nextOf = (path: string): string => `${path}.new`;

/** The key that will stand in this file, kept from an interrupted re-key or made now. */
export const prepareNextKey = (path: string): string => {
  if (existsSync(nextOf(path))) {
    const parsed = parseKey(readFileSync(nextOf(path), 'utf8').trim());
    if (parsed.ok) return parsed.key;
    rmSync(nextOf(path));
  }
  const key = newVaultKey();
  writeKeyFile(nextOf(path), key);
  return key;
};

export const readNextKey = (path: string): string | undefined => {
  try {
    return readFileSync(nextOf(path), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

/** Puts the next key in the old one's place. Of two who do it at once the second finds it done. */
export const adoptNextKey = (path: string): void => {
  try {
    renameSync(nextOf(path), path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
};
