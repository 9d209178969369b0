import { idPrefixes, typeId } from '../core/ids.ts';
import { shownPlace } from '../database-url.ts';
import { MobiusError } from '../errors.ts';
import type { Db } from '../store/db.ts';
import { isAddress } from '../vault-place.ts';
import type { Steps } from './backup.ts';
import { type Bookkeeping, checkContents, checkStructure } from './check.ts';
import { realPlace } from './draft.ts';
import { listKeyslots } from './keyslots.ts';
import { compareAll, copyAll, countRows } from './move-copy.ts';
import {
  claim,
  endedBefore,
  type Goal,
  goalOf,
  holdsTables,
  makeTables,
  openTarget,
  removeCopy,
  requireRoom,
  type Target,
} from './move-target.ts';
import { type Move, readMove, whyNotHere } from './moving.ts';
import { holdVault, openToMove, type Place, readHead, type Vault, type World } from './open.ts';
import { rekeyPending } from './rekey.ts';
import { makeFindings } from './report.ts';
import { finishScrub } from './scrub.ts';
import { unlockAgain } from './unlock.ts';

export interface Moved {
  id: string;
  from: string;
  to: string;
  /** The rows of each table, here and there. */
  records: Readonly<Record<string, number>>;
}

export interface MoveWish {
  steps: Steps;
  bookkeeping: Bookkeeping;
  /** Called when the old place is only read from now on. */
  onMarked(): void;
}

/** The vault at its old place; `base` asks nothing of who is under way. */
interface Source {
  vault: Vault;
  base: Db;
  shown: string;
}

const shownFrom = ({ path }: Place): string => (isAddress(path) ? shownPlace(path) : realPlace(path));

const refuseOther = (move: Move | undefined, goal: Goal): void => {
  if (move === undefined || (move.state === 'leaving' && move.place === goal.shown)) return;
  if (move.state === 'left' && move.place === goal.shown) return;
  const why = whyNotHere(move);
  if (why !== undefined) throw why;
  const hint = `go on with that: --to "${move.place}"; or give it up first: mobius vault move --abort`;
  throw new MobiusError('conflict', `the vault is being moved to "${move.place}"`, { reason: 'moving' }, hint);
};

/**
 * From here on the old place is only read. One that began to use it before it knew of moves looks at the epoch alone,
 * and finds none that it has keys for.
 */
const mark = ({ vault }: Source, goal: Goal, { id, now }: { id: string; now: number }, wish: MoveWish): Promise<void> =>
  vault.db.tx('write', async (tx) => {
    if (await rekeyPending(tx)) {
      throw new MobiusError('conflict', 'a re-key is under way', {}, 'finish it first: mobius vault rekey');
    }
    await wish.bookkeeping.record(vault, tx, 'vault.move', { to: goal.shown });
    await tx.run(
      `insert into moves (id, state, place, step, after_key, started_at) values ($1, 'leaving', $2, '', '', $3)`,
      [id, goal.shown, now],
    );
    await tx.run('update vault set epoch = -epoch');
  });

const giveUp = 'give up the move (mobius vault move --abort), and look at the vault: mobius vault check';

/** It opens with what opened the old one, and everything in it is what it should be. */
const checkCopy = async ({ vault }: Source, { db, file }: Target, wish: MoveWish): Promise<void> => {
  const { sodium, unlocked } = vault;
  const rootKey = await unlockAgain(sodium, vault.id, await listKeyslots(db), unlocked);
  if (rootKey === undefined) throw new MobiusError('damaged', "the copy doesn't open", {}, giveUp);
  const copy = await holdVault({ db }, sodium, await readHead(db), { ...unlocked, rootKey });
  const findings = makeFindings();
  try {
    if (file !== undefined) await checkStructure(file, findings);
    await checkContents(db, copy, wish.bookkeeping, findings, wish.steps('checking the copy'));
  } finally {
    copy.ring.wipe();
  }
  const [first, ...more] = findings.report().problems;
  if (first === undefined) return;
  const message = `what was copied is damaged: ${first.table}: ${first.problem}`;
  throw new MobiusError('damaged', message, { problems: [first, ...more].slice(0, 20) }, giveUp);
};

/** Of one move that was given up while it ran. */
const gone = (): MobiusError =>
  new MobiusError('conflict', 'the move was given up meanwhile', {}, 'the vault is where it was: mobius vault status');

/** The target was verified. Whoever gives up the move comes before this, and then it changes nothing; or too late. */
const change = async (db: Db, id: string, from: Move['state'], to: Move['state']): Promise<void> => {
  const count = await db.tx('write', (tx) =>
    tx.run('update moves set state = $1 where id = $2 and state = $3', [to, id, from]),
  );
  if (count === 0 && (await readMove(db))?.state !== to) throw gone();
};

/** All but the last step: a whole copy that nobody uses yet, and an old place that nobody uses any more. */
const bring = async (
  world: World,
  source: Source,
  goal: Goal,
  target: Target,
  { id, begun }: { id: string; begun: boolean },
  wish: MoveWish,
): Promise<Moved['records']> => {
  const { base, vault, shown } = source;
  const now = world.now();
  await makeTables(target, world);
  await requireRoom(target, goal, id);
  if (!begun) await mark(source, goal, { id, now }, wish);
  wish.onMarked();
  await claim(target, goal, { id, from: shown, now, head: { id: vault.id, created_at: vault.createdAt } });
  await copyAll(base, target.db, id, wish.steps('copying'));
  const records = await compareAll(base, target.db, vault.sealer, wish.steps('comparing'));
  await checkCopy(source, target, wish);
  await change(target.db, id, 'arriving', 'arrived');
  await change(base, id, 'leaving', 'left');
  return records;
};

/** What a process that was killed after all but the last step has left. */
const requireArrived = async ({ db }: Target, source: Source, goal: Goal, move: Move): Promise<void> => {
  const there = await readMove(db);
  if (there?.id === move.id && there.state === 'arrived') return;
  const isWhole = there === undefined && (await readHead(db)).id === source.vault.id;
  // A file has still to get its name.
  if (isWhole && !isAddress(goal.to)) return;
  throw (
    (isWhole ? whyNotHere(move) : undefined) ??
    new MobiusError('conflict', `"${goal.shown}" doesn't hold what was moved there`)
  );
};

/**
 * Moves a vault to another place, row by row as it is: it keeps its id, its keys and its log. From the beginning the old
 * place is only read; the new one is used when all that is in it was compared and opened. Of a process that was killed
 * at any moment another goes on where it was.
 */
export const moveVault = async (world: World, place: Place, to: string, wish: MoveWish): Promise<Moved> => {
  const goal = goalOf(to);
  const { vault, base } = await openToMove(world, place);
  const source: Source = { vault, base, shown: shownFrom(place) };
  const result = { id: vault.id, from: source.shown, to: goal.shown };
  let target: Target | undefined;
  try {
    if (goal.shown === source.shown && !isAddress(goal.to)) {
      throw new MobiusError('usage', `"${goal.shown}" is the vault itself`, {}, 'name the place where it is to be');
    }
    const move = await readMove(base);
    refuseOther(move, goal);
    if (move !== undefined) wish.onMarked();
    if (move?.state === 'left' && endedBefore(goal, move.id)) return { ...result, records: await countRows(base) };
    const id = move?.id ?? typeId(idPrefixes.move, world.newUuid());
    target = await openTarget(goal, id, move?.state !== 'left').catch((error: unknown) => {
      const isGone = error instanceof MobiusError && error.code === 'not_initialised';
      // The draft has its name: the move has ended.
      throw (isGone ? whyNotHere(move) : undefined) ?? error;
    });
    let records: Moved['records'] | undefined;
    if (move?.state === 'left') await requireArrived(target, source, goal, move);
    else records = await bring(world, source, goal, target, { id, begun: move !== undefined }, wish);
    records ??= await countRows(target.db);
    await target.use();
    await finishScrub(vault.file);
    return { ...result, records };
  } finally {
    await target?.close();
    await vault.db.close();
  }
};

/** Whether there was a copy at `to`, which is removed. */
export interface GivenUp {
  id: string;
  place?: string;
  removed: boolean;
}

/**
 * Gives up a move that has not ended: the vault is used where it was. The old place is given back first: from then on no
 * process can end the move, so what lies at the new one is of no use to anybody.
 */
export const abortMove = async (
  world: World,
  place: Place,
  to: string | undefined,
  { bookkeeping }: Pick<MoveWish, 'bookkeeping'>,
): Promise<GivenUp> => {
  const { vault, base } = await openToMove(world, place);
  try {
    const move = await readMove(base);
    // Of an address only so much is known as may be shown.
    const known = to ?? (move === undefined || isAddress(move.place) ? undefined : move.place);
    const goal = known === undefined ? undefined : goalOf(known);
    const why = whyNotHere(move);
    if (why !== undefined) throw why;
    if (move === undefined && goal === undefined) {
      throw new MobiusError('conflict', 'the vault is not being moved', {}, 'see: mobius vault status');
    }
    if (move !== undefined && goal !== undefined && move.place !== goal.shown) refuseOther(move, goal);
    if (move !== undefined) {
      await base.tx('write', async (tx) => {
        const count = await tx.run("delete from moves where id = $1 and state = 'leaving'", [move.id]);
        if (count === 0) throw new MobiusError('conflict', 'the move has ended meanwhile');
        await tx.run('update vault set epoch = abs(epoch)');
        await bookkeeping.record(vault, tx, 'vault.move-abort', { to: move.place });
      });
    }
    const removed = goal !== undefined && (await holdsTables(goal)) && (await removeCopy(goal, vault.id, move?.id));
    return { id: vault.id, ...(move === undefined ? {} : { place: move.place }), removed };
  } finally {
    await vault.db.close();
  }
};
