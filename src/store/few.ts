import type { Value } from './db.ts';
import type { Store } from './table.ts';

/**
 * So many are sought by themselves and put in order. Where there are more, a page of them is soon full in the order of all,
 * and to seek each of them for it would take the longer the more there are.
 */
export const few = 1_000;

/**
 * How many rows a query has, which isn't read further than to this many. It says an order that its index has: else an engine
 * may look for the first of many from one end of the table.
 */
export const countFew = async (
  { db }: Pick<Store, 'db'>,
  rows: string,
  params: readonly Value[],
  most = few,
): Promise<number> => {
  const sql = `select count(*) as count from (select 1 as one from (${rows}) found limit $${params.length + 1}) counted`;
  return (await db.get<{ count: number }>(sql, [...params, most]))?.count ?? 0;
};

export const areFew = async (store: Pick<Store, 'db'>, rows: string, params: readonly Value[]): Promise<boolean> =>
  (await countFew(store, rows, params)) < few;

/** The ids that a query has, where they are few; it says an order that its index has. */
export const fewIds = async (
  { db }: Pick<Store, 'db'>,
  rows: string,
  params: readonly Value[],
): Promise<string[] | undefined> => {
  const found = await db.all<{ id: string }>(`${rows} limit ${few}`, params);
  return found.length < few ? found.map(({ id }) => id) : undefined;
};

/** So many are sought at once, the least of these that they fit in: each is a statement that is kept. */
const sizes = [10, 51, 201] as const;
export const sizeFor = (count: number): number => sizes.find((size) => size >= count) ?? 201;

/** A list of at most 201 ids for `in`, with its parameters numbered from `first`. */
export const listed = (ids: readonly string[], first: number): { sql: string; params: string[] } => {
  const params = Array.from({ length: sizeFor(ids.length) }, (_, at) => ids[at] ?? '');
  return { sql: `(${params.map((_, at) => `$${first + at}`).join(', ')})`, params };
};
