import type { Store } from './table.ts';

/** Of those that share a database, each as long as `ms` alone may do what is so named. True for who may from now on. */
export const take = async (
  store: Store,
  name: string,
  { holder, now, ms }: { holder: string; now: number; ms: number },
): Promise<boolean> =>
  (await store.db.run(
    `insert into leases (name, holder, until) values ($1, $2, $3)
     on conflict (name) do update set holder = $2, until = $3 where leases.until <= $4 or leases.holder = $2`,
    [name, holder, now + ms, now],
  )) === 1;
