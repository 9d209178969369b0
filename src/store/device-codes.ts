import { isTime, type Store, type Stored, type Truths, table } from './table.ts';

export type DeviceState = 'pending' | 'approved' | 'refused' | 'used';
type Clear = {
  device_hash: Uint8Array;
  user_code_index: Uint8Array;
  /** Where it was asked from. */
  source_index: Uint8Array;
  state: string;
  /** Who decided. */
  user_id: string | null;
  /** What it was approved for; null for all that the user may. */
  project_id: string | null;
  expires_at: number;
  created_at: number;
};
type Plain = { user_code: string; label: string; client?: string; project?: string; ip_address?: string };
type Free = { polled_at: number | null };
export type DeviceRow = Stored<Clear, Plain, Free>;

export const deviceTable = table<Clear, Plain, Free>(
  'device_codes',
  ['device_hash', 'user_code_index', 'source_index', 'state', 'user_id', 'project_id', 'expires_at', 'created_at'],
  { polled_at: isTime },
);

export const { insert, update } = deviceTable;

export const deviceTruths: Truths = { links: [{ column: 'user_id', to: 'users' }] };

export const userCodeIndex = (store: Store, userCode: string): Uint8Array =>
  store.sealer.index('device.user-code', userCode);

export const byDeviceCode = (store: Store, code: string): Promise<DeviceRow | undefined> =>
  deviceTable.one(store, 'where t.device_hash = $1', [store.sealer.keyHash(code)]);

export const byUserCode = (store: Store, userCode: string): Promise<DeviceRow | undefined> =>
  deviceTable.one(store, 'where t.user_code_index = $1', [userCodeIndex(store, userCode)]);

/** False where it was asked less than so long ago; otherwise it was asked now. */
export const poll = async (store: Store, id: string, now: number, intervalMs: number): Promise<boolean> =>
  (await store.db.run(
    'update device_codes set polled_at = $2 where id = $1 and (polled_at is null or polled_at <= $2 - $3)',
    [id, now, intervalMs],
  )) === 1;

/** What a user confirmed and nobody has fetched yet. */
export const approvedBy = (store: Store, userId: string): Promise<DeviceRow[]> =>
  deviceTable.select(store, "where t.user_id = $1 and t.state = 'approved'", [userId]);

export const sourceIndex = (store: Store, source: string): Uint8Array => store.sealer.index('device.source', source);

/** How many that nobody decided yet were asked for, and how many of them from one source. */
export const pending = async (store: Store, source: string, now: number): Promise<{ all: number; own: number }> => {
  const row = await store.db.get<{ all_count: number; own_count: number }>(
    `select count(*) as all_count, coalesce(sum(case when source_index = $2 then 1 else 0 end), 0) as own_count
     from device_codes where state = 'pending' and expires_at > $1`,
    [now, sourceIndex(store, source)],
  );
  return { all: row?.all_count ?? 0, own: row?.own_count ?? 0 };
};
