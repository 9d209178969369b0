import { MobiusError } from '../errors.ts';
import type { AuditAnchor, AuditFinding } from '../generated/types.ts';
import type { Input, Output } from '../operations.ts';
import * as audit from '../store/audit.ts';
import { endFindings, strayFinding, type Walk, type WalkPlace, walkFrom } from '../store/audit-walk.ts';
import type { Store } from '../store/table.ts';
import { makeSigner } from './anchors.ts';
import type { Context } from './context.ts';
import { hashOfHex, hexOf } from './ids.ts';
import { furtherFrom, readCursor } from './paging.ts';

/** What a stretch of a walk begins with: where the one before ended, as that said itself. */
const startOf = async (store: Store, cursor: string | undefined): Promise<{ begins: number; place: WalkPlace }> => {
  const checkpoint = await audit.markOf(store, 'checkpoint');
  const begins = checkpoint?.seq ?? 0;
  const place = readCursor(cursor, (text) => {
    const [, seq, hash, pushed] = /^(\d{1,16})\.([0-9a-f]{64}|)\.(-?\d{1,16})$/.exec(text) ?? [];
    if (!Number.isSafeInteger(Number(seq)) || !Number.isSafeInteger(Number(pushed))) return undefined;
    return { seq: Number(seq), hash: hashOfHex(hash ?? ''), pushed: Number(pushed) };
  });
  // What lies before the checkpoint may have been removed since.
  if (place !== undefined && place.seq >= begins) return { begins, place };
  return { begins, place: { seq: begins, hash: checkpoint?.hash ?? audit.noHash, pushed: 0 } };
};

const pageRows = 200;

/** Goes on until so many were seen and what was found is clear, or to the end. */
const walk = async (store: Store, follow: Walk, limit: number): Promise<{ checked: number; isOver: boolean }> => {
  let checked = 0;
  const most = limit + Math.max(limit, pageRows);
  while (checked < limit || (!follow.isSettled && checked < most)) {
    const rows = await audit.rowsAfter(store, follow.place.seq, Math.min(pageRows, Math.max(1, limit - checked)));
    for (const row of rows) follow.take(row);
    checked += rows.length;
    if (rows.length === 0) return { checked, isOver: true };
  }
  return { checked, isOver: false };
};

const withoutPlace = async (store: Store): Promise<AuditFinding[]> =>
  (await audit.idsWithoutPlace(store, 100)).map((id) => ({
    kind: 'inserted',
    ...(typeof id === 'string' ? { id } : {}),
    problem: 'an entry has no number of the log, so it has no place there',
  }));

const headOrFinding = async (store: Store): Promise<audit.Mark | AuditFinding> => {
  try {
    const head = await audit.markOf(store, 'head');
    if (head !== undefined) return head;
  } catch (error) {
    if (!(error instanceof MobiusError) || error.code !== 'damaged') throw error;
  }
  return { kind: 'changed', problem: 'what the vault noted of the end of its log was removed or changed' };
};

export const verify = async (
  context: Context,
  { limit = 1000, cursor }: Input<'audit-logs.verify'>,
): Promise<Output<'audit-logs.verify'>> => {
  const { begins, place } = await startOf(context, cursor);
  const follow = walkFrom(context, place);
  const { checked, isOver } = await walk(context, follow, limit);
  const head = await headOrFinding(context);
  const isHead = 'hash' in head;
  if (isOver && isHead) follow.end(head.hash);
  else follow.settle();
  const end = follow.place;
  const strays = cursor === undefined && begins > 0 ? await audit.rowsBefore(context, begins, 100) : [];
  const findings: AuditFinding[] = [...strays.map(strayFinding), ...follow.taken()];
  if (isOver) {
    findings.push(...(isHead ? endFindings(head, end) : [head]), ...(await withoutPlace(context)));
  }
  return {
    checked,
    through_seq: end.seq,
    last_seq: isHead ? head.seq : end.seq,
    ...(begins === 0 ? {} : { begins_after: begins }),
    findings,
    ...(isOver
      ? { has_more: false }
      : furtherFrom(`${end.seq}.${end.hash === undefined ? '' : hexOf(end.hash)}.${end.pushed}`)),
  };
};

const compareOne = async (
  context: Context,
  signer: ReturnType<typeof makeSigner>,
  anchor: AuditAnchor,
  { head, begins }: { head: number; begins: audit.Mark | undefined },
): Promise<'same' | 'before' | AuditFinding> => {
  const { seq, made_at: at } = anchor;
  const why = signer.whyNotOurs(anchor);
  if (why !== undefined) return { kind: 'changed', seq, problem: `the anchor of entry ${seq} does not count: ${why}` };
  if (seq > head) {
    const problem = `the log was cut off, or an older copy of the vault took its place: at ${at} it had ${seq} entries, and it ends with entry ${head}`;
    return { kind: 'cut_off', seq: head + 1, through_seq: seq, problem };
  }
  if (begins !== undefined && seq < begins.seq) return 'before';
  const there = seq === begins?.seq ? begins.hash : seq === 0 ? audit.noHash : await audit.hashAt(context, seq);
  if (there === undefined)
    return { kind: 'removed', seq, problem: `entry ${seq}, which an anchor of ${at} stands for, is missing` };
  if (audit.isSame(there, hashOfHex(anchor.hash) ?? audit.noHash)) return 'same';
  const problem = `entry ${seq} is another than at ${at}, when it was anchored: the log was written anew since`;
  return { kind: 'changed', seq, problem };
};

export const compare = async (
  context: Context,
  { anchors }: Input<'audit-logs.compare'>,
): Promise<Output<'audit-logs.compare'>> => {
  const signer = makeSigner(context);
  const head = await headOrFinding(context);
  const begins = await audit.markOf(context, 'checkpoint');
  const findings: AuditFinding[] = 'hash' in head ? [] : [head];
  const ends = 'hash' in head ? head.seq : 0;
  let [compared, before] = [0, 0];
  for (const anchor of 'hash' in head ? anchors : []) {
    const found = await compareOne(context, signer, anchor, { head: ends, begins });
    if (found === 'same') compared += 1;
    else if (found === 'before') before += 1;
    else findings.push(found);
  }
  return { compared, not_comparable: before, findings };
};

const damagedPart = ({ seq, problem }: AuditFinding): MobiusError =>
  new MobiusError(
    'damaged',
    `nothing was removed, for the part of the audit log that was to go is not as it was written: ${problem}`,
    { table: 'audit_log', ...(seq === undefined ? {} : { seq }) },
    'see all that is wrong: mobius audit-logs verify',
  );

export const prune = async (
  context: Context,
  { before, limit = 5000 }: Input<'audit-logs.prune'>,
): Promise<Output<'audit-logs.prune'>> => {
  const { begins, place } = await startOf(context, undefined);
  const head = await audit.headOf(context);
  // One more than go at once, to know whether there are more.
  const looked = { after: begins, through: begins + limit + 1 };
  const later = (await audit.firstSince(context, Date.parse(before), looked)) ?? looked.through + 1;
  // The last one stays: what comes next is linked to it.
  const until = Math.min(later, head.seq);
  const through = Math.min(until - 1, begins + limit);
  const signer = makeSigner(context);
  if (through <= begins) {
    const mark = await audit.markOf(context, 'checkpoint');
    return { removed: 0, has_more: false, ...(mark && { checkpoint: signer.anchorOf(mark, context.now) }) };
  }
  const follow = walkFrom(context, place);
  for (let rest = through - begins; rest > 0; ) {
    const rows = await audit.rowsAfter(context, follow.place.seq, Math.min(pageRows, rest));
    for (const row of rows) follow.take(row);
    rest = rows.length === 0 ? 0 : rest - rows.length;
  }
  follow.settle();
  const [fault] = [
    ...follow.taken(),
    ...endFindings({ seq: through, hash: follow.place.hash ?? audit.noHash }, follow.place),
  ];
  if (fault !== undefined) throw damagedPart(fault);
  const mark = { seq: through, hash: follow.place.hash ?? audit.noHash, made_at: context.now };
  await audit.setMark(context, 'checkpoint', mark);
  const removed = await audit.removeThrough(context, through);
  await context.changed({
    type: 'audit_log',
    id: context.issuer,
    changes: { before, removed, through_seq: through, hash: hexOf(mark.hash) },
  });
  return { removed, has_more: through < until - 1, checkpoint: signer.anchorOf(mark, context.now) };
};
