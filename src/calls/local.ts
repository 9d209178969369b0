import type { Actor } from '../core/caller.ts';
import { type Core, makeCore, type Ports } from '../core/core.ts';
import { systemRoles } from '../core/role-book.ts';
import {
  newSigningKey,
  publicKeyBytes,
  randomBytes,
  type Sodium,
  sha256,
  signEd25519,
  signingKeyFrom,
} from '../crypto.ts';
import type { Call } from '../operations.ts';
import { makePasswords } from '../passwords.ts';
import type { Bookkeeping } from '../vault/check.ts';
import type { Created, FirstSlot } from '../vault/create.ts';
import { openToLook, openVault, type Place, type Vault, type World } from '../vault/open.ts';
import { finishScrub } from '../vault/scrub.ts';

const signaturesWith = (sodium: Sodium): Ports['signatures'] => ({
  newKey: newSigningKey,
  keyFrom: signingKeyFrom,
  sign: signEd25519,
  verify: (publicKey, message, signature) => sodium.verifyEd25519(publicKeyBytes(publicKey), message, signature),
});

/** What a server has that a command on this machine has not. */
type Serving = Pick<Ports, 'publicUrl' | 'openRegistration'>;

/** The core over an open vault. */
export const coreOver = (
  world: World,
  { id, db, sealer, sodium }: Pick<Vault, 'id' | 'db' | 'sealer' | 'sodium'>,
  serving: Serving = {},
): Core =>
  makeCore({
    ...serving,
    db,
    sealer,
    issuer: id,
    randomBytes,
    sha256,
    signatures: signaturesWith(sodium),
    passwords: makePasswords(world.sodium),
    anchors: async () => {
      const anchoring = await world.anchoring?.();
      return anchoring && (await import('../audit/anchor-file.ts')).openAnchorFile(anchoring, id);
    },
    now: world.now,
    newUuid: world.newUuid,
  });

export interface Local {
  vault: Vault;
  call: Call;
  record: Core['record'];
  /**
   * Does what could wait until the answer was out, then lets go of the file. `scrubPending`: what was removed still lies
   * in the log, because somebody is reading it.
   */
  close(which?: 'all' | 'rest'): Promise<{ scrubPending: boolean }>;
}

/** A vault that many callers share, as a server has it. */
export interface Served extends Pick<Local, 'vault' | 'close'> {
  core: Core;
  /** What is to be done about once a second. */
  settle(): Promise<void>;
}

export const openServed = async (world: World, place: Place, serving?: Serving): Promise<Served> => {
  const vault = await openVault(world, place);
  const core = coreOver(world, vault, serving);
  return {
    vault,
    core,
    async settle() {
      await core.settle('due');
      await finishScrub(vault.file);
    },
    async close(which = 'all') {
      try {
        await core.settle(which);
        return { scrubPending: !(await finishScrub(vault.file)) };
      } finally {
        await vault.db.close();
      }
    },
  };
};

export const openLocal = async (world: World, place: Place, actor: Actor): Promise<Local> => {
  const { vault, core, close } = await openServed(world, place);
  return { vault, call: core.as(actor), record: core.record, close };
};

/** The vault for its owner who only looks: nothing is written, not even what else waits for the next command. */
export const lookInto = async (
  world: World,
  path: string,
  keyFile: (id: string) => string,
): Promise<{ call: Call; close(): Promise<void> } | undefined> => {
  const vault = await openToLook(world, path, keyFile);
  return vault && { call: coreOver(world, vault).as({ kind: 'owner' }), close: () => vault.db.close() };
};

/** A new vault with the project that commands use when they name none. */
export const createLocal = async (
  world: World,
  place: Place,
  first: FirstSlot = { kind: 'key-file' },
): Promise<Created> => {
  const { createVault } = await import('../vault/create.ts');
  return createVault(world, place, first, async (vault) => {
    const core = coreOver(world, vault);
    await vault.db.tx('write', (tx) => core.record(tx, 'vault.init', { type: 'vault', id: vault.id }));
    await core.as({ kind: 'owner' })('projects.create', { name: 'Default', handle: 'default' });
  });
};

/** What looking after a vault needs of the core, without a call. */
export const bookkeepingOf = (world: World): Bookkeeping => ({
  builtInIds: new Set(systemRoles.map(({ id }) => id)),
  record: (vault, tx, action, changes) =>
    coreOver(world, vault).record(tx, action, { type: 'vault', id: vault.id, changes }),
});
