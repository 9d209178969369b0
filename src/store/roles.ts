import type { Value } from './db.ts';
import { behind } from './pages.ts';
import { type Store, type Stored, type Truths, table } from './table.ts';
import { hasTag, type Tags, tagConditions } from './tags.ts';

type Clear = { project_id: string; name_index: Uint8Array; created_at: number; updated_at: number };
type Plain = { name: string; description?: string; permissions: string[]; tags?: Tags };
export type RoleRow = Stored<Clear, Plain>;

export const roleTable = table<Clear, Plain>('roles', ['project_id', 'name_index', 'created_at', 'updated_at']);

export const { insert, update, remove } = roleTable;

/** Role names are compared without regard to case. */
export const foldName = (name: string): string => name.normalize('NFC').toLowerCase();

export const nameIndex = (store: Store, projectId: string, name: string): Uint8Array =>
  store.sealer.index('role.name', projectId, foldName(name));

export const roleTruths: Truths = {
  links: [{ column: 'project_id', to: 'projects' }],
  tagged: true,
  expected: (store, { clear, plain }: RoleRow) => ({
    columns: { name_index: nameIndex(store, clear.project_id, plain.name) },
    tags: plain.tags ?? {},
  }),
};

export const byId = (store: Store, id: string): Promise<RoleRow | undefined> =>
  roleTable.one(store, 'where t.id = $1', [id]);

export const byName = (store: Store, projectId: string, name: string): Promise<RoleRow | undefined> =>
  roleTable.one(store, 'where t.name_index = $1', [nameIndex(store, projectId, name)]);

export const list = async (
  store: Store,
  projectId: string,
  page: { tags: readonly string[]; after: string; limit?: number },
): Promise<RoleRow[]> => {
  const params: Value[] = [projectId, page.after];
  const limit = page.limit === undefined ? '' : ` limit $${params.push(page.limit)}`;
  const tags = tagConditions(store, projectId, page.tags, params.length + 1);
  const tail = `where ${behind(['t.project_id', 't.id'], ['$1', '$2'])}${tags.sql} order by t.project_id, t.id${limit}`;
  const rows = await roleTable.select(store, tail, [...params, ...tags.params]);
  return rows.filter((row) => page.tags.every((tag) => hasTag(row.plain.tags, tag)));
};

type AssignmentClear = {
  project_id: string;
  principal_id: string;
  role_id: string;
  granted_by: string | null;
  created_at: number;
};
export type AssignmentRow = Stored<AssignmentClear, Record<string, never>>;

export const assignmentTable = table<AssignmentClear, Record<string, never>>('role_assignments', [
  'project_id',
  'principal_id',
  'role_id',
  'granted_by',
  'created_at',
]);

export const assignmentTruths: Truths = {
  links: [
    { column: 'project_id', to: 'projects' },
    { column: 'principal_id', to: 'principals', sameProject: true },
    { column: 'role_id', to: 'roles', sameProject: true, orBuiltIn: true },
    { column: 'granted_by', to: 'principals', sameProject: true },
  ],
};

export const { insert: insertAssignment, remove: removeAssignment } = assignmentTable;

export const assignmentById = (store: Store, id: string): Promise<AssignmentRow | undefined> =>
  assignmentTable.one(store, 'where t.id = $1', [id]);

export const assignmentsOf = (store: Store, principalId: string): Promise<AssignmentRow[]> =>
  assignmentTable.select(store, 'where t.principal_id = $1 order by t.id', [principalId]);

export const listAssignments = (
  store: Store,
  projectId: string,
  only: { principalId?: string; roleId?: string },
): Promise<AssignmentRow[]> => {
  const params: string[] = [projectId];
  let where = 'where t.project_id = $1';
  if (only.principalId !== undefined) where += ` and t.principal_id = $${params.push(only.principalId)}`;
  if (only.roleId !== undefined) where += ` and t.role_id = $${params.push(only.roleId)}`;
  return assignmentTable.select(store, `${where} order by t.id`, params);
};
