import { statSync } from 'node:fs';
import { MobiusError } from '../errors.ts';
import { missingOf } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import { openSqlite, type SqliteDb } from '../store/sqlite.ts';
import { listKeyslots } from './keyslots.ts';
import { readMoveIfAny, whyNotHere } from './moving.ts';
import { readHead } from './open.ts';

/** What a vault's file shows without a key. */
export interface Glance {
  id: string;
  createdAt: number;
  sizeBytes: number;
  /** What the engine finds wrong with the file's structure. */
  faults: readonly string[];
  /** How many migrations this program would apply. */
  missing: number;
  keyslots: readonly string[];
  movedBecause: MobiusError | undefined;
  engine: string;
}

/** What is too damaged to be looked at is damaged. */
const faultsIn = async (file: SqliteDb): Promise<readonly string[]> => {
  try {
    return (await file.integrity('quick')).map((words) => words.replace(/\s*\n\s*/g, '; '));
  } catch (error) {
    if (error instanceof MobiusError && error.code === 'damaged') return [error.message];
    throw error;
  }
};

/** Looks at the file and changes nothing. Others may use it meanwhile. */
export const glanceAt = async (path: string): Promise<Glance> => {
  const file = await openSqlite(path, { readOnly: true, busyMs: 2_000 });
  try {
    const version = await file.get<{ version: string }>('select sqlite_version() as version');
    const faults = await faultsIn(file);
    const { missing } = await missingOf(file, migrations);
    const { id, created_at: createdAt } = await readHead(file);
    return {
      id,
      createdAt,
      sizeBytes: statSync(path).size,
      faults,
      missing: missing.length,
      keyslots: (await listKeyslots(file)).map(({ kind }) => kind),
      movedBecause: whyNotHere(await readMoveIfAny(file)),
      engine: `SQLite ${version?.version ?? ''}`,
    };
  } finally {
    await file.close();
  }
};
