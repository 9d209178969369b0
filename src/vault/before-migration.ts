import { openSqlite, type SqliteDb } from '../store/sqlite.ts';
import { openDraft } from './draft.ts';
import type { World } from './open.ts';

/**
 * Copies the vault to beside itself before migration `id`. Of several processes that come to it at once one migrates and
 * the others may copy what it made: such a copy is thrown away.
 */
export const keepBeforeMigration = async (world: World, file: SqliteDb, id: number): Promise<void> => {
  const draft = openDraft(world, `${file.path}.before-migration-${id}`);
  try {
    await file.copyTo(draft.path);
    const copy = await openSqlite(draft.path, { alone: true });
    const applied = await copy.get('select id from migrations where id = $1', [id]).finally(() => copy.close());
    if (applied === undefined) draft.place(true);
  } finally {
    draft.discard();
  }
};
