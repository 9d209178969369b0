import type { Ready } from '../ready.ts';
import { recall } from './memory.ts';
import { askForScrub } from './scrub.ts';
import { type Store, type Stored, type Truths, table } from './table.ts';

type Clear = {
  handle_index: Uint8Array;
  archived_at: number | null;
  /** Tokens of an earlier one work no more; null for the first. */
  token_generation: number | null;
  created_at: number;
  updated_at: number;
};
type Plain = { handle: string; name: string; description?: string };
export type ProjectRow = Stored<Clear, Plain>;

export const projectTable = table<Clear, Plain>('projects', [
  'handle_index',
  'archived_at',
  'token_generation',
  'created_at',
  'updated_at',
]);

export const { insert, update } = projectTable;

export const handleIndex = (store: Store, handle: string): Uint8Array => store.sealer.index('project.handle', handle);

export const projectTruths: Truths = {
  links: [],
  expected: (store, { plain }: ProjectRow) => ({ columns: { handle_index: handleIndex(store, plain.handle) } }),
};

export const byId = (store: Store, id: string): Ready<ProjectRow | undefined> =>
  recall(store.db, id, () => projectTable.one(store, 'where t.id = $1', [id]));

export const byHandle = (store: Store, handle: string): Ready<ProjectRow | undefined> =>
  recall(store.db, `project ${handle}`, () =>
    projectTable.one(store, 'where t.handle_index = $1', [handleIndex(store, handle)]),
  );

export const list = (store: Store, withArchived: boolean): Promise<ProjectRow[]> =>
  projectTable.select(store, `${withArchived ? '' : 'where t.archived_at is null'} order by t.id`, []);

/** Tables with a column for the project, what refers to others first. */
const contents = [
  'tokens',
  'sessions',
  'rotations',
  'rotation_policies',
  'secret_versions',
  'secrets',
  'api_keys',
  'role_assignments',
  'roles',
  'principals',
];

/** The project and every row that belongs to it; its audit rows stay. */
export const removeWithContents = async (store: Store, id: string, now: number): Promise<void> => {
  for (const owner of ['api_keys', 'principals', 'roles', 'secrets']) {
    await store.db.run(`delete from tags where resource_id in (select id from ${owner} where project_id = $1)`, [id]);
  }
  const ofProject = (table: string): string => `(select id from ${table} where project_id = $1)`;
  await store.db.run(`delete from rate_windows where key_id in ${ofProject('api_keys')}`, [id]);
  const values = await store.db.run(`delete from secret_values where version_id in ${ofProject('secret_versions')}`, [
    id,
  ]);
  if (values > 0) await askForScrub(store.db, now);
  for (const name of contents) await store.db.run(`delete from ${name} where project_id = $1`, [id]);
  await projectTable.remove(store, id);
};
