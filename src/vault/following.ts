import type { Sodium } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import { canonical } from '../store/canonical.ts';
import type { Db, Mode, Query } from '../store/db.ts';
import { memoryAlone, recall } from '../store/memory.ts';
import { openKeyring } from './keyring.ts';
import { refuseWhileMoving } from './moving.ts';
import { type Keys, openBlob } from './sealer.ts';
import { readState, remembering, type State, type Witness } from './witness.ts';

export const nextRootPlace = (vaultId: string, rekeyId: string): Uint8Array =>
  canonical('mobius/next-root/1', vaultId, rekeyId);

export interface Ring {
  keys(): Keys;
  rootKey(): Uint8Array;
  /** Reads the ring again; to be called when the vault's epoch is not the one of `keys`. */
  refresh(db: Query): Promise<void>;
  wipe(): void;
}

/**
 * The opened keys of a vault, which a re-key changes under a running process. While a re-key is under way the next root
 * key lies in the vault sealed under this one: that is how whoever holds this one follows. Where the whole re-key went
 * by unseen, `unlockAnew` opens the vault once more with what opened it.
 */
export const holdRing = async (
  db: Query,
  sodium: Sodium,
  vaultId: string,
  rootKey: Uint8Array,
  unlockAnew: (query: Query) => Promise<Uint8Array | undefined> = async () => undefined,
): Promise<Ring> => {
  let root = rootKey;
  let next: Uint8Array | undefined;

  const readNext = async (query: Query): Promise<void> => {
    const row = await query.get<{ id: string; sealed: Uint8Array }>('select id, sealed from rekey');
    if (row !== undefined) next = openBlob(sodium, root, nextRootPlace(vaultId, row.id), row.sealed) ?? next;
  };

  const read = async (query: Query): Promise<Keys> => {
    const current = await openKeyring(query, sodium, vaultId, root);
    if (current !== undefined) {
      await readNext(query);
      return current;
    }
    // Whoever did nothing from the beginning of a re-key to its end has not seen the next root key.
    for (const open of [async () => next, unlockAnew]) {
      const candidate = await open(query);
      const followed = candidate && (await openKeyring(query, sodium, vaultId, candidate));
      if (candidate === undefined || followed === undefined) continue;
      root = candidate;
      await readNext(query);
      return followed;
    }
    throw new MobiusError('locked', 'the vault has other keys now', {}, 'it was re-keyed: open it anew');
  };

  const first = await openKeyring(db, sodium, vaultId, root);
  if (first === undefined) throw new MobiusError('damaged', "the vault's keys are damaged or missing");
  await readNext(db);
  let keys = first;
  const wipeKeys = ({ records, index, keyHash, audit }: Keys): void => {
    for (const key of [...records.values(), index, keyHash, audit]) sodium.wipe(key);
  };
  return {
    keys: () => keys,
    rootKey: () => root,
    async refresh(query) {
      const before = keys;
      keys = await read(query);
      wipeKeys(before);
    },
    wipe() {
      wipeKeys(keys);
      sodium.wipe(root);
      if (next !== undefined) sodium.wipe(next);
    },
  };
};

/** Thrown inside a transaction that began under keys that are no longer the vault's. */
class StaleKeys extends Error {}

const mostTries = 5;

/**
 * The same Db, every transaction of which begins by asking whether the keys at hand are still the vault's: what is
 * written under an older record key after a re-key went by would be lost with that key. It asks as well whether the vault
 * is still at this place: what is written here after it has begun to leave would be lost with the place.
 *
 * `witness`: where the engine itself can't tell whether what is remembered still stands.
 */
export const followingDb = (db: Db, ring: Ring, witness?: Witness): Db => {
  const requireFresh = (state: State | undefined, mode: Mode): void => {
    if (state !== undefined) refuseWhileMoving(state.state, mode);
    if (state?.epoch !== ring.keys().epoch) throw new StaleKeys();
  };

  const attempt = <T>(mode: Mode, body: (tx: Query) => Promise<T>): Promise<T> =>
    witness === undefined
      ? db.tx(mode, async (tx) => {
          const state = recall(tx, 'vault', () => readState(tx));
          requireFresh(state instanceof Promise ? await state : state, mode);
          return body(tx);
        })
      : witnessed(witness, mode, body);

  const witnessed = async <T>(witness: Witness, mode: Mode, body: (tx: Query) => Promise<T>): Promise<T> => {
    if (mode === 'glance') {
      const { state, memory } = await witness.glance();
      requireFresh(state, mode);
      return body(memoryAlone(memory));
    }
    return db.tx(mode, async (tx) => {
      const { state, memory } = await witness.look(tx);
      requireFresh(state, mode);
      return body(remembering(tx, memory));
    });
  };

  return {
    ...db,
    remembers: () => witness !== undefined || db.remembers?.() !== false,
    async tx(mode, body) {
      for (let tries = 1; ; tries++) {
        try {
          return await attempt(mode, body);
        } catch (error) {
          if (!(error instanceof StaleKeys)) throw error;
          if (tries === mostTries) {
            throw new MobiusError('damaged', "the vault's epoch is not the one of its keys", { table: 'vault' });
          }
          await db.tx('read', (tx) => ring.refresh(tx));
        }
      }
    },
    async close() {
      await db.close();
      ring.wipe();
    },
  };
};
