import type { Value } from './db.ts';
import { behind } from './pages.ts';
import { type Store, type Stored, type Truths, table } from './table.ts';

/** `issued` is with nobody; from `delivering` on somebody may have the successor. */
export type Step = 'begun' | 'issued' | 'delivering' | 'delivered' | 'verified' | 'done' | 'aborted';
type Clear = {
  project_id: string;
  /** The key that is replaced, or the secret. The engine itself keeps a second one of it from being under way. */
  subject_id: string;
  step: Step;
  /** Until then nobody but its holder goes on with it. */
  held_until: number;
  created_at: number;
  updated_at: number;
  ended_at: number | null;
};
type Plain = {
  /** How it was called, for when it is gone. */
  subject: string;
  holder: string;
  /** What its holder shows. */
  lock: string;
  held_since: number;
  grace_seconds: number;
  /** What was asked of the successor besides. */
  name?: string;
  expires_at?: string;
  successor_id?: string;
  /** Of the raw key that is the successor. It is random enough that nobody finds it by this. */
  sha256?: string;
  from_version?: number;
  version?: number;
  /** Successors before, which somebody may have: ids of keys, or versions. */
  superseded?: readonly (string | number)[];
};
export type RotationRow = Stored<Clear, Plain>;

export const rotationTable = table<Clear, Plain>('rotations', [
  'project_id',
  'subject_id',
  'step',
  'held_until',
  'created_at',
  'updated_at',
  'ended_at',
]);

/** What was rotated may be gone. */
export const rotationTruths: Truths = { links: [{ column: 'project_id', to: 'projects' }] };

export const { insert, update } = rotationTable;

export const byId = (store: Store, id: string): Promise<RotationRow | undefined> =>
  rotationTable.one(store, 'where t.id = $1', [id]);

/** The one that is under way. */
export const openOf = (store: Store, subjectId: string): Promise<RotationRow | undefined> =>
  rotationTable.one(store, 'where t.subject_id = $1 and t.ended_at is null', [subjectId]);

export interface Filter {
  subjectId?: string;
  withEnded: boolean;
  after: string;
  limit: number;
}

export const list = (store: Store, projectId: string, filter: Filter): Promise<RotationRow[]> => {
  const params: Value[] = [projectId, filter.after];
  let [column, where] = ['project_id', behind(['t.project_id', 't.id'], ['$1', '$2'])];
  if (filter.subjectId !== undefined) {
    column = 'subject_id';
    where = `t.project_id = $1 and ${behind([`t.${column}`, 't.id'], [`$${params.push(filter.subjectId)}`, '$2'])}`;
  }
  if (!filter.withEnded) where += ' and t.ended_at is null';
  return rotationTable.select(
    store,
    `where ${where} order by t.${column}, t.id limit $${params.push(filter.limit)}`,
    params,
  );
};

type PolicyClear = {
  project_id: string;
  /** The key that is in use, or the secret. */
  subject_id: string;
  /** As it follows from the age and the end of what is in use. */
  due_at: number;
  created_at: number;
  updated_at: number;
};
type PolicyPlain = { every_seconds: number; grace_seconds: number };
export type PolicyRow = Stored<PolicyClear, PolicyPlain>;

export const policyTable = table<PolicyClear, PolicyPlain>('rotation_policies', [
  'project_id',
  'subject_id',
  'due_at',
  'created_at',
  'updated_at',
]);

export const policyTruths: Truths = { links: [{ column: 'project_id', to: 'projects' }] };

export const policyOf = (store: Store, subjectId: string): Promise<PolicyRow | undefined> =>
  policyTable.one(store, 'where t.subject_id = $1', [subjectId]);

export interface PolicyFilter {
  /** Only what is due by then. */
  until?: number;
  after: { at: number; id: string };
  limit: number;
}

/** What is due first comes first. */
export const policies = (store: Store, projectId: string, filter: PolicyFilter): Promise<PolicyRow[]> => {
  const params: Value[] = [projectId, filter.after.at, filter.after.id];
  const until =
    filter.until === undefined ? undefined : `(t.project_id, t.due_at) <= ($1, $${params.push(filter.until)})`;
  const where = `where ${behind(['t.project_id', 't.due_at', 't.id'], ['$1', '$2', '$3'], until)}`;
  return policyTable.select(
    store,
    `${where} order by t.project_id, t.due_at, t.id limit $${params.push(filter.limit)}`,
    params,
  );
};

/** What was to be rotated is in the place of another now, or gone. */
export const movePolicy = async (
  store: Store,
  fromId: string,
  toId: string | undefined,
  now: number,
): Promise<void> => {
  const policy = await policyOf(store, fromId);
  if (policy === undefined) return;
  if (toId === undefined) await policyTable.remove(store, policy.id);
  else await policyTable.update(store, policy, { clear: { subject_id: toId, updated_at: now } });
};

/** What is rotated of one principal's keys goes with it. */
export const forgetKeysOf = async (store: Store, principalId: string, now: number): Promise<void> => {
  const ofKeys = 't.subject_id in (select id from api_keys where principal_id = $1)';
  const scheduled = await policyTable.select(store, `where ${ofKeys}`, [principalId]);
  const open = await rotationTable.select(store, `where ${ofKeys} and t.ended_at is null`, [principalId]);
  for (const { clear } of [...scheduled, ...open]) await forgetSubject(store, clear.subject_id, now);
};

/** What was rotated is gone, and with it all that could take its place. */
export const forgetSubject = async (store: Store, subjectId: string, now: number): Promise<void> => {
  await movePolicy(store, subjectId, undefined, now);
  const open = await openOf(store, subjectId);
  if (open === undefined) return;
  await update(store, open, { clear: { step: 'aborted', held_until: now, updated_at: now, ended_at: now } });
};

const inUse = 'join projects p on p.id = t.project_id and p.archived_at is null';

/** How many are under way, in all projects that are in use. */
export const countOpen = async ({ db }: Pick<Store, 'db'>): Promise<number> => {
  const sql = `select count(*) as count from rotations t ${inUse} where t.ended_at is null`;
  return (await db.get<{ count: number }>(sql))?.count ?? 0;
};

/** How much with a schedule is to be rotated by now, in the same projects. */
export const countDue = async ({ db }: Pick<Store, 'db'>, now: number): Promise<number> => {
  const sql = `select count(*) as count from rotation_policies t ${inUse} where t.due_at <= $1`;
  return (await db.get<{ count: number }>(sql, [now]))?.count ?? 0;
};
