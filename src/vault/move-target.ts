import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { shownPlace } from '../database-url.ts';
import { MobiusError } from '../errors.ts';
import type { Db } from '../store/db.ts';
import { everyTable, movesTable } from '../store/every-table.ts';
import { syncFile, syncFolder } from '../store/files.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import { openSqlite, type SqliteDb } from '../store/sqlite.ts';
import { translate } from '../store/sqlite-faults.ts';
import { isAddress } from '../vault-place.ts';
import { sameFile } from './backup.ts';
import { refuseStrayLog } from './create.ts';
import { openDatabase } from './database.ts';
import { realPlace, removeDatabase, takeName } from './draft.ts';
import { firstStep, putRows } from './move-copy.ts';
import { readMove, readMoveIfAny } from './moving.ts';
import type { World } from './open.ts';

/** Where a vault is moved to: the path of a file or an address, and how it is shown. */
export interface Goal {
  to: string;
  shown: string;
}

export interface Target {
  db: Db;
  file?: SqliteDb;
  /** The last step of a move: what is there is the vault from now on. */
  use(): Promise<void>;
  close(): Promise<void>;
}

/** A link is followed, so that it is the same place whoever names it from wherever. */
export const goalOf = (to: string): Goal => {
  if (isAddress(to)) return { to, shown: shownPlace(to) };
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
  const path = realPlace(to);
  return { to: path, shown: path };
};

/** Another process that goes on with the same move. */
const patienceMs = 2_000;

const taken = ({ shown }: Goal, what: string, hint: string): MobiusError =>
  new MobiusError('already_exists', `"${shown}" holds ${what}`, {}, hint);

const otherPlace = 'name a place that is empty';

/** A file gets its name when it is whole; until then it lies beside it, under the name of the move. */
const draftOf = ({ to }: Goal, id: string): string => `${to}.${id}`;

/** Whether the last step of the move was done, but for the name that the draft had. */
export const endedBefore = (goal: Goal, id: string): boolean => {
  if (isAddress(goal.to) || !sameFile(draftOf(goal, id), goal.to)) return false;
  removeDatabase(draftOf(goal, id));
  return true;
};

const nameDraft = (draft: string, path: string): void => {
  try {
    syncFile(draft);
    takeName(draft, path);
    syncFolder(dirname(path));
  } catch (error) {
    throw translate(error, path);
  }
  removeDatabase(draft);
};

/** Opens the place that move `id` goes to. Only a `fresh` one is made where there is nothing. */
export const openTarget = async (goal: Goal, id: string, fresh: boolean): Promise<Target> => {
  const forget = (db: Db): Promise<number> =>
    db.tx('write', (tx) => tx.run("delete from moves where id = $1 and state = 'arrived'", [id]));
  if (isAddress(goal.to)) {
    const { db } = await openDatabase(goal.to, { patient: true });
    return { db, use: async () => void (await forget(db)), close: db.close };
  }
  const draft = draftOf(goal, id);
  if (!fresh && !existsSync(draft)) throw new MobiusError('not_initialised', `there is no "${draft}"`);
  if (existsSync(goal.to)) throw taken(goal, 'something already', 'name a file that is not there, or remove that one');
  refuseStrayLog(goal.to);
  // Nobody else has it open, and there is no log that could be left behind.
  const file = await openSqlite(draft, { create: fresh, alone: true, busyMs: patienceMs });
  const use = async (): Promise<void> => {
    await forget(file);
    await file.close();
    nameDraft(draft, goal.to);
  };
  return { db: file, file, use, close: file.close };
};

/** Refuses a place that holds something else than what this move brought there. */
export const requireRoom = async ({ db }: Target, goal: Goal, id: string): Promise<void> => {
  const move = await readMove(db);
  if (move?.id === id && (move.state === 'arriving' || move.state === 'arrived')) return;
  if (move?.state === 'left') {
    throw taken(goal, 'what is left of a vault that was moved away', `remove it first, or ${otherPlace}`);
  }
  if (move?.state === 'arriving') {
    const hint = 'if that was given up, remove what is there: mobius vault move --abort --to PLACE';
    throw taken(goal, 'the beginning of another move', hint);
  }
  if ((await db.get('select id from vault')) !== undefined || move !== undefined) {
    throw taken(goal, 'a vault already', otherPlace);
  }
};

export const makeTables = ({ db }: Target, world: World): Promise<void> =>
  migrate(db, migrations, { now: world.now() });

/** Makes the place this move's own: from here on nobody else makes a vault of it, and nobody opens it. */
export const claim = async (
  { db }: Target,
  goal: Goal,
  { id, from, now, head }: { id: string; from: string; now: number; head: { id: string; created_at: number } },
): Promise<void> => {
  const row = { id: head.id, format: 0, epoch: 0, scrub_pending_at: null, created_at: head.created_at };
  await db.tx('write', async (tx) => {
    if ((await readMove(tx))?.id === id) return;
    if ((await tx.get('select id from vault')) !== undefined) throw taken(goal, 'a vault already', otherPlace);
    await tx.run(
      `insert into moves (id, state, place, step, after_key, started_at) values ($1, 'arriving', $2, $3, '', $4)`,
      [id, from, firstStep, now],
    );
    await putRows(tx, { name: 'vault', key: ['id'] }, [row]);
  });
};

/** Removes what a move has brought that was given up; `mine` where it is known which. */
export const removeCopy = async (goal: Goal, vaultId: string, mine: string | undefined): Promise<boolean> => {
  if (!isAddress(goal.to)) {
    const draft = mine === undefined ? undefined : draftOf(goal, mine);
    if (draft === undefined || !existsSync(draft)) return false;
    removeDatabase(draft);
    return true;
  }
  const { db } = await openDatabase(goal.to);
  try {
    return await db.tx('write', async (tx) => {
      const move = await readMove(tx);
      const there = await tx.get<{ id: string }>('select id from vault');
      // What has arrived whole and nobody here knows of may be all that there is of a vault.
      const isMine = mine === undefined ? move?.state === 'arriving' : move?.id === mine;
      if (move === undefined || there?.id !== vaultId || !isMine) return false;
      await tx.run(`drop table ${movesTable}`);
      for (const { name } of everyTable.toReversed()) await tx.run(`drop table ${name}`);
      return true;
    });
  } finally {
    await db.close();
  }
};

/** Whether a place has anything of mobius at all: asking a database of nothing else for a table would be a fault. */
export const holdsTables = async ({ to }: Goal): Promise<boolean> => {
  if (!isAddress(to)) return true;
  const { db } = await openDatabase(to);
  try {
    return (await readMoveIfAny(db)) !== undefined;
  } finally {
    await db.close();
  }
};
