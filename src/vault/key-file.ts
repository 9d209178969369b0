import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { formatKey, parseKey } from '../core/key-format.ts';
import { randomBytes, sha256 } from '../crypto.ts';
import { MobiusError } from '../errors.ts';

/** In the format of the API keys, so that a typing error shows and a secret scanner finds it: 32 random bytes. */
const prefix = 'mbv_';

export const newVaultKey = (): string => formatKey(prefix, randomBytes(32));

/** The bytes that seal a slot. The text has 256 random bits, so one hash is enough. */
export const slotKeyOf = (text: string, source: string): Uint8Array => {
  const parsed = parseKey(text.trim());
  if (!parsed.ok || parsed.prefix !== prefix || parsed.project !== undefined) {
    throw new MobiusError('locked', `${source} holds no vault key`, {}, `a vault key begins with "${prefix}"`);
  }
  return sha256(new TextEncoder().encode(parsed.key));
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
    unlinkSync(path);
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
