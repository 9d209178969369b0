import type { Ready } from '../ready.ts';
import type { Value } from './db.ts';
import { recall } from './memory.ts';
import { behind } from './pages.ts';
import { type Store, type Stored, type Truths, table } from './table.ts';
import { hasTag, type Tags, tagConditions } from './tags.ts';

export type Kind = 'service' | 'user' | 'agent' | 'system';
type Clear = {
  project_id: string;
  /** Null on an archived one, whose name is free again. */
  name_index: Uint8Array | null;
  kind: string;
  owner_id: string | null;
  /** The user who acts as it. */
  user_id: string | null;
  disabled_at: number | null;
  archived_at: number | null;
  /** Tokens of an earlier one that act as it work no more; null for the first. */
  token_generation: number | null;
  created_at: number;
  updated_at: number;
};
type Plain = { name: string; description?: string; metadata?: Record<string, unknown>; tags?: Tags };
export type PrincipalRow = Stored<Clear, Plain>;

export const principalTable = table<Clear, Plain>('principals', [
  'project_id',
  'name_index',
  'kind',
  'owner_id',
  'user_id',
  'disabled_at',
  'archived_at',
  'token_generation',
  'created_at',
  'updated_at',
]);

export const { insert, update } = principalTable;

export const nameIndex = (store: Store, projectId: string, name: string): Uint8Array =>
  store.sealer.index('principal.name', projectId, name);

export const principalTruths: Truths = {
  links: [
    { column: 'project_id', to: 'projects' },
    { column: 'owner_id', to: 'principals', sameProject: true },
    { column: 'user_id', to: 'users' },
  ],
  tagged: true,
  expected: (store, { clear, plain }: PrincipalRow) => {
    const archived = clear.archived_at !== null;
    const index = archived ? null : nameIndex(store, clear.project_id, plain.name);
    return { columns: { name_index: index }, tags: archived ? {} : (plain.tags ?? {}) };
  },
};

export const byId = (store: Store, id: string): Ready<PrincipalRow | undefined> =>
  recall(store.db, id, () => principalTable.one(store, 'where t.id = $1', [id]));

export const byName = (store: Store, projectId: string, name: string): Ready<PrincipalRow | undefined> =>
  recall(store.db, `principal ${projectId} ${name}`, () =>
    principalTable.one(store, 'where t.name_index = $1', [nameIndex(store, projectId, name)]),
  );

/** As whom a user acts in a project. */
export const ofUser = (store: Store, userId: string, projectId: string): Promise<PrincipalRow | undefined> =>
  principalTable.one(store, 'where t.user_id = $1 and t.project_id = $2 and t.archived_at is null', [
    userId,
    projectId,
  ]);

export const allOfUser = (store: Store, userId: string): Promise<PrincipalRow[]> =>
  principalTable.select(store, 'where t.user_id = $1 and t.archived_at is null order by t.id', [userId]);

export interface Filter {
  kind?: Kind;
  includeDisabled: boolean;
  tags: readonly string[];
  limit?: number;
}

export const list = async (store: Store, projectId: string, filter: Filter): Promise<PrincipalRow[]> => {
  const params: Value[] = [projectId, ''];
  let where = `where ${behind(['t.project_id', 't.id'], ['$1', '$2'])} and t.archived_at is null`;
  if (!filter.includeDisabled) where += ' and t.disabled_at is null';
  if (filter.kind !== undefined) where += ` and t.kind = $${params.push(filter.kind)}`;
  const limit = filter.limit === undefined ? '' : ` limit $${params.push(filter.limit)}`;
  const tags = tagConditions(store, projectId, filter.tags, params.length + 1);
  const rows = await principalTable.select(store, `${where}${tags.sql} order by t.project_id, t.id${limit}`, [
    ...params,
    ...tags.params,
  ]);
  return rows.filter((row) => filter.tags.every((tag) => hasTag(row.plain.tags, tag)));
};
