import { resolve } from 'node:path';
import { parseKey } from '../core/key-format.ts';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Call } from '../operations.ts';
import type { Place, World } from '../vault/open.ts';
import type { Context, Globals } from './command.ts';
import { namedPassphrase } from './passphrases.ts';
import { defaultKeyFile, vaultPath } from './places.ts';

/** What commands run against: the same Call, wherever it leads. */
export interface Target {
  call: Call;
  /** In words, for who wants to know what the line led to. */
  about: string;
  /** To be called after the answer was written: it does what could wait until then. */
  close(): Promise<void>;
}

export const worldOf = (io: Io): World => ({
  now: io.now,
  newUuid: io.newUuid,
  ...(io.env.MOBIUS_SODIUM ? { sodium: io.env.MOBIUS_SODIUM } : {}),
});

/** Where the local vault is and what it opens with. */
export const placeOf = (io: Io, globals: Globals): Place => {
  const passphrase = namedPassphrase(io, globals);
  return {
    path: vaultPath(io, globals.vault),
    keys: {
      ...(globals.keyFile === undefined ? {} : { keyFile: resolve(io.cwd, globals.keyFile) }),
      ...(io.env.MOBIUS_VAULT_KEY ? { key: io.env.MOBIUS_VAULT_KEY } : {}),
      ...(passphrase === undefined ? {} : { passphrase }),
      defaultKeyFile: (vaultId) => defaultKeyFile(io, vaultId),
      keychain: async (account) => {
        const { openKeychain } = await import('../vault/keychain.ts');
        const keychain = openKeychain(io);
        return typeof keychain === 'string' ? undefined : keychain.read(account);
      },
      ...(io.terminal === undefined || !globals.input ? {} : { ask: (attempt) => askToOpen(io, globals, attempt) }),
    },
  };
};

const askToOpen = async (io: Io, globals: Globals, attempt: number): Promise<string> => {
  const { createPrompt } = await import('./prompt.ts');
  const prompt = createPrompt(io, globals, 'mobius vault status --help');
  return prompt.hidden(
    attempt === 1 ? 'Passphrase of the vault:' : "That doesn't open it. Passphrase or recovery code:",
  );
};

/** The project that a call names: as given, else the one that the key's suffix names, else `default`. */
export const projectOf = (globals: Globals): string => {
  const parsed = globals.apiKey === undefined || globals.asOwner ? undefined : parseKey(globals.apiKey);
  const bound = parsed?.ok ? parsed.project : undefined;
  if (bound !== undefined && globals.project !== undefined && bound !== globals.project) {
    throw new MobiusError('usage', `the API key is for project "${bound}", not "${globals.project}"`, {
      field: 'project',
    });
  }
  return globals.project ?? bound ?? 'default';
};

export const openTarget = async (io: Io, globals: Globals): Promise<Target> => {
  if (globals.apiUrl !== undefined || globals.profile !== undefined) {
    const flag = globals.apiUrl === undefined ? '--profile' : '--api-url';
    throw new MobiusError(
      'unsupported',
      `this version of mobius works on local vaults only, so ${flag} can't be followed`,
      {},
      `leave ${flag} and its variable out`,
    );
  }
  const { openLocal } = await import('../calls/local.ts');
  const actor =
    globals.apiKey === undefined || globals.asOwner
      ? ({ kind: 'owner' } as const)
      : ({ kind: 'bearer', text: globals.apiKey } as const);
  const { vault, call, close: end } = await openLocal(worldOf(io), placeOf(io, globals), actor);
  const close = async (): Promise<void> => {
    if (!(await end()).scrubPending) return;
    const why = 'what was destroyed still lies in the log of the vault, which somebody is reading';
    throw new MobiusError('service_unavailable', `${why}; the next command clears it`);
  };
  const who = actor.kind === 'owner' ? 'its owner' : 'the API key';
  return { call, close, about: `the vault "${vault.id}", opened by ${vault.unlocked.source}, as ${who}` };
};

/** Once an answer is out and holds, what could wait until then is worth a word, not a failure. */
export const letGo = ({ close }: Pick<Target, 'close'>, warn: (line: string) => void): Promise<void> =>
  close().catch((error: Error) => warn(`the work after the answer was left undone: ${error.message}`));

/** For a command that asks for values before it does something with them: the target is closed again by then. */
export const useTarget =
  (io: Io, globals: Globals, { warn, debug }: Pick<Context, 'warn' | 'debug'>) =>
  async (): Promise<{ call: Call; project: string; close(): Promise<void> }> => {
    const target = await openTarget(io, globals);
    debug(target.about);
    return { call: target.call, project: projectOf(globals), close: () => letGo(target, warn) };
  };
