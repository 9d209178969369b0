import { isTime, type Store, type Stored, type Truths, table } from './table.ts';

type Clear = {
  email_index: Uint8Array;
  /** Since when they may do everything; null on everybody else. */
  administrator_at: number | null;
  disabled_at: number | null;
  created_at: number;
  updated_at: number;
};
/** What a password is checked against; the hash and the salt in base64. */
export type PasswordHash = { salt: string; operations: number; memory_bytes: number; hash: string };
type Plain = { email: string; name?: string; password: PasswordHash };
type Free = { last_login_at: number | null };
export type UserRow = Stored<Clear, Plain, Free>;

export const userTable = table<Clear, Plain, Free>(
  'users',
  ['email_index', 'administrator_at', 'disabled_at', 'created_at', 'updated_at'],
  { last_login_at: isTime },
);

export const { insert, update } = userTable;

/** One spelling of an address: nobody remembers how they wrote theirs at first. */
export const folded = (email: string): string => email.normalize('NFKC').toLowerCase();

export const emailIndex = (store: Store, email: string): Uint8Array => store.sealer.index('user.email', folded(email));

export const userTruths: Truths = {
  links: [],
  expected: (store, { plain }: UserRow) => ({ columns: { email_index: emailIndex(store, plain.email) } }),
};

export const byId = (store: Store, id: string): Promise<UserRow | undefined> =>
  userTable.one(store, 'where t.id = $1', [id]);

export const byEmail = (store: Store, email: string): Promise<UserRow | undefined> =>
  userTable.one(store, 'where t.email_index = $1', [emailIndex(store, email)]);

export const list = (store: Store, after: string, limit: number): Promise<UserRow[]> =>
  userTable.select(store, 'where t.id > $1 order by t.id limit $2', [after, limit]);

export const noteLogin = async (store: Store, id: string, at: number): Promise<void> => {
  await store.db.run('update users set last_login_at = $2 where id = $1', [id, at]);
};

/** Who may still sign in and do everything. */
export const activeAdministrators = async (store: Store): Promise<number> => {
  const row = await store.db.get<{ count: number }>(
    'select count(*) as count from users where administrator_at is not null and disabled_at is null',
  );
  return row?.count ?? 0;
};
