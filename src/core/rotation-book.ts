import { MobiusError, notFound } from '../errors.ts';
import type { Rotation } from '../generated/types.ts';
import type { Input, Output } from '../operations.ts';
import * as rotations from '../store/rotations.ts';
import { type ProjectContext, present } from './context.ts';
import { hexOf } from './ids.ts';
import { iso } from './iso.ts';
import { type Subject, subjectById, subjectText } from './rotation-age.ts';
import { needSubject, requireRight } from './rotation-subjects.ts';

/** So long after its last step nobody else goes on with one: whoever is at it says so more often. */
export const heldMs = 60_000;

const order: readonly rotations.Step[] = ['begun', 'issued', 'delivering', 'delivered', 'verified'];

export const isPast = (step: rotations.Step, other: rotations.Step): boolean =>
  order.indexOf(step) > order.indexOf(other);

export const answerOf = async (context: ProjectContext, row: rotations.RotationRow): Promise<Rotation> => {
  const { id, clear, plain } = row;
  const subject = await subjectById(context, clear.subject_id);
  const isHeld = clear.ended_at === null && clear.held_until > context.now;
  return present({
    id,
    subject: subject === undefined ? plain.subject : subjectText(subject),
    subject_id: clear.subject_id,
    step: clear.step,
    project_id: clear.project_id,
    successor_id: plain.successor_id,
    from_version: plain.from_version,
    version: plain.version,
    sha256: plain.sha256,
    superseded: plain.superseded?.map(String),
    grace_seconds: plain.grace_seconds,
    holder: isHeld ? plain.holder : undefined,
    held_until: isHeld ? iso(clear.held_until) : undefined,
    ended_at: clear.ended_at === null ? undefined : iso(clear.ended_at),
    created_at: iso(clear.created_at),
    updated_at: iso(clear.updated_at),
  });
};

export const findRotation = async (context: ProjectContext, reference: string): Promise<rotations.RotationRow> => {
  const row = await rotations.byId(context, reference);
  if (row === undefined || row.clear.project_id !== context.project.id) {
    throw notFound('rotation', reference, context.project.plain.handle);
  }
  return row;
};

export const ended = ({ id, clear }: rotations.RotationRow): MobiusError =>
  new MobiusError('conflict', `the rotation "${id}" is ${clear.step === 'done' ? 'done' : 'aborted'} already`, {
    reason: 'rotation_ended',
    id,
  });

export const held = (subject: Subject, { id, clear, plain }: rotations.RotationRow, now: number): MobiusError => {
  const seconds = Math.max(0, Math.round((now - plain.held_since) / 1000));
  const message = `"${subjectText(subject)}" is being rotated by ${plain.holder}, for ${seconds} s`;
  return new MobiusError('conflict', message, {
    reason: 'rotation_held',
    id,
    holder: plain.holder,
    since: iso(plain.held_since),
    held_until: iso(clear.held_until),
  });
};

export interface Going {
  row: rotations.RotationRow;
  subject: Subject;
  bySchedule: boolean;
}

/** The rotation, for whoever is at it. */
export const goingOn = async (
  context: ProjectContext,
  { rotation, lock }: { rotation: string; lock: string },
): Promise<Going> => {
  const row = await findRotation(context, rotation);
  if (row.clear.ended_at !== null) throw ended(row);
  const subject = await needSubject(context, row.clear.subject_id);
  const bySchedule = await requireRight(context, subject);
  if (row.plain.lock !== lock) throw lost(subject, row);
  return { row, subject, bySchedule };
};

/** Whoever was at it before knows no more how things stand, so nothing that they say of it is taken. */
export const lost = (subject: Subject, { id, plain }: rotations.RotationRow): MobiusError =>
  new MobiusError('conflict', `the rotation of "${subjectText(subject)}" was taken over by ${plain.holder}`, {
    reason: 'rotation_lost',
    id,
  });

export const lockOf = ({ now, randomBytes }: ProjectContext, holder: string) => ({
  holder,
  held_since: now,
  lock: hexOf(randomBytes(16)),
});

/** Goes on with what somebody left, or is kept from it by whoever is at it. */
export const takeUp = async (
  context: ProjectContext,
  { row, subject }: Pick<Going, 'row' | 'subject'>,
  input: Input<'rotations.start'>,
): Promise<Output<'rotations.start'>> => {
  const { now } = context;
  if (row.clear.held_until > now && input.take_over !== true) throw held(subject, row, now);
  const { grace_seconds, name, expires_at } = input;
  const taken = await rotations.update(context, row, {
    clear: { held_until: now + heldMs, updated_at: now },
    plain: { ...row.plain, ...lockOf(context, input.holder), ...present({ grace_seconds, name, expires_at }) },
  });
  await note(context, taken, subject, { step: row.clear.step, resumed: true });
  return { due: true, resumed: true, lock: taken.plain.lock, rotation: await answerOf(context, taken) };
};

export const note = (
  context: ProjectContext,
  row: rotations.RotationRow,
  subject: Subject,
  changes: Record<string, unknown>,
): Promise<void> =>
  context.changed({
    type: 'rotation',
    id: row.id,
    name: subjectText(subject),
    changes: { subject_id: row.clear.subject_id, ...changes },
  });
