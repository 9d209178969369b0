import { existsSync } from 'node:fs';
import type { Sodium } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import { adoptNextKey, readKeyFile, readNextKey, requireVaultKey } from './key-file.ts';
import { type Keyslot, openKeyslot } from './keyslots.ts';
import { type SlotSecret, slotKey } from './slot-keys.ts';

/** What there is to open the vault with. The first that was named decides, and is not passed over if it fails. */
export interface KeySources {
  /** What opened the vault a moment ago, from the process that started this one for it. */
  handed?: Handed;
  /** `--key-file` or its variable. */
  keyFile?: string;
  /** The text of a key file: from the environment, or from a command that prints it. */
  key?: { source: string; read(): Promise<string> };
  /** A passphrase or recovery code that was named: a file, a descriptor, a variable. */
  passphrase?: { source: string; read(): Promise<string> };
  /** Where `vault init` puts the key file of the vault with this id. */
  defaultKeyFile(vaultId: string): string;
  /** The key that the desktop's keychain holds under this account; undefined where there is none to be had. */
  keychain?(account: string): Promise<string | undefined>;
  /** Asks a person, who may mistype it some times; absent where nobody can be asked. */
  ask?(attempt: number): Promise<string>;
}

export interface Unlocked {
  rootKey: Uint8Array;
  slot: Keyslot;
  secret: SlotSecret;
  /** The words that `vault status` tells the source with. */
  source: string;
  /** The key file that was used, which a re-key replaces. */
  keyFile?: string;
}

/** What opens a vault, without the slot that it opens. */
export type Handed = Omit<Unlocked, 'rootKey' | 'slot'>;

type Attempt = Handed;

const mostQuestions = 5;
const firstPauseMs = 500;

const openWith = async (
  sodium: Sodium,
  vaultId: string,
  slots: readonly Keyslot[],
  attempt: Attempt,
): Promise<Unlocked | undefined> => {
  for (const slot of slots) {
    if (!attempt.secret.kinds.some((kind) => kind === slot.kind)) continue;
    const key = await slotKey(sodium, slot, attempt.secret.text);
    if (key === undefined) continue;
    const rootKey = openKeyslot(sodium, vaultId, slot, key);
    sodium.wipe(key);
    if (rootKey !== undefined) return { ...attempt, rootKey, slot };
  }
  return undefined;
};

const fromKeyText = (text: string, source: string, keyFile?: string): Attempt => ({
  secret: { kinds: ['key-file'], text: requireVaultKey(text, source) },
  source,
  ...(keyFile === undefined ? {} : { keyFile }),
});

const fromFile = (path: string): Attempt => fromKeyText(readKeyFile(path), `key file "${path}"`, path);

const fromPerson = (text: string, source: string): Attempt => ({
  secret: { kinds: ['recovery', 'passphrase'], text },
  source,
});

/** A key file, or what a re-key that was killed at its very end left beside it. */
const openWithFile = async (
  sodium: Sodium,
  vaultId: string,
  slots: readonly Keyslot[],
  path: string,
): Promise<Unlocked | undefined> => {
  const source = `key file "${path}"`;
  const openWithText = (text: string | undefined): Promise<Unlocked | undefined> | undefined =>
    text === undefined ? undefined : openWith(sodium, vaultId, slots, fromKeyText(text, source, path));
  const read = (): string | undefined => (existsSync(path) ? readKeyFile(path) : undefined);
  for (;;) {
    const text = read();
    const opened = await openWithText(text);
    if (opened !== undefined) return opened;
    const followed = await openWithText(readNextKey(path));
    if (followed !== undefined) {
      adoptNextKey(path);
      return followed;
    }
    // Between looking at the file and at the next key beside it the one may have become the other.
    if (read() === text) return undefined;
  }
};

/**
 * The root key once more, with what opened the vault before: for one who held it open while it was re-keyed. A key file
 * is read anew, for a re-key has put another key into it.
 */
export const unlockAgain = async (
  sodium: Sodium,
  vaultId: string,
  slots: readonly Keyslot[],
  { secret, source, keyFile }: Handed,
): Promise<Uint8Array | undefined> => {
  const bySecret = await openWith(sodium, vaultId, slots, { secret, source });
  if (bySecret !== undefined || keyFile === undefined) return bySecret?.rootKey;
  return (await openWithFile(sodium, vaultId, slots, keyFile))?.rootKey;
};

const wrong = (source: string, hint: string): MobiusError =>
  new MobiusError('locked', `${source} doesn't open this vault`, {}, hint);

const askUntilRight = async (
  sodium: Sodium,
  vaultId: string,
  slots: readonly Keyslot[],
  ask: NonNullable<KeySources['ask']>,
): Promise<Unlocked> => {
  for (let attempt = 1; attempt <= mostQuestions; attempt++) {
    const opened = await openWith(
      sodium,
      vaultId,
      slots,
      fromPerson(await ask(attempt), 'a passphrase that was typed'),
    );
    if (opened !== undefined) return opened;
    // Only where a person types: a program that has the file guesses without us, and a cron must not be locked out.
    await new Promise((done) => setTimeout(done, firstPauseMs * 2 ** (attempt - 1)));
  }
  throw wrong('what was typed', 'try again, or use the recovery code in its place');
};

const fromKeychain = async (
  sodium: Sodium,
  vaultId: string,
  slots: readonly Keyslot[],
  read: NonNullable<KeySources['keychain']>,
): Promise<Unlocked | undefined> => {
  for (const slot of slots) {
    if (slot.kind !== 'keychain') continue;
    const text = await read(slot.id);
    if (text === undefined) continue;
    const attempt: Attempt = { secret: { kinds: ['keychain'], text }, source: 'the keychain' };
    const opened = await openWith(sodium, vaultId, [slot], attempt);
    if (opened !== undefined) return opened;
  }
  return undefined;
};

/** The lines that open a vault without a person, for the slots that it has. */
const waysIn = (slots: readonly Keyslot[]): string => {
  const kinds = new Set(slots.map(({ kind }) => kind));
  const ways = [
    ...(kinds.has('key-file') ? ['--key-file PATH or MOBIUS_VAULT_KEY_FILE'] : []),
    ...(kinds.has('passphrase') || kinds.has('recovery')
      ? ['--passphrase-file PATH, --passphrase-fd N or MOBIUS_VAULT_PASSPHRASE']
      : []),
  ];
  return `name what opens it: ${ways.join('; or ')}`;
};

/** Tries the sources in their order. Rejects with `locked` where none opens the vault. */
export const unlock = async (
  sodium: Sodium,
  vaultId: string,
  slots: readonly Keyslot[],
  sources: KeySources,
): Promise<Unlocked> => {
  if (sources.handed !== undefined) {
    const opened = await openWith(sodium, vaultId, slots, sources.handed);
    if (opened !== undefined) return opened;
    throw wrong(sources.handed.source, waysIn(slots));
  }
  if (sources.keyFile !== undefined) {
    const opened = await openWithFile(sodium, vaultId, slots, sources.keyFile);
    if (opened !== undefined) return opened;
    // Reading it again tells a file that is not there from one that holds something else.
    throw wrong(fromFile(sources.keyFile).source, 'name the right one: --key-file PATH');
  }
  if (sources.key !== undefined) {
    const { source, read } = sources.key;
    const opened = await openWith(sodium, vaultId, slots, fromKeyText(await read(), source));
    if (opened !== undefined) return opened;
    throw wrong(source, waysIn(slots));
  }
  if (sources.passphrase !== undefined) {
    const { source, read } = sources.passphrase;
    const opened = await openWith(sodium, vaultId, slots, fromPerson(await read(), source));
    if (opened !== undefined) return opened;
    throw wrong(source, waysIn(slots));
  }
  const path = sources.defaultKeyFile(vaultId);
  const byFile = await openWithFile(sodium, vaultId, slots, path);
  if (byFile !== undefined) return byFile;
  const byKeychain = sources.keychain && (await fromKeychain(sodium, vaultId, slots, sources.keychain));
  if (byKeychain !== undefined) return byKeychain;
  const askable = slots.some(({ kind }) => kind === 'passphrase' || kind === 'recovery');
  if (askable && sources.ask !== undefined) return askUntilRight(sodium, vaultId, slots, sources.ask);
  const why = slots.some(({ kind }) => kind === 'key-file') ? `: its key file "${path}" ${whyNot(path)}` : '';
  const hint = askable ? `${waysIn(slots)}; or once for many commands: mobius vault unlock` : waysIn(slots);
  throw new MobiusError('locked', `the vault is locked${why}`, {}, hint);
};

const whyNot = (path: string): string => (existsSync(path) ? "doesn't open it" : 'is not there');
