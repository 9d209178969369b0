import { isTime, type Store, type Stored, type Truths, table } from './table.ts';

/** `cli`: a credential that lives while it is used. `session`: short tokens, renewed by refresh tokens. */
export type SessionKind = 'cli' | 'session';
type Clear = {
  user_id: string;
  /** The only project that it works in; null for all that the user may. */
  project_id: string | null;
  kind: string;
  /** Of a CLI credential. */
  token_hash: Uint8Array | null;
  /** How often it was renewed: a refresh token of an earlier generation was used before. */
  generation: number;
  /** Null where only being left unused ends it. */
  expires_at: number | null;
  revoked_at: number | null;
  created_at: number;
};
type Plain = { label: string; client?: string; ip_address?: string };
type Free = { last_used_at: number | null };
export type SessionRow = Stored<Clear, Plain, Free>;

export const sessionTable = table<Clear, Plain, Free>(
  'sessions',
  ['user_id', 'project_id', 'kind', 'token_hash', 'generation', 'expires_at', 'revoked_at', 'created_at'],
  { last_used_at: isTime },
);

export const { insert, update } = sessionTable;

export const sessionTruths: Truths = {
  links: [
    { column: 'user_id', to: 'users' },
    { column: 'project_id', to: 'projects' },
  ],
};

export const byId = (store: Store, id: string): Promise<SessionRow | undefined> =>
  sessionTable.one(store, 'where t.id = $1', [id]);

export const byToken = (store: Store, token: string): Promise<SessionRow | undefined> =>
  sessionTable.one(store, 'where t.token_hash = $1', [store.sealer.keyHash(token)]);

const idleMs = 90 * 86_400_000;

/** When nobody's using it ends it. */
export const idleEnd = ({ clear, free }: SessionRow): number => (free.last_used_at ?? clear.created_at) + idleMs;

export const stateOf = (row: SessionRow, now: number): 'active' | 'expired' | 'revoked' => {
  if (row.clear.revoked_at !== null) return 'revoked';
  const end = row.clear.kind === 'cli' ? idleEnd(row) : (row.clear.expires_at ?? 0);
  return end <= now ? 'expired' : 'active';
};

export const ofUser = (store: Store, userId: string): Promise<SessionRow[]> =>
  sessionTable.select(store, 'where t.user_id = $1 order by t.id', [userId]);

export const touch = async (store: Store, id: string, at: number): Promise<void> => {
  await store.db.run(
    'update sessions set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at < $2)',
    [id, at],
  );
};
