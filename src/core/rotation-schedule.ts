import type { RotationPolicy } from '../generated/types.ts';
import type { Input } from '../operations.ts';
import * as rotations from '../store/rotations.ts';
import type { Store } from '../store/table.ts';
import { type Context, type ProjectContext, present } from './context.ts';
import { iso } from './iso.ts';
import { type Age, ageOf, type Subject, subjectById, subjectText } from './rotation-age.ts';

const long = (ms: number): string => {
  const units: readonly [string, number][] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ];
  const [unit, length] = units.find(([, size]) => ms >= size) ?? ['s', 1000];
  return `${Math.floor(ms / length)}${unit}`;
};

/** Why none of the conditions holds; undefined where one does, or none was made. */
export const notDue = (
  { madeAt, endsAt, usedAt }: Age,
  { if_older_than_seconds, if_expires_within_seconds, if_unused_for_seconds }: Input<'rotations.start'>,
  now: number,
): string | undefined => {
  const reasons: string[] = [];
  if (if_older_than_seconds !== undefined) {
    if (now - madeAt >= if_older_than_seconds * 1000) return undefined;
    reasons.push(`it is ${long(now - madeAt)} old`);
  }
  if (if_expires_within_seconds !== undefined) {
    if (endsAt !== null && endsAt - now <= if_expires_within_seconds * 1000) return undefined;
    reasons.push(endsAt === null ? 'it never expires' : `it expires in ${long(endsAt - now)}`);
  }
  if (if_unused_for_seconds !== undefined) {
    const since = now - Math.max(usedAt ?? 0, madeAt);
    if (since >= if_unused_for_seconds * 1000) return undefined;
    reasons.push(
      usedAt === null || usedAt === undefined ? `it is ${long(since)} old` : `it was used ${long(since)} ago`,
    );
  }
  return reasons.length === 0 ? undefined : reasons.join(', ');
};

/** Before it ends by itself by a day or its grace, but not in the first half of a short life. */
const dueAt = ({ madeAt, endsAt }: Age, { every_seconds, grace_seconds }: rotations.PolicyRow['plain']): number => {
  const byAge = madeAt + every_seconds * 1000;
  if (endsAt === null) return byAge;
  const before = Math.min(Math.max(grace_seconds * 1000, 86_400_000), Math.max(0, endsAt - madeAt) / 2);
  return Math.min(byAge, Math.floor(endsAt - before));
};

/** What a schedule holds besides what it says: when the time comes, for it to be found by that. */
export const dueFor = async (store: Store, subject: Subject, plain: rotations.PolicyRow['plain']): Promise<number> =>
  dueAt(await ageOf(store, subject), plain);

/** What is in use, or its end, is another: so is the time at which it is due. */
export const reschedule = async (context: Context, subjectId: string): Promise<void> => {
  const policy = await rotations.policyOf(context, subjectId);
  const subject = policy === undefined ? undefined : await subjectById(context, subjectId);
  if (policy === undefined || subject === undefined) return;
  const due = await dueFor(context, subject, policy.plain);
  if (due === policy.clear.due_at) return;
  await rotations.policyTable.update(context, policy, { clear: { due_at: due, updated_at: context.now } });
};

export const policyAnswer = async (
  context: ProjectContext,
  { clear, plain }: rotations.PolicyRow,
  subject: Subject,
): Promise<RotationPolicy> => {
  const age = await ageOf(context, subject);
  return present({
    subject: subjectText(subject),
    subject_id: clear.subject_id,
    every_seconds: plain.every_seconds,
    grace_seconds: plain.grace_seconds,
    last_rotated_at: iso(age.madeAt),
    expires_at: age.endsAt === null ? undefined : iso(age.endsAt),
    due_at: iso(clear.due_at),
    due: clear.due_at <= context.now,
    rotation_id: (await rotations.openOf(context, clear.subject_id))?.id,
    project_id: clear.project_id,
  });
};
