import type { Store } from './table.ts';

export type Attempts = { failures: number; locked_until: number | null; updated_at: number };

export const find = (store: Store, id: Uint8Array): Promise<Attempts | undefined> =>
  store.db.get<Attempts>('select failures, locked_until, updated_at from attempts where id = $1', [id]);

export const put = async (store: Store, id: Uint8Array, { failures, locked_until, updated_at }: Attempts) => {
  await store.db.run(
    `insert into attempts (id, failures, locked_until, updated_at) values ($1, $2, $3, $4)
     on conflict (id) do update set failures = $2, locked_until = $3, updated_at = $4`,
    [id, failures, locked_until, updated_at],
  );
};

export const clear = async (store: Store, id: Uint8Array): Promise<void> => {
  await store.db.run('delete from attempts where id = $1', [id]);
};
