import type { Value } from './db.ts';
import { countFew } from './few.ts';
import type { Store } from './table.ts';

export type Tags = Record<string, string>;

const anyValue = ':*';

const isAny = (filter: string): boolean => filter.endsWith(anyValue);
const keyOf = (filter: string): string => filter.slice(0, -anyValue.length);

const tagIndex = (store: Store, projectId: string, text: string): Uint8Array =>
  store.sealer.index('tag', projectId, text);
const keyIndex = (store: Store, projectId: string, key: string): Uint8Array =>
  store.sealer.index('tag.key', projectId, key);

/** The index rows that a thing's tags have. */
export const tagRows = (
  store: Store,
  projectId: string,
  tags: Readonly<Tags>,
): { tag_index: Uint8Array; key_index: Uint8Array }[] =>
  Object.entries(tags).map(([key, value]) => ({
    tag_index: tagIndex(store, projectId, `${key}:${value}`),
    key_index: keyIndex(store, projectId, key),
  }));

/** The index rows of a thing's tags. They only find it: what it is tagged with stands in its own sealed row. */
export const setTags = async (store: Store, projectId: string, resourceId: string, tags: Tags): Promise<void> => {
  await store.db.run('delete from tags where resource_id = $1', [resourceId]);
  for (const row of tagRows(store, projectId, tags)) {
    await store.db.run('insert into tags (resource_id, tag_index, key_index) values ($1, $2, $3)', [
      resourceId,
      row.tag_index,
      row.key_index,
    ]);
  }
};

/** `K:V` or `K:*`; a colon may stand in a key and in a value, so the joined text is what is compared. */
export const hasTag = (tags: Tags | undefined, filter: string): boolean =>
  Object.entries(tags ?? {}).some(
    ([key, value]) => `${key}:${value}` === filter || (isAny(filter) && key === keyOf(filter)),
  );

/**
 * Conditions over `t.id` for all of the filters, with their parameters numbered from `first`. The text depends on how
 * many there are of each kind alone, not on their order: each text is a statement that is kept.
 */
export const tagConditions = (
  store: Store,
  projectId: string,
  filters: readonly string[],
  first: number,
): { sql: string; params: Value[] } => {
  const params: Value[] = [];
  let sql = '';
  for (const filter of [...filters].sort((a, b) => Number(isAny(a)) - Number(isAny(b)))) {
    params.push(tagIndex(store, projectId, filter));
    const exact = `x.tag_index = $${first + params.length - 1}`;
    let condition = exact;
    if (isAny(filter)) {
      params.push(keyIndex(store, projectId, keyOf(filter)));
      condition = `(${exact} or x.key_index = $${first + params.length - 1})`;
    }
    sql += ` and exists (select 1 from tags x where x.resource_id = t.id and ${condition})`;
  }
  return { sql, params };
};

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

/** Of several, the one that the fewest have, with all others behind it. */
const rarestFirst = async (
  store: Store,
  projectId: string,
  filters: readonly string[],
  prefix: string,
): Promise<readonly string[]> => {
  if (filters.length < 2) return filters;
  const counted: { filter: string; count: number }[] = [];
  for (const filter of filters) {
    let count = 0;
    for (const { column, index } of waysTo(store, projectId, filter)) {
      const rows = `select 1 as one from tags where ${column} = $1 and resource_id > $2 and resource_id <= $3
        order by resource_id`;
      count += await countFew(store, rows, [index, prefix, lastOf(prefix)]);
    }
    counted.push({ filter, count });
  }
  return counted.sort((a, b) => a.count - b.count).map(({ filter }) => filter);
};

/** A page of things, in the order of their ids. */
interface Page<R> {
  select(tail: string, params: readonly Value[]): Promise<R[]>;
  filters: readonly string[];
  /** What else must hold, over `t`, with its parameters. */
  where: string;
  params: readonly Value[];
  /** What the ids begin with. */
  prefix: string;
  after: string;
  limit: number;
}

/**
 * Found by the rows of a tag, which stand in the order of the page too: in the order of the table all that have not the tag
 * would be read for the few that have.
 */
const pageByTag = async <R extends { id: string }>(store: Store, projectId: string, page: Page<R>): Promise<R[]> => {
  const { select, where, params, prefix, limit } = page;
  const [leading = '', ...others] = await rarestFirst(store, projectId, page.filters, prefix);
  const n = params.length;
  const rest = tagConditions(store, projectId, others, n + 5);
  const found = new Map<string, R>();
  for (const { column, index } of waysTo(store, projectId, leading)) {
    const tail = `join tags l on l.resource_id = t.id ${where} and l.${column} = $${n + 1} and l.resource_id > $${n + 2}
      and l.resource_id <= $${n + 3}${rest.sql} order by l.resource_id limit $${n + 4}`;
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
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit);
};

/** `isLed`: an index leads to those for which the rest holds, or to few besides. */
export const pageOf = async <R extends { id: string; plain: { tags?: Tags } }>(
  store: Store,
  projectId: string,
  page: Page<R> & { isLed: boolean },
): Promise<R[]> => {
  const { select, filters, where, params, after, limit, isLed } = page;
  const hasAll = ({ plain }: R): boolean => filters.every((filter) => hasTag(plain.tags, filter));
  if (filters.length > 0 && !isLed) return (await pageByTag(store, projectId, page)).filter(hasAll);
  const n = params.length;
  const tags = tagConditions(store, projectId, filters, n + 3);
  const tail = `${where} and t.id > $${n + 1}${tags.sql} order by t.id limit $${n + 2}`;
  return (await select(tail, [...params, after, limit, ...tags.params])).filter(hasAll);
};
