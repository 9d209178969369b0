import { MobiusError } from '../errors.ts';
import type { Value } from './db.ts';
import { fewIds, listed } from './few.ts';
import { pageOf } from './pages.ts';
import { askForScrub } from './scrub.ts';
import { type Store, type Stored, type Truths, table } from './table.ts';
import type { Tags } from './tags.ts';

type Clear = {
  project_id: string;
  name_index: Uint8Array;
  /** The number of the latest version. */
  version: number;
  expires_at: number | null;
  created_by: string | null;
  updated_by: string | null;
  created_at: number;
  updated_at: number;
};
type Plain = {
  name: string;
  description?: string;
  tags?: Tags;
  max_versions?: number;
  destroy_after_seconds?: number;
};
export type SecretRow = Stored<Clear, Plain>;

export const secretTable = table<Clear, Plain>('secrets', [
  'project_id',
  'name_index',
  'version',
  'expires_at',
  'created_by',
  'updated_by',
  'created_at',
  'updated_at',
]);

export const { insert, update, remove } = secretTable;

export const nameIndex = (store: Store, projectId: string, name: string): Uint8Array =>
  store.sealer.index('secret.name', projectId, name);

const madeBy = (column: string) => ({ column, to: 'principals', sameProject: true }) as const;

export const secretTruths: Truths = {
  links: [{ column: 'project_id', to: 'projects' }, madeBy('created_by'), madeBy('updated_by')],
  tagged: true,
  async beside({ db }, { id, clear }: SecretRow) {
    const sql = 'select count(*) as count, max(version) as last from secret_versions where secret_id = $1';
    const found = await db.get<{ count: number; last: number | null }>(sql, [id]);
    if (found?.count !== clear.version || found.last !== clear.version) {
      throw new MobiusError('damaged', `it has ${clear.version} versions, but not all of them are there`);
    }
  },
  expected: (store, { clear, plain }: SecretRow) => ({
    columns: { name_index: nameIndex(store, clear.project_id, plain.name) },
    tags: plain.tags ?? {},
  }),
};

export const byId = (store: Store, id: string): Promise<SecretRow | undefined> =>
  secretTable.one(store, 'where t.id = $1', [id]);

export const byName = (store: Store, projectId: string, name: string): Promise<SecretRow | undefined> =>
  secretTable.one(store, 'where t.name_index = $1', [nameIndex(store, projectId, name)]);

export interface Filter {
  /** No others. */
  ids?: readonly string[];
  expiresBefore?: number;
  tags: readonly string[];
  after: string;
  limit: number;
}

export const list = async (store: Store, projectId: string, filter: Filter): Promise<SecretRow[]> => {
  const { expiresBefore, tags: filters, after, limit } = filter;
  const params: Value[] = [projectId];
  const where: string[] = [];
  let { ids } = filter;
  if (expiresBefore !== undefined) {
    params.push(expiresBefore);
    const rows = 'select id from secrets where project_id = $1 and expires_at < $2 order by expires_at';
    ids ??= await fewIds(store, rows, params);
    // Where they are many the sign keeps the engine to the order of the page.
    where.push('+t.expires_at < $2');
  }
  const columns = { project_id: '$1' };
  const select = (tail: string, all: readonly Value[]): Promise<SecretRow[]> => secretTable.select(store, tail, all);
  return pageOf(store, projectId, { select, columns, where, params, ids, filters, prefix: 'sec_', after, limit });
};

/** Secrets of every project in use whose values stop working before then, or did already. */
export const countEnding = async ({ db }: Pick<Store, 'db'>, before: number): Promise<number> => {
  const row = await db.get<{ count: number }>(
    `select cast(coalesce(sum((select count(*) from secrets where project_id = p.id and expires_at < $1)), 0)
       as bigint) as count
     from projects p where p.archived_at is null`,
    [before],
  );
  return row?.count ?? 0;
};

export type State = 'ENABLED' | 'DISABLED' | 'DESTROYED';
type VersionClear = {
  project_id: string;
  secret_id: string;
  version: number;
  /** The engine itself keeps a second one of a secret from being ENABLED. */
  state: State;
  created_by: string | null;
  created_at: number;
  /** Null on a DISABLED one that was staged and never in use. */
  disabled_at: number | null;
  destroy_at: number | null;
  destroyed_at: number | null;
};
type VersionPlain = {
  sha256: string;
  key_names: string[];
  /** What the values are sealed under; gone with them. */
  data_key?: string;
};
export type VersionRow = Stored<VersionClear, VersionPlain>;

export const versionTable = table<VersionClear, VersionPlain>('secret_versions', [
  'project_id',
  'secret_id',
  'version',
  'state',
  'created_by',
  'created_at',
  'disabled_at',
  'destroy_at',
  'destroyed_at',
]);

const sealedValues = async (store: Store, versionId: string): Promise<Uint8Array | undefined> => {
  const row = await store.db.get('select sealed from secret_values where version_id = $1', [versionId]);
  return row?.sealed instanceof Uint8Array ? row.sealed : undefined;
};

const valuesMissing = (id: string): MobiusError =>
  new MobiusError('damaged', `the values of the secret version "${id}" are missing`, { table: 'secret_values', id });

/** The values of a version that is not destroyed, as they were sealed. */
export const openValues = async (store: Store, { id, plain }: VersionRow): Promise<Uint8Array> => {
  const sealed = await sealedValues(store, id);
  if (sealed === undefined || plain.data_key === undefined) throw valuesMissing(id);
  return store.sealer.openValues(id, plain.data_key, sealed);
};

export const versionTruths: Truths = {
  links: [
    { column: 'project_id', to: 'projects' },
    { column: 'secret_id', to: 'secrets', sameProject: true },
    madeBy('created_by'),
  ],
  async beside(store, row: VersionRow) {
    if (row.clear.state !== 'DESTROYED') {
      await openValues(store, row);
    } else if (row.plain.data_key !== undefined || (await sealedValues(store, row.id)) !== undefined) {
      throw new MobiusError('damaged', 'it is destroyed, but its values are still there');
    }
  },
};

/** Undefined where another version of the secret is in use, or has this number. */
export const insertVersion = async (
  store: Store,
  id: string,
  clear: VersionClear,
  about: { sha256: string; key_names: string[] },
  values: Uint8Array,
): Promise<VersionRow | undefined> => {
  const { dataKey, sealed } = store.sealer.sealValues(id, values);
  const row = await versionTable.insert(store, id, clear, { ...about, data_key: dataKey });
  if (row !== undefined) {
    await store.db.run('insert into secret_values (version_id, sealed) values ($1, $2)', [id, sealed]);
  }
  return row;
};

export const updateVersion = versionTable.update;

/** Nothing opens the values after this, and their bytes go when the engine's log is emptied, which is asked for here. */
export const destroyValues = async (store: Store, row: VersionRow, now: number): Promise<VersionRow> => {
  const { data_key: _, ...plain } = row.plain;
  await store.db.run('delete from secret_values where version_id = $1', [row.id]);
  await askForScrub(store.db, now);
  const disabledAt = row.clear.disabled_at ?? now;
  return updateVersion(store, row, {
    clear: { state: 'DESTROYED', disabled_at: disabledAt, destroy_at: null, destroyed_at: now },
    plain,
  });
};

export const versionsOf = (store: Store, secretId: string): Promise<VersionRow[]> =>
  versionTable.select(store, 'where t.secret_id = $1 order by t.version desc', [secretId]);

export const versionByNumber = (store: Store, secretId: string, version: number): Promise<VersionRow | undefined> =>
  versionTable.one(store, 'where t.secret_id = $1 and t.version = $2', [secretId, version]);

export const enabledVersion = (store: Store, secretId: string): Promise<VersionRow | undefined> =>
  versionTable.one(store, "where t.secret_id = $1 and t.state = 'ENABLED'", [secretId]);

/** Of a page of secrets, by the secret. */
export const enabledVersions = async (store: Store, ids: readonly string[]): Promise<Map<string, VersionRow>> => {
  if (ids.length === 0) return new Map();
  const { sql, params } = listed(ids, 1);
  const rows = await versionTable.select(store, `where t.state = 'ENABLED' and t.secret_id in ${sql}`, params);
  return new Map(rows.map((row) => [row.clear.secret_id, row]));
};

/** The oldest versions that are not in use and still have values, where more than `most` of all have. */
export const superfluous = async (store: Store, secretId: string, most: number): Promise<VersionRow[]> => {
  const count = await store.db.get<{ count: number }>(
    "select count(*) as count from secret_versions where secret_id = $1 and state <> 'DESTROYED'",
    [secretId],
  );
  const many = (count?.count ?? 0) - most;
  if (many <= 0) return [];
  return versionTable.select(
    store,
    "where t.secret_id = $1 and t.state = 'DISABLED' and t.disabled_at is not null order by t.version limit $2",
    [secretId, many],
  );
};

export const dueVersions = (store: Store, now: number, limit: number): Promise<VersionRow[]> =>
  versionTable.select(store, 'where t.destroy_at <= $1 order by t.destroy_at limit $2', [now, limit]);

export const removeWithVersions = async (store: Store, row: SecretRow, now: number): Promise<void> => {
  await store.db.run(
    'delete from secret_values where version_id in (select id from secret_versions where secret_id = $1)',
    [row.id],
  );
  await store.db.run('delete from secret_versions where secret_id = $1', [row.id]);
  await remove(store, row.id);
  await askForScrub(store.db, now);
};
