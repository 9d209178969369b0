import { isTime, type Store, type Stored, type Truths, table } from './table.ts';
import { hasTag, type Tags, tagConditions } from './tags.ts';

export type State = 'active' | 'disabled' | 'expired' | 'retiring' | 'revoked';
type Clear = {
  project_id: string;
  principal_id: string;
  /** Null on a revoked one, whose name is free again, and where another key has the name. */
  name_index: Uint8Array | null;
  key_hash: Uint8Array;
  expires_at: number | null;
  disabled_at: number | null;
  revoked_at: number | null;
  created_at: number;
  updated_at: number;
};
/** So many uses in each window of so many seconds. */
export type RateLimit = { uses: number; seconds: number };
type Plain = {
  name: string;
  prefix: string;
  suffix: string;
  tags?: Tags;
  rate_limit?: RateLimit;
  /** The only networks that it may be used from. */
  allow_ips?: readonly string[];
  /** The whole prefix, where the kept characters don't tell it. */
  issued_as?: string;
  /** Another key has the name, and is found by it. */
  name_taken?: true;
  /** It stays as long as the account that it was made with. */
  permanent?: true;
  rotated_from?: string;
  replaced_by?: string;
};
type Free = { last_used_at: number | null };
export type KeyRow = Stored<Clear, Plain, Free>;

export const keyTable = table<Clear, Plain, Free>(
  'api_keys',
  [
    'project_id',
    'principal_id',
    'name_index',
    'key_hash',
    'expires_at',
    'disabled_at',
    'revoked_at',
    'created_at',
    'updated_at',
  ],
  { last_used_at: isTime },
);

export const { insert, update } = keyTable;

export const nameIndex = (store: Store, projectId: string, name: string): Uint8Array =>
  store.sealer.index('api-key.name', projectId, name);

/** A revoked key keeps its tags. */
export const keyTruths: Truths = {
  links: [
    { column: 'project_id', to: 'projects' },
    { column: 'principal_id', to: 'principals', sameProject: true },
  ],
  tagged: true,
  expected: (store, { clear, plain }: KeyRow) => {
    const isFound = clear.revoked_at === null && plain.name_taken !== true;
    const index = isFound ? nameIndex(store, clear.project_id, plain.name) : null;
    return { columns: { name_index: index }, tags: plain.tags ?? {} };
  },
};

export const byId = (store: Store, id: string): Promise<KeyRow | undefined> =>
  keyTable.one(store, 'where t.id = $1', [id]);

export const byName = (store: Store, projectId: string, name: string): Promise<KeyRow | undefined> =>
  keyTable.one(store, 'where t.name_index = $1', [nameIndex(store, projectId, name)]);

/** One indexed look-up by the keyed hash; no key is compared in code. */
export const byKey = (store: Store, key: string): Promise<KeyRow | undefined> =>
  keyTable.one(store, 'where t.key_hash = $1', [store.sealer.keyHash(key)]);

export const stateOf = (row: KeyRow, now: number): State => {
  if (row.clear.revoked_at !== null) return 'revoked';
  if (row.clear.expires_at !== null && row.clear.expires_at <= now) return 'expired';
  return row.clear.disabled_at === null ? 'active' : 'disabled';
};

/** The same rule as `stateOf`, for the engine; `$2` is now. */
const inState: Record<State, string> = {
  revoked: 't.revoked_at is not null',
  expired: 't.revoked_at is null and t.expires_at <= $2',
  disabled: 't.revoked_at is null and (t.expires_at is null or t.expires_at > $2) and t.disabled_at is not null',
  retiring: '1 = 0',
  active: 't.revoked_at is null and (t.expires_at is null or t.expires_at > $2) and t.disabled_at is null',
};

export interface Filter {
  principalId?: string;
  state?: State;
  tags: readonly string[];
  after: string;
  limit: number;
}

export const list = async (store: Store, projectId: string, now: number, filter: Filter): Promise<KeyRow[]> => {
  const params: (string | number | Uint8Array)[] = [projectId, now, filter.after];
  let where = 'where t.project_id = $1 and $2 >= 0 and t.id > $3';
  if (filter.state !== undefined) where += ` and ${inState[filter.state]}`;
  if (filter.principalId !== undefined) where += ` and t.principal_id = $${params.push(filter.principalId)}`;
  const tags = tagConditions(store, projectId, filter.tags, params.length + 1);
  const rows = await keyTable.select(store, `${where}${tags.sql} order by t.id limit ${filter.limit}`, [
    ...params,
    ...tags.params,
  ]);
  return rows.filter((row) => filter.tags.every((tag) => hasTag(row.plain.tags, tag)));
};

/** Keys of a principal that work or could work again. */
export const usable = async (store: Store, principalId: string, now: number): Promise<number> => {
  const row = await store.db.get<{ count: number }>(
    `select count(*) as count from api_keys
     where principal_id = $1 and revoked_at is null and (expires_at is null or expires_at > $2)`,
    [principalId, now],
  );
  return row?.count ?? 0;
};

/** Keys of a principal that work as far as they themselves say. */
export const working = (store: Store, principalId: string, now: number): Promise<KeyRow[]> =>
  keyTable.select(
    store,
    `where t.principal_id = $1 and t.revoked_at is null and (t.expires_at is null or t.expires_at > $2)
     and t.disabled_at is null order by t.id`,
    [principalId, now],
  );

/** The greater value stands whoever writes last; nothing is written where it would be greater by less than `gapMs`. */
export const touch = async (store: Store, id: string, at: number, gapMs: number): Promise<void> => {
  await store.db.run(
    'update api_keys set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at <= $2 - $3)',
    [id, at, gapMs],
  );
};
