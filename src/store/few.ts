import type { Value } from './db.ts';
import type { Store } from './table.ts';

/**
 * So many are sought by themselves and put in order. Where there are more, a page of them is soon full in the order of all,
 * and to seek each of them for it would take the longer the more there are.
 */
const few = 1_000;

/** How many rows a query has, which isn't read further than to what is many. */
export const countFew = async ({ db }: Pick<Store, 'db'>, rows: string, params: readonly Value[]): Promise<number> => {
  const sql = `select count(*) as count from (select 1 as one from (${rows}) found limit ${few}) counted`;
  return (await db.get<{ count: number }>(sql, params))?.count ?? 0;
};

export const areFew = async (store: Pick<Store, 'db'>, rows: string, params: readonly Value[]): Promise<boolean> =>
  (await countFew(store, rows, params)) < few;
