import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Context, Globals } from './command.ts';
import { reasonOf } from './files.ts';

/** One final line end belongs to the file, not to the passphrase. */
const withoutLineEnd = (text: string): string => text.replace(/\r?\n$/, '');

const readFrom = (from: string | number, said: string): string => {
  try {
    return withoutLineEnd(readFileSync(from, 'utf8'));
  } catch (error) {
    throw new MobiusError('usage', `could not read ${said}: ${reasonOf(error)}`);
  }
};

/** The passphrase that the line or the environment names, with the words that tell where it came from. */
export const namedPassphrase = (io: Io, globals: Globals): { source: string; read(): Promise<string> } | undefined => {
  const { passphraseFile, passphraseFd } = globals;
  if (passphraseFd !== undefined) {
    const source = `descriptor ${passphraseFd}`;
    return { source, read: async () => readFrom(passphraseFd, source) };
  }
  if (passphraseFile !== undefined) {
    const source = `passphrase file "${passphraseFile}"`;
    return { source, read: async () => readFrom(resolve(io.cwd, passphraseFile), source) };
  }
  const { MOBIUS_VAULT_PASSPHRASE: text } = io.env;
  return text ? { source: 'MOBIUS_VAULT_PASSPHRASE', read: async () => text } : undefined;
};

/** A new passphrase: as named, from the file that `--new-passphrase-file` names, or typed twice. A weak one is told so. */
export const newPassphrase = async ({ io, flags, prompt, warn }: Context, named?: string): Promise<string> => {
  const { 'new-passphrase-file': path } = flags;
  const given =
    typeof path === 'string'
      ? readFrom(path === '-' ? 0 : resolve(io.cwd, path), path === '-' ? 'standard input' : `"${path}"`)
      : named;
  const chosen = given ?? (await prompt.hidden('New passphrase:'));
  if (chosen === '') throw new MobiusError('usage', 'the passphrase must not be empty');
  if (given === undefined && (await prompt.hidden('The same again:')) !== chosen) {
    throw new MobiusError('usage', 'the two passphrases differ', {}, 'nothing was changed; try again');
  }
  const { weakness } = await import('../vault/passphrase.ts');
  const why = weakness(chosen);
  if (why !== undefined) warn(why);
  return chosen;
};

/** The flag that goes with `newPassphrase`. */
export const newPassphraseFlag = {
  name: 'new-passphrase-file',
  value: 'PATH',
  description: 'read the new passphrase from this file, - for stdin, instead of asking',
} as const;
