import { invalidField, MobiusError } from '../errors.ts';
import type { Rotation, RotationPolicy } from '../generated/types.ts';
import type { Input, NameOf } from '../operations.ts';
import * as rotations from '../store/rotations.ts';
import { type Handlers, present } from './context.ts';
import { idPrefixes, isId } from './ids.ts';
import { endFrom } from './key-issue.ts';
import { afterCursor, cursorAt, readTimeCursor, timeCursorAt } from './paging.ts';
import { ageOf, nameOf, type Subject, subjectText } from './rotation-age.ts';
import {
  answerOf,
  ended,
  findRotation,
  goingOn,
  held,
  heldMs,
  isPast,
  lockOf,
  lost,
  note,
  takeUp,
} from './rotation-book.ts';
import { dueFor, notDue, policyAnswer } from './rotation-schedule.ts';
import {
  findSubject,
  findToRotate,
  findToSchedule,
  needSubject,
  requireRight,
  requireRotatable,
} from './rotation-subjects.ts';
import { type Issued, putInPlace, successorOf, takeBackAll, takeBackLast, takenBack } from './rotation-successors.ts';

const refuseForSecrets = (subject: Subject, input: Input<'rotations.start'>): void => {
  if (subject.kind === 'api-keys') return;
  for (const field of ['name', 'expires_at', 'if_unused_for_seconds'] as const) {
    if (input[field] !== undefined) throw invalidField(field, 'is for API keys');
  }
  if ((input.grace_seconds ?? 0) > 0) throw graceOfSecret();
};

const graceOfSecret = (): MobiusError =>
  invalidField('grace_seconds', 'is for API keys: of a secret one version at a time is in use');

/** A key that rotates itself has the schedule's word for it, and no choice of its own. */
const refuseOwnWish = (input: Input<'rotations.start'>, scheduled: rotations.PolicyRow | undefined): void => {
  for (const field of ['name', 'expires_at'] as const) {
    if (input[field] !== undefined) throw invalidField(field, 'is not for a key that rotates itself by its schedule');
  }
  const most = scheduled?.plain.grace_seconds ?? 0;
  if ((input.grace_seconds ?? 0) > most) {
    throw invalidField('grace_seconds', `must be at most ${most}, as the schedule of the key says`);
  }
};

/** So many successors that somebody may have live at once: more would come of nothing but a run that always fails. */
const mostSuperseded = 25;

const tooMany = (subject: Subject, { id }: rotations.RotationRow): MobiusError =>
  new MobiusError(
    'conflict',
    `somebody may have any of the ${mostSuperseded + 1} successors of "${subjectText(subject)}" that were made`,
    { reason: 'most_successors', id },
    `see why none of them was verified, or give it up: mobius rotations abort ${id} --even-if-delivered`,
  );

export const handlers: Handlers<NameOf<'rotations'>> = {
  'rotations.start': async (context, input) => {
    const { now, project } = context;
    const { subject, bySchedule } = await findToRotate(context, input.subject);
    refuseForSecrets(subject, input);
    const scheduled = await rotations.policyOf(context, subject.row.id);
    if (bySchedule) refuseOwnWish(input, scheduled);
    endFrom(input.expires_at, now);
    const open = await rotations.openOf(context, subject.row.id);
    if (open !== undefined) return takeUp(context, { row: open, subject }, input);
    await requireRotatable(context, subject);
    const reason = notDue(await ageOf(context, subject), input, now);
    if (reason !== undefined) return { due: false, reason };
    const { name, expires_at } = input;
    const row = await rotations.insert(
      context,
      context.newId(idPrefixes.rotation),
      {
        project_id: project.id,
        subject_id: subject.row.id,
        step: 'begun',
        held_until: now + heldMs,
        created_at: now,
        updated_at: now,
        ended_at: null,
      },
      {
        subject: subjectText(subject),
        ...lockOf(context, input.holder),
        grace_seconds: input.grace_seconds ?? scheduled?.plain.grace_seconds ?? 0,
        ...present({ name, expires_at }),
      },
    );
    if (row === undefined) {
      throw new MobiusError('conflict', `a rotation of "${subjectText(subject)}" was begun at the same moment`, {
        reason: 'changed_meanwhile',
      });
    }
    await note(context, row, subject, { step: 'begun' });
    return { due: true, lock: row.plain.lock, rotation: await answerOf(context, row) };
  },

  'rotations.issue': async (context, input) => {
    const { row, subject, bySchedule } = await goingOn(context, input);
    const { now } = context;
    // What nobody can have goes at once; what somebody may have stays until a later one is verified.
    const mayBeThere = isPast(row.clear.step, 'issued');
    const last = row.plain.successor_id ?? row.plain.version;
    const taken = mayBeThere ? [] : await takeBackLast(context, row, subject);
    const { superseded = [], ...rest } = row.plain;
    const before = last !== undefined && mayBeThere ? [...superseded, last] : superseded;
    if (before.length > mostSuperseded) throw tooMany(subject, row);
    const issued: Issued = await successorOf(context, { row, subject, bySchedule }, input);
    const updated = await rotations.update(context, row, {
      clear: { step: 'issued', held_until: now + heldMs, updated_at: now },
      plain: { ...rest, ...issued.about, ...(before.length === 0 ? {} : { superseded: before }) },
    });
    await note(context, updated, subject, { step: 'issued', ...issued.about, ...takenBack(taken) });
    return { rotation: await answerOf(context, updated), ...present({ key: issued.key, api_key: issued.apiKey }) };
  },

  'rotations.advance': async (context, input) => {
    const { row, subject } = await goingOn(context, input);
    const { now } = context;
    const { step = row.clear.step, release } = input;
    if (row.clear.step === 'begun' && step !== 'begun') {
      throw new MobiusError('conflict', 'there is no successor yet that could be delivered', {
        reason: 'no_successor',
      });
    }
    if (isPast(row.clear.step, step) && step !== 'delivering') {
      throw new MobiusError('conflict', `it is ${row.clear.step} already`, { reason: 'step_passed' });
    }
    const updated = await rotations.update(context, row, {
      clear: { step, held_until: release === true ? now : now + heldMs, updated_at: now },
    });
    if (step !== row.clear.step) await note(context, updated, subject, { step });
    return answerOf(context, updated);
  },

  'rotations.finish': async (context, input) => {
    const { row, subject } = await goingOn(context, input);
    if (row.clear.step !== 'verified') {
      throw new MobiusError('conflict', `the successor of "${subjectText(subject)}" is not verified yet`, {
        reason: 'not_verified',
        id: row.id,
      });
    }
    const changes = await putInPlace(context, row, subject);
    const updated = await rotations.update(context, row, {
      clear: { step: 'done', held_until: context.now, updated_at: context.now, ended_at: context.now },
    });
    await note(context, updated, subject, { step: 'done', ...changes });
    return answerOf(context, updated);
  },

  'rotations.abort': async (context, { rotation, lock, take_over, even_if_delivered, withdrawn }) => {
    const row = await findRotation(context, rotation);
    if (row.clear.ended_at !== null) throw ended(row);
    const subject = await needSubject(context, row.clear.subject_id);
    await requireRight(context, subject);
    const { now } = context;
    if (row.plain.lock !== lock && take_over !== true) {
      if (lock !== undefined) throw lost(subject, row);
      if (row.clear.held_until > now) throw held(subject, row, now);
    }
    const others = row.plain.superseded ?? [];
    if (withdrawn === true && others.length > 0 && even_if_delivered !== true) {
      // Somebody may still have one of those before: only a later one that is verified ends them.
      const taken = await takeBackLast(context, row, subject);
      const { successor_id: _, sha256: __, version: ___, ...plain } = row.plain;
      const updated = await rotations.update(context, row, {
        clear: { step: 'begun', held_until: now, updated_at: now },
        plain,
      });
      await note(context, updated, subject, { step: 'begun', ...takenBack(taken) });
      return answerOf(context, updated);
    }
    const mayBeThere = withdrawn !== true && (isPast(row.clear.step, 'issued') || others.length > 0);
    if (mayBeThere && even_if_delivered !== true) {
      throw new MobiusError(
        'conflict',
        `somebody may have the successor of "${subjectText(subject)}" and would be refused`,
        { reason: 'maybe_delivered', id: row.id },
      );
    }
    const taken = await takeBackAll(context, row, subject);
    const updated = await rotations.update(context, row, {
      clear: { step: 'aborted', held_until: now, updated_at: now, ended_at: now },
    });
    await note(context, updated, subject, { step: 'aborted', ...takenBack(taken) });
    return answerOf(context, updated);
  },

  'rotations.get': async (context, { rotation }) => answerOf(context, await findRotation(context, rotation)),

  'rotations.list': async (context, input) => {
    const limit = input.limit ?? 50;
    const subject = input.subject === undefined ? undefined : await findSubject(context, input.subject);
    const rows = await rotations.list(context, context.project.id, {
      withEnded: input.include_ended ?? false,
      after: afterCursor(input.cursor),
      limit: limit + 1,
      ...present({ subjectId: subject?.row.id }),
    });
    const items: Rotation[] = [];
    for (const row of rows.slice(0, limit)) items.push(await answerOf(context, row));
    return { items, ...cursorAt(rows, limit) };
  },

  'rotations.set': async (context, { subject: text, every_seconds, grace_seconds }) => {
    const subject = await findToSchedule(context, text);
    await requireRotatable(context, subject);
    if (subject.kind === 'secrets' && (grace_seconds ?? 0) > 0) throw graceOfSecret();
    const plain = { every_seconds, grace_seconds: subject.kind === 'secrets' ? 0 : (grace_seconds ?? 86_400) };
    const before = await rotations.policyOf(context, subject.row.id);
    const dueAt = await dueFor(context, subject, plain);
    const row =
      before === undefined
        ? await rotations.policyTable.insert(
            context,
            context.newId(idPrefixes.rotationPolicy),
            {
              project_id: context.project.id,
              subject_id: subject.row.id,
              due_at: dueAt,
              created_at: context.now,
              updated_at: context.now,
            },
            plain,
          )
        : await rotations.policyTable.update(context, before, {
            clear: { due_at: dueAt, updated_at: context.now },
            plain,
          });
    if (row === undefined) {
      throw new MobiusError('conflict', 'it was set by somebody else at the same moment', {
        reason: 'changed_meanwhile',
      });
    }
    await context.changed({ type: 'rotation_policy', id: row.id, name: subjectText(subject), changes: plain });
    return policyAnswer(context, row, subject);
  },

  'rotations.unset': async (context, { subject: text }) => {
    const subject = await findToSchedule(context, text);
    const row = await rotations.policyOf(context, subject.row.id);
    if (row === undefined) return;
    await rotations.policyTable.remove(context, row.id);
    await context.changed({ type: 'rotation_policy', id: row.id, name: nameOf(subject) });
  },

  'rotations.due': async (context, { within_seconds = 0, include_later, limit = 50, cursor }) => {
    const rows = await rotations.policies(context, context.project.id, {
      after: readTimeCursor(cursor, (id) => isId(id, idPrefixes.rotationPolicy)) ?? { at: 0, id: '' },
      limit: limit + 1,
      ...(include_later === true ? {} : { until: context.now + within_seconds * 1000 }),
    });
    const items: RotationPolicy[] = [];
    for (const row of rows.slice(0, limit)) {
      items.push(await policyAnswer(context, row, await needSubject(context, row.clear.subject_id)));
    }
    return { items, ...timeCursorAt(rows, limit, ({ clear }) => clear.due_at) };
  },
};
