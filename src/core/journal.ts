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
  /** Tells whoever looks after the vault. */
  failed(message: string): void;
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
  /** What is wrong with the keep since it was last told. */
  let told: string | undefined;
  let appended = false;

  const look = ({ kept }: AnchorKeep, signer: Signer): number => {
    for (const anchor of kept()) if (signer.whyNotOurs(anchor) === undefined) return anchor.seq;
    return 0;
  };

  const isLate = ({ every }: AnchorKeep, head: audit.Mark): boolean =>
    anchored === undefined || anchored === 0 || anchored > head.seq || head.seq - anchored >= every;

  /** Idempotent: a transaction that is run again keeps the same end a second time at most. */
  const keepEnd = async (keep: AnchorKeep, head: audit.Mark): Promise<void> => {
    if (head.seq === 0 || !isLate(keep, head)) return;
    const signer = (await import('./anchors.ts')).makeSigner(signing);
    // Another process may have kept one meanwhile.
    anchored = look(keep, signer);
    if (anchored > head.seq) {
      throw new MobiusError(
        'damaged',
        `"${keep.place}" holds the anchor of entry ${anchored}, and the audit log ends with ${head.seq}`,
        { table: 'audit_log' },
        'its end was cut off, or an older copy of the vault stands in its place: mobius audit-logs verify --anchor FILE',
      );
    }
    if (!isLate(keep, head)) return;
    keep.keep(signer.anchorOf(head, now()));
    anchored = head.seq;
    told = undefined;
  };

  const tell = ({ failed }: AnchorKeep, error: unknown): void => {
    const message = `the end of the audit log is not kept elsewhere: ${wordsOf(error)}`;
    // That the log was cut off is said with where it ends, which is another place each time.
    const cause = error instanceof MobiusError && error.code === 'damaged' ? error.code : message;
    if (cause !== told) failed(message);
    told = cause;
  };

  let opening: Promise<AnchorKeep | undefined> | undefined;
  const keepOr = async (head: audit.Mark, mayRefuse: boolean): Promise<void> => {
    opening ??= anchors?.();
    const keep = await opening;
    if (keep === undefined) return;
    try {
      await keepEnd(keep, head);
    } catch (error) {
      if (!keep.required || !mayRefuse) {
        tell(keep, error);
        return;
      }
      if (error instanceof MobiusError && error.code === 'damaged') throw error;
      throw new MobiusError(
        'service_unavailable',
        `nothing is changed while the end of the audit log can't be kept elsewhere: ${wordsOf(error)}`,
        { reason: 'anchor' },
        'let it be written again; or name another place, or the policy best-effort',
      );
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
      await keepOr(head, mayRefuse);
      await audit.append(store, newAuditId(), columns, plain, head);
      appended = true;
    },

    /** Once what was appended stands. */
    async anchor(): Promise<void> {
      if (anchors === undefined || !appended) return;
      appended = false;
      const { sealer } = signing;
      await keepOr(await db.tx('read', (tx) => audit.headOf({ db: tx, sealer })), false);
    },
  };
};

export type Journal = ReturnType<typeof makeJournal>;
