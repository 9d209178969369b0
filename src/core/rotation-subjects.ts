import { MobiusError, notFound } from '../errors.ts';
import * as keys from '../store/api-keys.ts';
import * as rotations from '../store/rotations.ts';
import { findKey } from './api-keys.ts';
import { requirePermission } from './caller.ts';
import { holds } from './catalogue.ts';
import type { ProjectContext } from './context.ts';
import { me } from './manner.ts';
import { type Subject, subjectById } from './rotation-age.ts';
import { findSecret, versionInUse } from './secret-book.ts';
import { requireWorking } from './succession.ts';

/** A worker that began again with the new key goes on with the rotation of the one before. */
const rotatedKey = async (context: ProjectContext, row: keys.KeyRow): Promise<keys.KeyRow> => {
  const { rotated_from: from } = row.plain;
  const open = from === undefined ? undefined : await rotations.openOf(context, from);
  const before = open === undefined ? undefined : await keys.byId(context, open.clear.subject_id);
  return before ?? row;
};

export const findSubject = async (context: ProjectContext, text: string): Promise<Subject> => {
  const reference = text.slice(text.indexOf('/') + 1);
  if (text.startsWith('secrets/')) return { kind: 'secrets', row: await findSecret(context, reference) };
  return { kind: 'api-keys', row: await rotatedKey(context, await findKey(context, reference)) };
};

export const needSubject = async (context: ProjectContext, id: string): Promise<Subject> => {
  const subject = await subjectById(context, id);
  if (subject === undefined) throw notFound('secret', id, context.project.plain.handle);
  return subject;
};

const familyOf = ({ clear, plain }: rotations.RotationRow): readonly (string | number | undefined)[] => [
  clear.subject_id,
  plain.successor_id,
  ...(plain.superseded ?? []),
];

const permissionFor = (kind: Subject['kind']): string =>
  kind === 'secrets' ? 'mobius.secrets.manage' : 'mobius.keys.issue';

/**
 * Whoever may issue keys, or manage secrets, rotates them. A key that does so by itself comes to nothing that it didn't
 * have, but to a longer life: so only where somebody who may issue keys set a schedule for it. True where that is why.
 */
export const requireRight = async (context: ProjectContext, subject: Subject): Promise<boolean> => {
  const { caller, project } = context;
  const permission = permissionFor(subject.kind);
  if (subject.kind === 'api-keys' && !holds(caller.permissions, permission) && caller.key !== undefined) {
    const open = await rotations.openOf(context, subject.row.id);
    const isOwn = (open === undefined ? [subject.row.id] : familyOf(open)).includes(caller.key.id);
    // One that somebody switched off doesn't come back as its successor.
    const isOff = subject.row.clear.disabled_at !== null;
    if (isOwn && !isOff && (await rotations.policyOf(context, subject.row.id)) !== undefined) return true;
  }
  await requirePermission(context, caller, permission, project);
  return false;
};

/** The key that acts, where that is what is named. */
const ownSubject = async (context: ProjectContext, text: string): Promise<Subject | undefined> => {
  const { key } = context.caller;
  if (key === undefined) return undefined;
  const row = await rotatedKey(context, key);
  const names = [me, key.id, row.id, ...(row.plain.name_taken === true ? [] : [row.plain.name])];
  return names.some((name) => text === `api-keys/${name}`) ? { kind: 'api-keys', row } : undefined;
};

/** What the caller may rotate. Whoever may not isn't told either whether it is there. */
export const findToRotate = async (
  context: ProjectContext,
  text: string,
): Promise<{ subject: Subject; bySchedule: boolean }> => {
  const { caller, project } = context;
  const permission = permissionFor(text.startsWith('secrets/') ? 'secrets' : 'api-keys');
  const own = holds(caller.permissions, permission) ? undefined : await ownSubject(context, text);
  if (own?.kind === 'api-keys' && keys.stateOf(own.row, context.now) === 'retiring')
    requireWorking(own.row, context.now);
  if (own === undefined) await requirePermission(context, caller, permission, project);
  const subject = own ?? (await findSubject(context, text));
  return { subject, bySchedule: await requireRight(context, subject) };
};

/** What the caller may say the schedule of: a key that could would give itself as long a life as it likes. */
export const findToSchedule = async (context: ProjectContext, text: string): Promise<Subject> => {
  const { subject } = await findToRotate(context, text);
  await requirePermission(context, context.caller, permissionFor(subject.kind), context.project);
  return subject;
};

/** Whether it can be rotated at all. */
export const requireRotatable = async (context: ProjectContext, subject: Subject): Promise<void> => {
  if (subject.kind === 'api-keys') return requireWorking(subject.row, context.now);
  if ((await versionInUse(context, subject.row)) !== undefined) return;
  const { name } = subject.row.plain;
  throw new MobiusError('conflict', `no version of the secret "${name}" is enabled, so there is nothing to replace`, {
    reason: 'none_enabled',
    name,
  });
};
