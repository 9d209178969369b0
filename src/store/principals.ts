import { type Store, type Stored, table } from './table.ts';
import { hasTag, type Tags, tagConditions } from './tags.ts';

export type Kind = 'service' | 'user' | 'agent' | 'system';
type Clear = {
  project_id: string;
  /** Null on an archived one, whose name is free again. */
  name_index: Uint8Array | null;
  kind: string;
  owner_id: string | null;
  disabled_at: number | null;
  archived_at: number | null;
  created_at: number;
  updated_at: number;
};
type Plain = { name: string; description?: string; metadata?: Record<string, unknown>; tags?: Tags };
export type PrincipalRow = Stored<Clear, Plain>;

const principals = table<Clear, Plain>('principals', [
  'project_id',
  'name_index',
  'kind',
  'owner_id',
  'disabled_at',
  'archived_at',
  'created_at',
  'updated_at',
]);

export const { insert, update } = principals;

export const nameIndex = (store: Store, projectId: string, name: string): Uint8Array =>
  store.sealer.index('principal.name', projectId, name);

export const byId = (store: Store, id: string): Promise<PrincipalRow | undefined> =>
  principals.one(store, 'where t.id = $1', [id]);

export const byName = (store: Store, projectId: string, name: string): Promise<PrincipalRow | undefined> =>
  principals.one(store, 'where t.name_index = $1', [nameIndex(store, projectId, name)]);

export interface Filter {
  kind?: Kind;
  includeDisabled: boolean;
  tags: readonly string[];
  limit?: number;
}

export const list = async (store: Store, projectId: string, filter: Filter): Promise<PrincipalRow[]> => {
  const params: (string | Uint8Array)[] = [projectId];
  let where = 'where t.project_id = $1 and t.archived_at is null';
  if (!filter.includeDisabled) where += ' and t.disabled_at is null';
  if (filter.kind !== undefined) where += ` and t.kind = $${params.push(filter.kind)}`;
  const tags = tagConditions(store, projectId, filter.tags, params.length + 1);
  const limit = filter.limit === undefined ? '' : ` limit ${filter.limit}`;
  const rows = await principals.select(store, `${where}${tags.sql} order by t.id${limit}`, [...params, ...tags.params]);
  return rows.filter((row) => filter.tags.every((tag) => hasTag(row.plain.tags, tag)));
};
