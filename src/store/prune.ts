import * as leases from './leases.ts';
import type { Store } from './table.ts';
import * as tokens from './tokens.ts';

const hourMs = 3_600_000;
/** No token that a retired key signed lives longer. */
const longestTokenMs = 24 * hourMs;
/** Longer than from one go to the next. */
const turnMs = 120_000;
/** Of each table in one go, so that nobody waits long; the next go does the rest. */
const atOnce = 500;

const first = (table: string, condition: string): string =>
  `delete from ${table} where id in (select id from ${table} where ${condition} order by id limit ${atOnce})`;

/**
 * Removes what is over and nobody asks for any more, and the one-time answers that are not to be given again. Of those
 * that share a database one does it for some time, and for the others nothing is left to do.
 */
export const prune = async (store: Store, now: number, node: string): Promise<{ isDone: boolean }> => {
  if (!(await leases.take(store, 'prune', { holder: node, now, ms: turnMs }))) return { isDone: true };
  const removed = [
    await store.db.run(first('device_codes', 'expires_at <= $1'), [now - hourMs]),
    await store.db.run(first('answers', 'expires_at <= $1'), [now]),
    await store.db.run(first('attempts', 'updated_at <= $1 and (locked_until is null or locked_until <= $2)'), [
      now - hourMs,
      now,
    ]),
    await tokens.prune(store, now, atOnce),
    await store.db.run(first('signing_keys', 'retired_at <= $1'), [now - longestTokenMs - hourMs]),
  ];
  await store.db.run('update answers set sealed = null where replay_until <= $1 and sealed is not null', [now]);
  return { isDone: removed.every((count) => count < atOnce) };
};
