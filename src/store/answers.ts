import type { Store } from './table.ts';

/** What a request with an Idempotency-Key was answered, for who asks the same again. */
export type AnswerRow = {
  request: Uint8Array;
  resource_id: string | null;
  replay_until: number;
  expires_at: number;
  sealed: Uint8Array | null;
};

export const find = (store: Store, id: Uint8Array): Promise<AnswerRow | undefined> =>
  store.db.get<AnswerRow>('select request, resource_id, replay_until, expires_at, sealed from answers where id = $1', [
    id,
  ]);

/** False where there is one under this id. */
export const insert = async (store: Store, id: Uint8Array, row: AnswerRow): Promise<boolean> =>
  (await store.db.run(
    `insert into answers (id, request, resource_id, replay_until, expires_at, sealed)
     values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
    [id, row.request, row.resource_id, row.replay_until, row.expires_at, row.sealed],
  )) === 1;

export const remove = async (store: Store, id: Uint8Array): Promise<void> => {
  await store.db.run('delete from answers where id = $1', [id]);
};
