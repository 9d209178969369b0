import type { Ready } from '../ready.ts';
import { recall } from './memory.ts';
import { isTime, isWhole, type Store, type Stored, type Truths, table } from './table.ts';

type Clear = {
  project_id: string;
  /** Whom it acts as; null for the owner of the vault, and for an administrator who has no part in the project. */
  principal_id: string | null;
  /** What it was made with: a key, or a session, or neither by the owner of the vault. */
  key_id: string | null;
  session_id: string | null;
  /** Those of its project and its principal when it was made. */
  project_generation: number;
  principal_generation: number;
  request_limit: number;
  expires_at: number;
  revoked_at: number | null;
  created_at: number;
};
type Plain = {
  name?: string;
  permissions: readonly string[];
  /** The name of whom it acts as, and of what it was made with: neither ever changes. */
  owner: string;
  made_by: string;
};
type Free = { used: number | null; last_used_at: number | null };
export type TokenRow = Stored<Clear, Plain, Free>;

export const tokenTable = table<Clear, Plain, Free>(
  'tokens',
  [
    'project_id',
    'principal_id',
    'key_id',
    'session_id',
    'project_generation',
    'principal_generation',
    'request_limit',
    'expires_at',
    'revoked_at',
    'created_at',
  ],
  { used: (value) => isWhole(value) && Number(value) >= 0, last_used_at: isTime },
);

export const { insert, update } = tokenTable;

export const tokenTruths: Truths = {
  links: [
    { column: 'project_id', to: 'projects' },
    { column: 'principal_id', to: 'principals', sameProject: true },
    { column: 'key_id', to: 'api_keys', sameProject: true },
    { column: 'session_id', to: 'sessions' },
  ],
};

export const remainingOf = ({ clear, free }: TokenRow): number => Math.max(0, clear.request_limit - (free.used ?? 0));

export const byId = (store: Store, id: string): Promise<TokenRow | undefined> =>
  tokenTable.one(store, 'where t.id = $1', [id]);

/** As it is remembered: how often it was used since then is not in it. */
export const known = (store: Store, id: string): Ready<TokenRow | undefined> =>
  recall(store.db, `token ${id}`, () => byId(store, id));

/** For so long after its end one can still be looked at. */
const keptMs = 3_600_000;

/** Later it is as if it had never been, whether or not its row was removed by then. */
export const isKept = ({ clear }: TokenRow, now: number): boolean => clear.expires_at > now - keptMs;

/** What is left of it now. */
export const leftOf = async (store: Store, { id, clear }: TokenRow): Promise<number> => {
  const row = await store.db.get<{ used: number }>('select used from tokens where id = $1', [id]);
  return Math.max(0, clear.request_limit - (row?.used ?? clear.request_limit));
};

/**
 * So many requests of a token, counted in one statement, all or none: of any number at once exactly as many are let
 * through as it may. What is left after them; undefined where there were not so many left.
 */
export const spend = async (
  store: Store,
  { id, clear }: TokenRow,
  now: number,
  requests = 1,
): Promise<number | undefined> => {
  const row = await store.db.get<{ used: number }>(
    `update tokens set used = used + $3,
       last_used_at = case when last_used_at > $2 then last_used_at else $2 end
     where id = $1 and used <= request_limit - $3 and revoked_at is null and expires_at > $2
     returning used`,
    [id, now, requests],
  );
  return row === undefined ? undefined : clear.request_limit - row.used;
};

export interface Filter {
  principalId?: string;
  keyId?: string;
  expiresBefore?: number;
  /** Those too that are over, or whose maker is. */
  withEnded: boolean;
  after: { at: number; id: string };
  limit: number;
}

/**
 * Neither they nor what they hang on are over; `$2` is now. One question a row: of so many conditions side by side
 * PostgreSQL believes that hardly any row fulfils them all, and reads every one for a page.
 */
const isLive = `t.expires_at > $2 and t.revoked_at is null
  and t.project_generation = coalesce(j.token_generation, 0) and j.archived_at is null and (
  select (p.id is null or (p.disabled_at is null and p.archived_at is null
      and t.principal_generation = coalesce(p.token_generation, 0)))
    and (k.id is null or (k.revoked_at is null and coalesce(k.retires_at, $2 + 1) > $2 and k.disabled_at is null and coalesce(k.expires_at, $2 + 1) > $2))
    and (s.id is null or (s.revoked_at is null and coalesce(s.expires_at, $2 + 1) > $2))
    and u.disabled_at is null
  from (select 1) as one
  left join principals p on p.id = t.principal_id
  left join api_keys k on k.id = t.key_id
  left join sessions s on s.id = t.session_id
  left join users u on u.id = coalesce(s.user_id, p.user_id))`;

/** Those that end first come first. */
export const list = (store: Store, projectId: string, now: number, filter: Filter): Promise<TokenRow[]> => {
  const params: (string | number)[] = [projectId, now, filter.after.at, filter.after.id, filter.limit];
  let where = 'where t.project_id = $1 and $2 >= 0 and (t.expires_at, t.id) > ($3, $4)';
  if (!filter.withEnded) where += ` and ${isLive}`;
  if (filter.principalId !== undefined) where += ` and t.principal_id = $${params.push(filter.principalId)}`;
  if (filter.keyId !== undefined) where += ` and t.key_id = $${params.push(filter.keyId)}`;
  if (filter.expiresBefore !== undefined) where += ` and t.expires_at < $${params.push(filter.expiresBefore)}`;
  const joined = `join projects j on j.id = t.project_id ${where}`;
  return tokenTable.select(store, `${joined} order by t.expires_at, t.id limit $5`, params);
};

/** Removes what is over, so many at once. How many were. */
export const prune = (store: Store, now: number, atOnce: number): Promise<number> =>
  store.db.run(
    `delete from tokens where id in (select id from tokens where expires_at <= $1 order by expires_at limit ${atOnce})`,
    [now - keptMs],
  );
