import { type Store, type Stored, type Truths, table } from './table.ts';

type Clear = { handle_index: Uint8Array; archived_at: number | null; created_at: number; updated_at: number };
type Plain = { handle: string; name: string; description?: string };
export type ProjectRow = Stored<Clear, Plain>;

export const projectTable = table<Clear, Plain>('projects', [
  'handle_index',
  'archived_at',
  'created_at',
  'updated_at',
]);

export const { insert, update } = projectTable;

export const handleIndex = (store: Store, handle: string): Uint8Array => store.sealer.index('project.handle', handle);

export const projectTruths: Truths = {
  links: [],
  expected: (store, { plain }: ProjectRow) => ({ columns: { handle_index: handleIndex(store, plain.handle) } }),
};

export const byId = (store: Store, id: string): Promise<ProjectRow | undefined> =>
  projectTable.one(store, 'where t.id = $1', [id]);

export const byHandle = (store: Store, handle: string): Promise<ProjectRow | undefined> =>
  projectTable.one(store, 'where t.handle_index = $1', [handleIndex(store, handle)]);

export const list = (store: Store, withArchived: boolean): Promise<ProjectRow[]> =>
  projectTable.select(store, `${withArchived ? '' : 'where t.archived_at is null'} order by t.id`, []);

/** The project and every row that belongs to it; its audit rows stay. */
export const removeWithContents = async (store: Store, id: string): Promise<void> => {
  for (const owner of ['api_keys', 'principals', 'roles']) {
    await store.db.run(`delete from tags where resource_id in (select id from ${owner} where project_id = $1)`, [id]);
  }
  for (const name of ['api_keys', 'role_assignments', 'roles', 'principals']) {
    await store.db.run(`delete from ${name} where project_id = $1`, [id]);
  }
  await projectTable.remove(store, id);
};
