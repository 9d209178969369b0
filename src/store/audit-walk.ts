import { auditLog, isSame, linkOf, type Mark, macOf, rowsAfter } from './audit.ts';
import type { Row } from './db.ts';
import type { Sealing, Store } from './table.ts';

/** One thing that is wrong with the log, and where. */
export interface Finding {
  kind: 'changed' | 'inserted' | 'removed' | 'moved' | 'cut_off';
  /** The number of the first entry that it is about; absent where it has none. */
  seq?: number;
  through_seq?: number;
  id?: string;
  problem: string;
}

/** The end of what was looked at. */
export interface WalkPlace {
  /** As it is stored. */
  seq: number;
  /** What the next entry is linked to; unknown behind one that is gone. */
  hash: Uint8Array | undefined;
  /** How many entries before it were pushed in: so much greater is its number than the one that it was written with. */
  pushed: number;
}

const numbers = (first: number, last: number): string =>
  first === last ? `entry ${first}` : `entries ${first} to ${last}`;
const isAre = (first: number, last: number): string => (first === last ? 'is' : 'are');

/** More than one of a kind next to each other are one finding, but for so many that are held back until it is clear. */
const mostHeld = 200;

const idOf = ({ id }: Row): { id?: string } => (typeof id === 'string' ? { id } : {});

const removedBetween = (before: number, after: number): Finding | undefined =>
  after === before + 1
    ? undefined
    : {
        kind: 'removed',
        seq: before + 1,
        through_seq: after - 1,
        problem: `${numbers(before + 1, after - 1)} ${isAre(before + 1, after - 1)} missing`,
      };

/** In other words for whoever knows more of why a row does not open. */
type Explain = (row: Row, words: string) => string;

const plainly: Explain = (_, words) =>
  words.endsWith('is damaged') ? 'it does not open: its sealed value or a clear column was changed' : words;

/** Why an entry's seal or MAC does not stand for what is in it; undefined where both do. */
const whyChanged = (sealing: Sealing, row: Row, explain: Explain): string | undefined => {
  try {
    const { id, clear, plain, free } = auditLog.open(sealing, row);
    return isSame(free.mac, macOf(sealing, id, clear, plain))
      ? undefined
      : 'its MAC is not the one of what stands in it';
  } catch (error) {
    return explain(row, error instanceof Error ? error.message : String(error));
  }
};

/** So many entries that were taken out, with the later ones renumbered, are looked for. */
const mostRenumbered = 32;

/** Entries since the last good one that don't follow from what stands before them. */
interface Loose {
  first: number;
  last: number;
  /** Of the first. */
  id?: string;
}

/**
 * Follows the chain, an entry at a time in the order of their numbers, and tells of each break what was done there: what
 * stands in an entry was changed, entries were removed, pushed in, or put in another order.
 */
export const walkFrom = (sealing: Sealing | undefined, start: WalkPlace, explain = plainly) => {
  /** `meant`: what its hash would be if only that was changed in it. */
  let last: { seq: number; hash: Uint8Array | undefined; meant?: Uint8Array } = start;
  let { pushed } = start;
  /** Before entries seemed to be taken out. */
  let pushedBefore = 0;
  /** The last one that follows from all before it, and whether all since then are none of the vault's. */
  let good = start.hash === undefined ? undefined : { seq: start.seq, hash: start.hash, onlyStrange: true };
  let loose: Loose | undefined;
  let held: Finding[] = [];
  const findings: Finding[] = [];

  const settle = (): void => {
    if (loose !== undefined) {
      const { first, last: end, id } = loose;
      const problem = `${numbers(first, end)} ${first === end ? 'does' : 'do'} not follow from what stands before`;
      const place = end === first ? { ...(id === undefined ? {} : { id }) } : { through_seq: end };
      held.push({ kind: 'moved', seq: first, ...place, problem });
    }
    findings.push(...held.sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0)));
    held = [];
    loose = undefined;
  };

  const holds = (seq: number, hash: Uint8Array): void => {
    good = { seq, hash, onlyStrange: true };
    last = { seq, hash };
    settle();
  };

  const link = (before: Uint8Array, seq: number, row: Row): Uint8Array =>
    linkOf(sealing as Sealing, before, seq, String(row.id), row.mac instanceof Uint8Array ? row.mac : new Uint8Array());

  /** The last one is where it belongs, and only what it says of its place was changed. */
  const onlyLinkChanged = (): void => {
    const { id, first } = loose ?? {};
    const place = first === last.seq && id !== undefined ? { id } : {};
    if (!held.some(({ seq }) => seq === last.seq)) {
      held.push({ kind: 'changed', seq: last.seq, ...place, problem: 'its link to the one before was changed' });
    }
    loose = loose === undefined || loose.first === last.seq ? undefined : { ...loose, last: last.seq - 1 };
  };

  const wasMeant = (own: Uint8Array, row: Row, was: number): boolean => {
    if (last.meant === undefined || !isSame(own, link(last.meant, was, row))) return false;
    onlyLinkChanged();
    return true;
  };

  /** All since the last good one were pushed in, and this one follows from it. */
  const wasPushed = (own: Uint8Array, row: Row, seq: number): boolean => {
    if (good === undefined || !good.onlyStrange || seq === good.seq + 1) return false;
    const first = good.seq + 1;
    if (!isSame(own, link(good.hash, first - pushed, row))) return false;
    const problem = `${numbers(first, seq - 1)} ${isAre(first, seq - 1)} none that the vault wrote`;
    held = [{ kind: 'inserted', seq: first, through_seq: seq - 1, problem }];
    loose = undefined;
    pushed += seq - first;
    return true;
  };

  /** It had a greater number: some before the last one were taken out, and the numbers closed up. */
  const wasLater = (own: Uint8Array, row: Row, was: number): boolean => {
    if (last.hash === undefined || loose === undefined) return false;
    for (let count = 1; count <= mostRenumbered; count++) {
      if (!isSame(own, link(last.hash, was + count, row))) continue;
      const what = count === 1 ? 'an entry is' : `${count} entries are`;
      const problem = `${what} missing before entry ${loose.first}, and those behind were renumbered`;
      held.push({ kind: 'removed', seq: loose.first, problem });
      loose = undefined;
      pushedBefore = pushed;
      pushed -= count;
      return true;
    }
    return false;
  };

  /** None were taken out there after all: they stand elsewhere, and the numbers of before hold again. */
  const wasPutElsewhere = (own: Uint8Array, row: Row, seq: number): boolean => {
    if (pushed === pushedBefore || last.hash === undefined || loose === undefined) return false;
    if (!isSame(own, link(last.hash, seq - pushedBefore, row))) return false;
    pushed = pushedBefore;
    return true;
  };

  const place = (row: Row, seq: number, isStrange: boolean): void => {
    const own = row.hash instanceof Uint8Array ? row.hash : undefined;
    const was = seq - pushed;
    const isFree = last.hash === undefined && last.meant === undefined;
    const meant = last.hash === undefined ? undefined : link(last.hash, was, row);
    const follows = (own: Uint8Array): boolean =>
      // What the first after a gap was linked to is gone with it.
      isFree ||
      (meant !== undefined && isSame(own, meant)) ||
      wasMeant(own, row, was) ||
      wasPushed(own, row, seq) ||
      wasLater(own, row, was) ||
      wasPutElsewhere(own, row, seq);
    if (own !== undefined && follows(own)) {
      holds(seq, own);
      return;
    }
    if (!isStrange && good !== undefined) good.onlyStrange = false;
    if (!isStrange || loose !== undefined) loose = { ...idOf(row), first: seq, ...loose, last: seq };
    last = { seq, hash: own, ...(meant === undefined ? {} : { meant }) };
  };

  return {
    take(row: Row): void {
      const seq = row.seq as number;
      const gap = removedBetween(last.seq, seq);
      if (gap !== undefined) {
        settle();
        findings.push(gap);
        last = { seq: seq - 1, hash: undefined };
        good = undefined;
      }
      if (sealing === undefined) {
        last = { seq, hash: undefined };
        return;
      }
      const why = whyChanged(sealing, row, explain);
      if (why !== undefined) held.push({ kind: 'changed', seq, ...idOf(row), problem: why });
      place(row, seq, why !== undefined);
      if (held.length > mostHeld) settle();
    },

    /** What can't be read at all. What is behind it stands by itself. */
    skip(seq: number, problem: string): void {
      settle();
      findings.push({ kind: 'changed', seq, problem });
      last = { seq, hash: undefined };
      good = undefined;
    },

    /** Whether nothing that comes can change what was found so far. */
    get isSettled(): boolean {
      return held.length === 0 && loose === undefined;
    },

    settle,

    /** Settles at the end, of which the vault wrote the hash: the last one has none behind it that is linked to it. */
    end(hash: Uint8Array | undefined): void {
      if (hash !== undefined && last.meant !== undefined && isSame(hash, last.meant)) {
        onlyLinkChanged();
        last = { seq: last.seq, hash };
      }
      settle();
    },

    /** What was found since it was last asked. */
    taken: (): Finding[] => findings.splice(0),

    get place(): WalkPlace {
      return { seq: last.seq, hash: last.hash, pushed };
    },
  };
};

export type Walk = ReturnType<typeof walkFrom>;

/**
 * The end of what stands behind the one that was written down, where the vault wrote all of it: a node of a version
 * before does not write the end down. Undefined where there is nothing, or anything else.
 */
export const endBehind = async (store: Store, head: Mark): Promise<Mark | undefined> => {
  const follow = walkFrom(store, { ...head, pushed: 0 });
  for (let rows = await rowsAfter(store, head.seq, 200); ; rows = await rowsAfter(store, follow.place.seq, 200)) {
    for (const row of rows) follow.take(row);
    if (!follow.isSettled || follow.taken().length > 0) return undefined;
    if (rows.length === 0) break;
  }
  const { seq, hash } = follow.place;
  return seq === head.seq || hash === undefined ? undefined : { ...head, seq, hash };
};

/** What is found where the log has not begun: it would be shown, and no link leads to it. */
export const strayFinding = (row: Row): Finding => ({
  kind: 'inserted',
  seq: Number(row.seq),
  ...idOf(row),
  problem: `entry ${row.seq} stands before the beginning of the log`,
});

/** What the log says of its end, against the end that was come to. */
export const endFindings = (head: { seq: number; hash: Uint8Array }, { seq, hash, pushed }: WalkPlace): Finding[] => {
  const came = seq - pushed;
  if (came < head.seq) {
    const problem = `the log was cut off: ${numbers(came + 1, head.seq)} ${isAre(came + 1, head.seq)} missing at its end`;
    return [{ kind: 'cut_off', seq: came + 1, through_seq: head.seq, problem }];
  }
  if (came > head.seq) {
    const problem = `${numbers(head.seq + 1, came)} ${isAre(head.seq + 1, came)} behind the end that the vault wrote`;
    return [{ kind: 'inserted', seq: head.seq + 1, through_seq: came, problem }];
  }
  if (hash === undefined || isSame(hash, head.hash)) return [];
  return [{ kind: 'moved', seq, problem: `entry ${seq} is not the one that the vault wrote last` }];
};
