import { MobiusError } from '../errors.ts';
import type { AuditAnchor } from '../generated/types.ts';
import * as audit from '../store/audit.ts';
import type { Db } from '../store/db.ts';
import type { Store } from '../store/table.ts';
import type { makeSigner, Signing } from './anchors.ts';

/** Where anchors are kept besides the vault: whoever cuts off the end of its log can't reach them there. */
export interface AnchorKeep {
  /** In words, for messages. */
  place: string;
  /** After so many entries another one is kept. */
  every: number;
  /** Nothing is changed any more while none can be kept; else that is only told. */
  required: boolean;
  /** What is kept, the newest first. */
  kept(): Iterable<AuditAnchor>;
  keep(anchor: AuditAnchor): void;
  /** Tells whoever looks after the vault what is wrong, and then that nothing is any more. `refused`: so is the caller. */
  tell(problem: string | undefined, refused?: boolean): void;
}

interface Journaling extends Signing {
  db: Db;
  now(): number;
  newAuditId(): string;
  anchors: (() => Promise<AnchorKeep | undefined>) | undefined;
}

type Signer = ReturnType<typeof makeSigner>;

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Appends to the audit log, and sees to it that its end is kept elsewhere in time. */
export const makeJournal = ({ anchors, now, newAuditId, db, ...signing }: Journaling) => {
  /** The number of the last entry that an anchor stands for; unknown until the keep was looked at. */
  let anchored: number | undefined;
  /** What is wrong with the keep, as it was last told. */
  let told: string | undefined;
  /** The last entry that was appended here since the keep was last in order. */
  let last: audit.Mark | undefined;
  let opening: Promise<AnchorKeep | undefined> | undefined;
  /**
   * Transactions that have appended, with all that are committed together with them: what is read there as the end may be
   * rolled back, so it is no end to keep.
   */
  const appendedIn = new WeakSet<object>();

  const opened = (): Promise<AnchorKeep | undefined> => {
    opening ??= anchors?.() ?? Promise.resolve(undefined);
    return opening;
  };

  const look = ({ kept }: AnchorKeep, signer: Signer): number => {
    for (const anchor of kept()) if (signer.whyNotOurs(anchor) === undefined) return anchor.seq;
    return 0;
  };

  const isLate = ({ every }: AnchorKeep, seq: number): boolean =>
    anchored === undefined || anchored === 0 || anchored > seq || seq - anchored >= every;

  const tell = ({ tell: say }: AnchorKeep, problem: string | undefined, cause = problem, refused = false): void => {
    if (cause !== told) say(problem, refused);
    told = cause;
  };

  /** Idempotent: a transaction that is run again keeps the same end a second time at most. */
  const keepEnd = async (keep: AnchorKeep, headNow: () => Promise<audit.Mark>): Promise<void> => {
    const signer = (await import('./anchors.ts')).makeSigner(signing);
    // Before the end is read: of what another process keeps meanwhile nothing follows.
    anchored = look(keep, signer);
    const head = await headNow();
    if (anchored > head.seq) {
      throw new MobiusError(
        'damaged',
        `"${keep.place}" holds the anchor of entry ${anchored}, and the audit log ends with ${head.seq}`,
        { table: 'audit_log' },
        'its end was cut off, or an older copy of the vault stands in its place: mobius audit-logs verify --anchor FILE; ' +
          'where you restored it yourself, move the file away',
      );
    }
    if (head.seq > 0 && isLate(keep, head.seq)) {
      keep.keep(signer.anchorOf(head, now()));
      anchored = head.seq;
    }
    tell(keep, undefined);
    last = undefined;
  };

  const refused = (error: unknown): MobiusError =>
    error instanceof MobiusError && error.code === 'damaged'
      ? error
      : new MobiusError(
          'service_unavailable',
          `nothing is changed while the end of the audit log can't be kept elsewhere: ${wordsOf(error)}`,
          { reason: 'anchor' },
          'let it be written again; or name another place, or the policy best-effort',
        );

  const keepOr = async (keep: AnchorKeep, headNow: () => Promise<audit.Mark>, mayRefuse: boolean): Promise<void> => {
    try {
      await keepEnd(keep, headNow);
    } catch (error) {
      // That the log was cut off is said with where it ends, which is another place each time.
      const cause = error instanceof MobiusError && error.code === 'damaged' ? error.code : undefined;
      const refuses = keep.required && mayRefuse;
      tell(keep, `the end of the audit log is not kept elsewhere: ${wordsOf(error)}`, cause, refuses);
      if (refuses) throw refused(error);
    }
  };

  return {
    /** In the transaction of the thing itself: where the row can't be written, neither is the thing. */
    async append(
      store: Store,
      [columns, plain]: readonly [audit.AuditColumns, audit.AuditPlain],
      { mayRefuse = true }: { mayRefuse?: boolean } = {},
    ): Promise<void> {
      const head = await audit.headOf(store);
      const keep = await opened();
      const transaction = store.db.together ?? store.db;
      const stands = !appendedIn.has(transaction);
      if (keep !== undefined && stands && isLate(keep, head.seq)) await keepOr(keep, async () => head, mayRefuse);
      appendedIn.add(transaction);
      const id = newAuditId();
      last = await audit.append(store, id, columns, plain, head);
      if (last !== undefined) return;
      const { endBehind } = await import('../store/audit-walk.ts');
      const end = await endBehind(store, head);
      last = end && (await audit.append(store, id, columns, plain, end));
      // A constraint planted in the file, too, can make the engine pass over a row without a word.
      if (last === undefined) throw audit.damaged('takes no rows');
    },

    /** Once what was appended stands. */
    async anchor(): Promise<void> {
      const keep = last === undefined ? undefined : await opened();
      if (keep === undefined || last === undefined || !isLate(keep, last.seq)) return;
      const { sealer } = signing;
      await keepOr(keep, () => db.tx('read', (tx) => audit.headOf({ db: tx, sealer })), false);
    },
  };
};

export type Journal = ReturnType<typeof makeJournal>;
