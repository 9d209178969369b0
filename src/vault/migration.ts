import { shownPlace } from '../database-url.ts';
import { missingOf } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import { openDatabase } from './database.ts';
import { migrateVault, type Place, type World } from './open.ts';

export interface Migrated {
  /** The database, as it may be shown. */
  shown: string;
  /** How many migrations had been applied. */
  applied: number;
  /** Those that had not. */
  missing: readonly number[];
}

/** Brings a database to what this program knows; `onlyLooking` tells what there would be to do. */
export const migrateDatabase = async (world: World, { path }: Place, onlyLooking: boolean): Promise<Migrated> => {
  const database = await openDatabase(path, { patient: true });
  try {
    const { applied, missing } = await missingOf(database.db, migrations);
    if (!onlyLooking) await migrateVault(world, database);
    return { shown: shownPlace(path), applied: applied.size, missing: missing.map(({ id }) => id) };
  } finally {
    await database.db.close();
  }
};
