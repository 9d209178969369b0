import type { Value } from './db.ts';
import { countFew, few, listed, sizeFor } from './few.ts';
import type { Store } from './table.ts';
import { hasTag, isAny, keyIndex, keyOf, type Tags, tagConditions, tagIndex } from './tags.ts';

/**
 * What comes after a place in an index, whose last column is the id, and has the same in its first; with these columns in
 * `order by`. Were it said with `=`, the order would be that of the others alone to PostgreSQL, which then reads the rows of
 * everybody else on its way to a page, by an index without the first. And of what is greater it believes that there is
 * nothing where all rows have the same in the first, so it is asked for what is as great, but for that one itself.
 */
export const behind = (
  columns: readonly [first: string, ...others: string[]],
  places: readonly string[],
  end = `${columns[0]} <= ${places[0]}`,
): string => `(${columns.join(', ')}) >= (${places.join(', ')}) and ${columns.at(-1)} <> ${places.at(-1)} and ${end}`;

/** A page of things, in the order of their ids. */
interface Page<R> {
  select(tail: string, params: readonly Value[]): Promise<R[]>;
  /** The places of the parameters that stand in these columns. An index begins with the last of them, before the id. */
  columns: Readonly<Record<string, string>>;
  /** What else must hold, over `t`. */
  where: readonly string[];
  params: readonly Value[];
  /** All for which the rest can hold, where they are few. */
  ids?: readonly string[] | undefined;
  /** Those among which an index leads to the page, where they may be few: a query, in the order of that index. */
  led?: { rows: string; params: readonly Value[] } | undefined;
  filters: readonly string[];
  /** What the ids begin with. */
  prefix: string;
  after: string;
  limit: number;
}

/** So that no engine takes an index of a column for it, and none misjudges how many have this there. */
const unindexed = (condition: string): string => `(${condition}) is true`;

const conditionsOf = ({ columns, where }: Pick<Page<unknown>, 'columns' | 'where'>): string =>
  [...Object.entries(columns).map(([column, place]) => unindexed(`t.${column} = ${place}`)), ...where].join(' and ');

/** The ways to what a filter asks for: two where any value will do, for the text may also be that of a tag as it stands. */
const waysTo = (
  store: Store,
  projectId: string,
  filter: string,
): { column: 'tag_index' | 'key_index'; index: Uint8Array }[] => [
  { column: 'tag_index', index: tagIndex(store, projectId, filter) },
  ...(isAny(filter) ? [{ column: 'key_index', index: keyIndex(store, projectId, keyOf(filter)) } as const] : []),
];

/** The last id that a thing can have whose ids begin so. */
const lastOf = (prefix: string): string => prefix + 'z'.repeat(26);

/** The rows of a tag in the order of a page, behind `$2` and no further than `$3`. */
const ofTag = (column: string): string =>
  `select 1 as one from tags where ${column} = $1 and resource_id > $2 and resource_id <= $3 order by resource_id`;

/** Of several, the one that the fewest have, and how many those are as far as they are few. */
const rarestOf = async (
  store: Store,
  projectId: string,
  { filters, prefix }: Page<unknown>,
): Promise<{ filter: string; count: number } | undefined> => {
  let least: { filter: string; count: number } | undefined;
  for (const filter of filters) {
    let count = 0;
    for (const { column, index } of waysTo(store, projectId, filter)) {
      count += await countFew(store, ofTag(column), [index, prefix, lastOf(prefix)], least?.count);
    }
    if (least === undefined || count < least.count) least = { filter, count };
  }
  return least;
};

const inOrder = <R extends { id: string }>(rows: R[]): R[] => rows.sort((a, b) => (a.id < b.id ? -1 : 1));

/** Each is sought by its id, whatever an engine believes of what is asked for. */
const pageOfIds = async <R extends { id: string }>(
  store: Store,
  projectId: string,
  page: Page<R>,
  ids: readonly string[],
): Promise<R[]> => {
  const { select, params, filters, after, limit } = page;
  const left = [...new Set(ids)].filter((id) => id > after).sort();
  const found: R[] = [];
  for (let wanted = limit; left.length > 0 && found.length < limit; wanted *= 2) {
    const sought = listed(left.splice(0, sizeFor(wanted)), params.length + 1);
    const tags = tagConditions(store, projectId, filters, params.length + sought.params.length + 1);
    const tail = `where ${conditionsOf(page)} and t.id in ${sought.sql}${tags.sql}`;
    const rows = await select(tail, [...params, ...sought.params, ...tags.params]);
    found.push(...inOrder(rows));
  }
  return found.slice(0, limit);
};

/**
 * Found by the rows of a tag, which stand in the order of the page too: in the order of the table all that have not the tag
 * would be read for the few that have, which is what PostgreSQL does where the two columns are compared as they are.
 */
const pageByTag = async <R extends { id: string }>(
  store: Store,
  projectId: string,
  page: Page<R>,
  filter: string,
): Promise<R[]> => {
  const { select, params, filters, prefix, limit } = page;
  const n = params.length;
  const others = filters.filter((other) => other !== filter);
  const rest = tagConditions(store, projectId, others, n + 5);
  const found = new Map<string, R>();
  for (const { column, index } of waysTo(store, projectId, filter)) {
    const tail = `join tags l on t.id = l.resource_id || '' where ${conditionsOf(page)} and l.${column} = $${n + 1}
      and l.resource_id > $${n + 2} and l.resource_id <= $${n + 3}${rest.sql} order by l.resource_id limit $${n + 4}`;
    const own = new Map<string, R>();
    let after = page.after > prefix ? page.after : prefix;
    let rows: R[];
    do {
      rows = await select(tail, [...params, index, after, lastOf(prefix), limit, ...rest.params]);
      for (const row of rows) own.set(row.id, row);
      after = rows.at(-1)?.id ?? after;
      // `a:b` with the value `c` and `a` with the value `b:c` are one text: a thing that has both is found twice.
    } while (own.size < limit && rows.length === limit);
    for (const [id, row] of own) found.set(id, row);
  }
  return inOrder([...found.values()]).slice(0, limit);
};

/** In the order of the index that begins with the last of the columns. */
const pageInOrder = <R>(store: Store, projectId: string, page: Page<R>): Promise<R[]> => {
  const { select, columns, where, params, filters, after, limit } = page;
  const n = params.length;
  const tags = tagConditions(store, projectId, filters, n + 3);
  const [[leading, value] = ['', ''], ...others] = Object.entries(columns).reverse();
  const all = conditionsOf({ columns: Object.fromEntries(others), where });
  const tail = `where ${behind([`t.${leading}`, 't.id'], [value, `$${n + 1}`])}${all && ` and ${all}`}${tags.sql}
    order by t.${leading}, t.id limit $${n + 2}`;
  return select(tail, [...params, after, limit, ...tags.params]);
};

const rowsOf = async <R extends { id: string }>(store: Store, projectId: string, page: Page<R>): Promise<R[]> => {
  const { ids, led, filters } = page;
  if (ids !== undefined) return pageOfIds(store, projectId, page, ids);
  const [only] = filters;
  if (only !== undefined && filters.length === 1 && led === undefined) return pageByTag(store, projectId, page, only);
  const rarest = await rarestOf(store, projectId, page);
  if (rarest === undefined) return pageInOrder(store, projectId, page);
  const { filter, count } = rarest;
  // One more tells that there are more; where both are many it leads all the same.
  const enough = Math.min(count + 1, few);
  const isLed = led !== undefined && (await countFew(store, led.rows, led.params, enough)) <= count;
  return isLed ? pageInOrder(store, projectId, page) : pageByTag(store, projectId, page, filter);
};

export const pageOf = async <R extends { id: string; plain: { tags?: Tags } }>(
  store: Store,
  projectId: string,
  page: Page<R>,
): Promise<R[]> => {
  const rows = await rowsOf(store, projectId, page);
  return rows.filter(({ plain }) => page.filters.every((filter) => hasTag(plain.tags, filter)));
};
