import { loadSodium } from '../crypto.ts';
import { shownPlace } from '../database-url.ts';
import { MobiusError } from '../errors.ts';
import { openDatabase } from './database.ts';
import { type Keyslot, listKeyslots } from './keyslots.ts';
import { type Move, readMoveIfAny, whyNotHere } from './moving.ts';
import { type Place, readHead, requireVault, type World } from './open.ts';
import { unlock } from './unlock.ts';

export interface Status {
  path: string;
  id: string;
  format: number;
  createdAt: number;
  keyslots: readonly { id: string; kind: string; createdAt: number; inUse: boolean }[];
  records: Readonly<Record<string, number>>;
  /** What opened it, or why nothing did. */
  unlockedBy: string | undefined;
  lockedBecause: MobiusError | undefined;
  /** Where it stands that is under way to another place, or was moved there. */
  move: Pick<Move, 'state' | 'place'> | undefined;
  notHereBecause: MobiusError | undefined;
}

const counted = ['projects', 'principals', 'roles', 'api_keys', 'secrets', 'audit_log'] as const;

/** What opens it, tried out. */
const openedBy = async (
  world: World,
  vaultId: string,
  slots: readonly Keyslot[],
  { keys }: Place,
): Promise<{ source: string; slot: string } | { lockedBecause: MobiusError }> => {
  const sodium = await loadSodium(world.sodium);
  try {
    const { rootKey, source, slot } = await unlock(sodium, vaultId, slots, keys);
    sodium.wipe(rootKey);
    return { source, slot: slot.id };
  } catch (error) {
    if (!(error instanceof MobiusError) || error.code !== 'locked') throw error;
    return { lockedBecause: error };
  }
};

/** What can be told of a vault, locked or not; it reads no record. Where somebody `holds` it open no key is tried. */
export const vaultStatus = async (world: World, place: Place, holds?: string): Promise<Status> => {
  const database = await openDatabase(place.path);
  const { db } = database;
  try {
    await requireVault(database, place.path);
    const head = await readHead(db);
    const slots = await listKeyslots(db);
    const records: Record<string, number> = {};
    for (const table of counted) {
      records[table] = (await db.get<{ count: number }>(`select count(*) as count from ${table}`))?.count ?? 0;
    }
    const move = await readMoveIfAny(db);
    const opened =
      holds === undefined ? await openedBy(world, head.id, slots, place) : { source: holds, slot: undefined };
    return {
      path: shownPlace(place.path),
      id: head.id,
      format: head.format,
      createdAt: head.created_at,
      keyslots: slots.map(({ id, kind, created_at: createdAt }) => ({
        id,
        kind,
        createdAt,
        inUse: 'slot' in opened && id === opened.slot,
      })),
      records,
      unlockedBy: 'source' in opened ? opened.source : undefined,
      lockedBecause: 'lockedBecause' in opened ? opened.lockedBecause : undefined,
      move,
      notHereBecause: whyNotHere(move),
    };
  } finally {
    await db.close();
  }
};

/** Its id and the kinds of what opens it, for which no key is needed. */
export const waysInto = async (path: string): Promise<{ id: string; kinds: ReadonlySet<string> }> => {
  const { db } = await openDatabase(path);
  try {
    const { id } = await readHead(db);
    return { id, kinds: new Set((await listKeyslots(db)).map(({ kind }) => kind)) };
  } finally {
    await db.close();
  }
};
