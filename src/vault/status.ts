import { loadSodium } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import { openSqlite } from '../store/sqlite.ts';
import { listKeyslots } from './keyslots.ts';
import { type Place, readHead, type World } from './open.ts';
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
}

const counted = ['projects', 'principals', 'roles', 'api_keys', 'secrets', 'audit_log'] as const;

/** What can be told of a vault, locked or not; it reads no record. */
export const vaultStatus = async (world: World, place: Place): Promise<Status> => {
  const db = await openSqlite(place.path);
  try {
    const head = await readHead(db);
    const slots = await listKeyslots(db);
    const records: Record<string, number> = {};
    for (const table of counted) {
      records[table] = (await db.get<{ count: number }>(`select count(*) as count from ${table}`))?.count ?? 0;
    }
    let unlockedBy: string | undefined;
    let slotInUse: string | undefined;
    let lockedBecause: MobiusError | undefined;
    const sodium = await loadSodium(world.sodium);
    try {
      const unlocked = await unlock(sodium, head.id, slots, place.keys);
      sodium.wipe(unlocked.rootKey);
      unlockedBy = unlocked.source;
      slotInUse = unlocked.slot.id;
    } catch (error) {
      if (!(error instanceof MobiusError) || error.code !== 'locked') throw error;
      lockedBecause = error;
    }
    return {
      path: place.path,
      id: head.id,
      format: head.format,
      createdAt: head.created_at,
      keyslots: slots.map(({ id, kind, created_at: createdAt }) => ({ id, kind, createdAt, inUse: id === slotInUse })),
      records,
      unlockedBy,
      lockedBecause,
    };
  } finally {
    await db.close();
  }
};
