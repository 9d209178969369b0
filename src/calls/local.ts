import type { Actor } from '../core/caller.ts';
import { type Core, makeCore } from '../core/core.ts';
import { randomBytes } from '../crypto.ts';
import type { Call } from '../operations.ts';
import type { Db } from '../store/db.ts';
import type { Sealer } from '../store/sealer.ts';
import { createVault, openVault, type Place, type Vault, type World } from '../vault/open.ts';

const coreOver = (world: World, db: Db, sealer: Sealer): Core =>
  makeCore({ db, sealer, randomBytes, now: world.now, newUuid: world.newUuid });

export interface Local {
  vault: Vault;
  call: Call;
  /** Writes what could wait until the answer was out, then lets go of the file. */
  close(): Promise<void>;
}

export const openLocal = async (world: World, place: Place, actor: Actor): Promise<Local> => {
  const vault = await openVault(world, place);
  const core = coreOver(world, vault.db, vault.sealer);
  return {
    vault,
    call: core.as(actor),
    async close() {
      try {
        await core.settle();
      } finally {
        await vault.db.close();
      }
    },
  };
};

/** A new vault with the project that commands use when they name none. */
export const createLocal = (world: World, place: Place): Promise<{ id: string; keyFile: string }> =>
  createVault(world, place, async (db, sealer, id) => {
    const core = coreOver(world, db, sealer);
    await core.record('vault.init', { type: 'vault', id });
    await core.as({ kind: 'owner' })('projects.create', { name: 'Default', handle: 'default' });
  });
