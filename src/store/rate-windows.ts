import type { Store } from './table.ts';

/**
 * One use of a key that may be used so often in each window, counted in one statement: of any number at once exactly as
 * many are let through as fit. A window begins with its first use. What is left after it; undefined where none was.
 */
export const spend = async (
  store: Store,
  keyId: string,
  now: number,
  { uses, windowMs }: { uses: number; windowMs: number },
): Promise<number | undefined> => {
  const row = await store.db.get<{ used: number }>(
    `insert into rate_windows (key_id, started_at, used) values ($1, $2, 1)
     on conflict (key_id) do update set
       used = case when rate_windows.started_at <= $2 - $3 then 1 else rate_windows.used + 1 end,
       started_at = case when rate_windows.started_at <= $2 - $3 then $2 else rate_windows.started_at end
     where rate_windows.started_at <= $2 - $3 or rate_windows.used < $4
     returning used`,
    [keyId, now, windowMs, uses],
  );
  return row === undefined ? undefined : uses - row.used;
};

/** When the window that a key is in began. */
export const startedAt = async (store: Store, keyId: string): Promise<number | undefined> =>
  (await store.db.get<{ started_at: number }>('select started_at from rate_windows where key_id = $1', [keyId]))
    ?.started_at;
