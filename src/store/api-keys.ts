import type { Value } from './db.ts';
import { fewIds } from './few.ts';
import { behind, pageOf } from './pages.ts';
import { isTime, type Store, type Stored, type Truths, table } from './table.ts';
import type { Tags } from './tags.ts';

export type State = 'active' | 'disabled' | 'expired' | 'retiring' | 'revoked';
type Clear = {
  project_id: string;
  principal_id: string;
  /** Null on one that was revoked or replaced, whose name is free again, and where another key has the name. */
  name_index: Uint8Array | null;
  key_hash: Uint8Array;
  expires_at: number | null;
  disabled_at: number | null;
  revoked_at: number | null;
  /** One that was replaced works beside its successor until then. */
  retires_at: number | null;
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
    'retires_at',
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
    const isFound = clear.revoked_at === null && clear.retires_at === null && plain.name_taken !== true;
    const index = isFound ? nameIndex(store, clear.project_id, plain.name) : null;
    return { columns: { name_index: index }, tags: plain.tags ?? {} };
  },
};

export const byId = (store: Store, id: string): Promise<KeyRow | undefined> =>
  keyTable.one(store, 'where t.id = $1', [id]);

export const byName = (store: Store, projectId: string, name: string): Promise<KeyRow | undefined> =>
  keyTable.one(store, 'where t.name_index = $1', [nameIndex(store, projectId, name)]);

export const hashOf = ({ sealer }: Store, key: string): Uint8Array => sealer.keyHash(key);

/** Under which that is remembered which is found by this hash. */
export const nameOf = (hash: Uint8Array): string =>
  Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('latin1');

/** One indexed look-up by the keyed hash; no key is compared in code. */
export const byHash = (store: Store, hash: Uint8Array): Promise<KeyRow | undefined> =>
  keyTable.one(store, 'where t.key_hash = $1', [hash]);

/** When it stops by itself, if ever: its end, or that of the time it was given beside its successor. */
export const endOf = ({ clear: { expires_at: expires, retires_at: retires } }: KeyRow): number | null =>
  expires === null || retires === null ? (expires ?? retires) : Math.min(expires, retires);

export const stateOf = ({ clear }: KeyRow, now: number): State => {
  if (clear.revoked_at !== null || (clear.retires_at !== null && clear.retires_at <= now)) return 'revoked';
  if (clear.expires_at !== null && clear.expires_at <= now) return 'expired';
  if (clear.disabled_at !== null) return 'disabled';
  return clear.retires_at === null ? 'active' : 'retiring';
};

/** Neither revoked nor replaced for good, nor past its end; `$2` is now. */
const isThere = `t.revoked_at is null and (t.retires_at is null or t.retires_at > $2)
  and (t.expires_at is null or t.expires_at > $2)`;

/** The same rule as `stateOf`, for the engine. */
const inState: Record<State, string> = {
  // Said twice, so that the index of those alone is found to do.
  revoked: `(t.revoked_at is not null or t.retires_at is not null)
    and (t.revoked_at is not null or t.retires_at <= $2)`,
  expired: 't.revoked_at is null and (t.retires_at is null or t.retires_at > $2) and t.expires_at <= $2',
  disabled: `${isThere} and t.disabled_at is not null`,
  retiring: `(t.revoked_at is not null or t.retires_at is not null) and t.retires_at > $2
    and t.revoked_at is null and (t.expires_at is null or t.expires_at > $2) and t.disabled_at is null`,
  active: `t.revoked_at is null and t.retires_at is null and (t.expires_at is null or t.expires_at > $2)
    and t.disabled_at is null`,
};

/** Of keys that work, those that end between two times. One whose successor is there already isn't among them. */
const ending = (from: string, to: string): string =>
  `revoked_at is null and retires_at is null and disabled_at is null and expires_at > ${from} and expires_at < ${to}`;

export interface Filter {
  principalId?: string;
  state?: State;
  /** Those of the state, or where none is named, of those that work. */
  expiresBefore?: number;
  tags: readonly string[];
  after: string;
  limit: number;
}

/**
 * The condition over `t`, with the time as `$n`. Told by the sign the engine keeps to the order of the page; whether those
 * that end are sought by their own index is decided by how many they are.
 */
const endsBefore = (state: State | undefined, n: number): string =>
  state !== undefined && state !== 'active'
    ? `t.expires_at < $${n}`
    : `t.revoked_at is null and t.retires_at is null and t.disabled_at is null
        and +t.expires_at > $2 and +t.expires_at < $${n}`;

/** Replaced by keys that they still work beside, as far as this tells. */
const inGrace = 'project_id = $1 and revoked_at is null and retires_at > $2';

/** Keys that stand beside one another in an index. */
interface Stretch {
  where: string;
  order: 'expires_at' | 'retires_at';
}

/** Where those stand that a filter asks for, and few others; `$3` is the end that they have before. */
const stretchesOf = ({ state, expiresBefore }: Filter): readonly Stretch[] => {
  if (state === 'retiring') return [{ where: inGrace, order: 'retires_at' }];
  if (state === 'expired') {
    return [
      {
        where: 'project_id = $1 and revoked_at is null and retires_at is null and expires_at <= $2',
        order: 'expires_at',
      },
      { where: `${inGrace} and expires_at <= $2`, order: 'retires_at' },
    ];
  }
  if (expiresBefore === undefined || state === 'disabled' || state === 'revoked') return [];
  return [{ where: `project_id = $1 and ${ending('$2', '$3')}`, order: 'expires_at' }];
};

const fewIn = async (
  store: Store,
  stretches: readonly Stretch[],
  params: readonly [projectId: string, now: number, expiresBefore: number | undefined],
): Promise<string[] | undefined> => {
  const all: string[] = [];
  for (const { where, order } of stretches) {
    const rows = `select id from api_keys where ${where} order by ${order}`;
    const given = params.filter((param, n) => param !== undefined && where.includes(`$${n + 1}`)) as Value[];
    const ids = await fewIds(store, rows, given);
    if (ids === undefined) return undefined;
    all.push(...ids);
  }
  return stretches.length > 0 ? all : undefined;
};

/** Whose index leads to a page: a principal's, or that of a state. */
const ledBy = (projectId: string, { principalId, state }: Filter): { rows: string; params: Value[] } | undefined => {
  const inState = {
    disabled: 't.disabled_at is not null',
    revoked: '(t.revoked_at is not null or t.retires_at is not null)',
  };
  const column = principalId === undefined ? 'project_id' : 'principal_id';
  const rows = `select t.id from api_keys t where ${behind([`t.${column}`, 't.id'], ['$1', '$2'])}`;
  const order = `order by t.${column}, t.id`;
  if (principalId !== undefined) return { rows: `${rows} ${order}`, params: [principalId, ''] };
  if (state !== 'disabled' && state !== 'revoked') return undefined;
  return { rows: `${rows} and ${inState[state]} ${order}`, params: [projectId, ''] };
};

export const list = async (store: Store, projectId: string, now: number, filter: Filter): Promise<KeyRow[]> => {
  const { state, expiresBefore, principalId, tags: filters, after, limit } = filter;
  const params: Value[] = [projectId, now];
  const where = ['$2 >= 0'];
  if (state !== undefined) where.push(inState[state]);
  if (expiresBefore !== undefined) where.push(endsBefore(state, params.push(expiresBefore)));
  const columns: Record<string, string> = { project_id: '$1' };
  if (principalId !== undefined) columns.principal_id = `$${params.push(principalId)}`;
  const ids = await fewIn(store, stretchesOf(filter), [projectId, now, expiresBefore]);
  const led = ledBy(projectId, filter);
  const select = (tail: string, all: readonly Value[]): Promise<KeyRow[]> => keyTable.select(store, tail, all);
  return pageOf(store, projectId, { select, columns, where, params, ids, led, filters, prefix: 'key_', after, limit });
};

/** Keys of every project in use that work and end before then. */
export const countEnding = async ({ db }: Pick<Store, 'db'>, now: number, before: number): Promise<number> => {
  const row = await db.get<{ count: number }>(
    `select cast(coalesce(sum((select count(*) from api_keys where project_id = p.id and ${ending('$1', '$2')})), 0)
       as bigint) as count
     from projects p where p.archived_at is null`,
    [now, before],
  );
  return row?.count ?? 0;
};

/** Keys of a principal that work or could work again. */
export const usable = async (store: Store, principalId: string, now: number): Promise<number> => {
  const row = await store.db.get<{ count: number }>(
    `select count(*) as count from api_keys t where t.principal_id = $1 and ${isThere}`,
    [principalId, now],
  );
  return row?.count ?? 0;
};

/** Keys of a principal that work as far as they themselves say. */
export const working = (store: Store, principalId: string, now: number): Promise<KeyRow[]> =>
  keyTable.select(store, `where t.principal_id = $1 and ${isThere} and t.disabled_at is null order by t.id`, [
    principalId,
    now,
  ]);

/** The greater value stands whoever writes last; nothing is written where it would be greater by less than `gapMs`. */
export const touch = async (store: Store, id: string, at: number, gapMs: number): Promise<void> => {
  await store.db.run(
    'update api_keys set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at <= $2 - $3)',
    [id, at, gapMs],
  );
};
