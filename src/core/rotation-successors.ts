import { invalidField, MobiusError } from '../errors.ts';
import type { ApiKey } from '../generated/types.ts';
import type { Input } from '../operations.ts';
import * as keys from '../store/api-keys.ts';
import * as rotations from '../store/rotations.ts';
import * as secrets from '../store/secrets.ts';
import { type ProjectContext, present } from './context.ts';
import { iso } from './iso.ts';
import type { Subject } from './rotation-age.ts';
import { reschedule } from './rotation-schedule.ts';
import { findVersion, isStaged, nextValues, putToUse, versionInUse, writeVersion } from './secret-book.ts';
import { giveWay, makeSuccessor, stopKey, takeName } from './succession.ts';

type Row = rotations.RotationRow;
type SecretSubject = Extract<Subject, { kind: 'secrets' }>;

export interface Issued {
  /** What the journal keeps of it. */
  about: Partial<Row['plain']>;
  key?: string;
  apiKey?: ApiKey;
}

const utf8 = new TextEncoder();

const stagedValues = async (
  context: ProjectContext,
  { row }: SecretSubject,
  { values, merge }: Input<'rotations.issue'>,
): Promise<Issued> => {
  if (values === undefined) throw invalidField('values', 'is missing');
  const current = await versionInUse(context, row);
  const next = (await nextValues(context, row, current, { values, ...present({ merge }) })) ?? values;
  const { version } = await writeVersion(context, row, next, { stage: true, current });
  if (version === undefined) {
    const { name } = row.plain;
    throw new MobiusError('conflict', `the values are those that the secret "${name}" has already`, {
      reason: 'values_unchanged',
      name,
    });
  }
  return { about: { ...present({ from_version: current?.clear.version }), version } };
};

export const successorOf = async (
  context: ProjectContext,
  { row, subject, bySchedule }: { row: Row; subject: Subject; bySchedule: boolean },
  input: Input<'rotations.issue'>,
): Promise<Issued> => {
  if (subject.kind === 'secrets') return stagedValues(context, subject, input);
  if (input.values !== undefined) throw invalidField('values', 'is for secrets');
  const { name, expires_at } = row.plain;
  const { key, ...apiKey } = await makeSuccessor(context, subject.row, {
    beside: true,
    ...present({ name, expires_at, bySchedule: bySchedule || undefined }),
  });
  return { about: { successor_id: apiKey.id, sha256: context.sha256(utf8.encode(key)) }, key, apiKey };
};

const takeBack = async (context: ProjectContext, subject: Subject, one: string | number): Promise<void> => {
  if (subject.kind === 'api-keys') {
    const key = await keys.byId(context, String(one));
    if (key !== undefined) await stopKey(context, key);
    return;
  }
  const version = await secrets.versionByNumber(context, subject.row.id, Number(one));
  // One that somebody put to use meanwhile is theirs, and stays where another took its place.
  if (version !== undefined && isStaged(version)) await secrets.destroyValues(context, version, context.now);
};

const lastOf = ({ plain }: Row): string | number | undefined => plain.successor_id ?? plain.version;

/** Takes the last successor back, where there is one, and says which it was: nobody has it. */
export const takeBackLast = async (
  context: ProjectContext,
  row: Row,
  subject: Subject,
): Promise<(string | number)[]> => {
  const last = lastOf(row);
  if (last === undefined) return [];
  await takeBack(context, subject, last);
  return [last];
};

/** What the audit log is told of it. */
export const takenBack = (taken: readonly (string | number)[]): { taken_back?: readonly (string | number)[] } =>
  taken.length === 0 ? {} : { taken_back: taken };

/** Takes every successor back, and says which there were. */
export const takeBackAll = async (
  context: ProjectContext,
  row: Row,
  subject: Subject,
): Promise<(string | number)[]> => {
  const last = lastOf(row);
  const all = [...(row.plain.superseded ?? []), ...(last === undefined ? [] : [last])];
  for (const one of all) await takeBack(context, subject, one);
  return all;
};

const gone = (subject: Subject): MobiusError =>
  new MobiusError('conflict', `the successor of "${subject.row.plain.name}" works no more, so nothing was replaced`, {
    reason: 'successor_gone',
  });

/** A version that somebody put to use meanwhile is newer than what was staged, and is not lost to it. */
const requireNoOther = async (
  context: ProjectContext,
  { id, plain }: Row,
  { row }: SecretSubject,
  { clear: { version } }: secrets.VersionRow,
): Promise<void> => {
  const used = (await versionInUse(context, row))?.clear.version;
  if (used === undefined || used === version || used === plain.from_version) return;
  const { name } = row.plain;
  throw new MobiusError(
    'conflict',
    `version ${used} of the secret "${name}" was put to use meanwhile, so version ${version} was not`,
    { reason: 'other_in_use', id, name, version: used },
    `put the right one to use: mobius secrets enable-version ${name} ${version}, or mobius rotations abort ${id}`,
  );
};

/** Puts the successor in its place, and ends those before it that somebody may have. What the audit log is told. */
export const putInPlace = async (
  context: ProjectContext,
  row: Row,
  subject: Subject,
): Promise<Record<string, unknown>> => {
  const { now } = context;
  const { grace_seconds, successor_id: successorId, version, superseded = [] } = row.plain;
  let about: Record<string, unknown>;
  if (subject.kind === 'api-keys') {
    const next = successorId === undefined ? undefined : await keys.byId(context, successorId);
    if (next === undefined || keys.stateOf(next, now) !== 'active') throw gone(subject);
    // One that was revoked meanwhile is not given a grace.
    const isOver = keys.stateOf(subject.row, now) === 'revoked';
    const graceSeconds = isOver ? 0 : grace_seconds;
    const old = await giveWay(context, subject.row, { to: next.id, graceSeconds });
    // One of them may have the name that the last was to have.
    for (const one of superseded) await takeBack(context, subject, one);
    await takeName(context, next);
    await rotations.movePolicy(context, old.id, next.id, now);
    await reschedule(context, next.id);
    about = present({
      successor_id: next.id,
      retires_at: old.clear.retires_at === null ? undefined : iso(old.clear.retires_at),
    });
  } else {
    if (version === undefined) throw gone(subject);
    const next = await findVersion(context, subject.row, version);
    if (next.clear.state === 'DESTROYED') throw gone(subject);
    await requireNoOther(context, row, subject, next);
    const destroyed = next.clear.state === 'ENABLED' ? [] : (await putToUse(context, subject.row, next)).destroyed;
    for (const one of superseded) await takeBack(context, subject, one);
    await reschedule(context, subject.row.id);
    about = { version, ...(destroyed.length === 0 ? {} : { destroyed_versions: destroyed }) };
  }
  return { ...about, ...takenBack(superseded) };
};

/** What is under way from a key is switched off and on with it. */
export const switchSuccessors = async (context: ProjectContext, { id, clear }: keys.KeyRow): Promise<void> => {
  const open = await rotations.openOf(context, id);
  if (open === undefined) return;
  for (const one of [...(open.plain.superseded ?? []), lastOf(open)]) {
    const key = one === undefined ? undefined : await keys.byId(context, String(one));
    if (key === undefined) continue;
    await keys.update(context, key, { clear: { disabled_at: clear.disabled_at, updated_at: context.now } });
  }
};

/**
 * Ends what is under way from a key that is revoked, and says which successors there were: whoever began it, perhaps with
 * the very key that was stolen, must not go on under its name.
 */
export const stopSuccessors = async (context: ProjectContext, row: keys.KeyRow): Promise<(string | number)[]> => {
  const open = await rotations.openOf(context, row.id);
  const taken = open === undefined ? [] : await takeBackAll(context, open, { kind: 'api-keys', row });
  await rotations.forgetSubject(context, row.id, context.now);
  return taken;
};
