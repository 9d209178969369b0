import type { Value } from './db.ts';
import type { Store } from './table.ts';

export type Tags = Record<string, string>;

const anyValue = ':*';

export const isAny = (filter: string): boolean => filter.endsWith(anyValue);
export const keyOf = (filter: string): string => filter.slice(0, -anyValue.length);

export const tagIndex = (store: Store, projectId: string, text: string): Uint8Array =>
  store.sealer.index('tag', projectId, text);
export const keyIndex = (store: Store, projectId: string, key: string): Uint8Array =>
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

/** The index rows of a new thing's tags. They only find it: what it is tagged with stands in its own sealed row. */
export const addTags = async (store: Store, projectId: string, resourceId: string, tags: Tags): Promise<void> => {
  for (const row of tagRows(store, projectId, tags)) {
    await store.db.run('insert into tags (resource_id, tag_index, key_index) values ($1, $2, $3)', [
      resourceId,
      row.tag_index,
      row.key_index,
    ]);
  }
};

/** Those of a thing that may have some already. */
export const setTags = async (store: Store, projectId: string, resourceId: string, tags: Tags): Promise<void> => {
  await store.db.run('delete from tags where resource_id = $1', [resourceId]);
  await addTags(store, projectId, resourceId, tags);
};

/** `K:V` or `K:*`; a colon may stand in a key and in a value, so the joined text is what is compared. */
export const hasTag = (tags: Tags | undefined, filter: string): boolean =>
  Object.entries(tags ?? {}).some(
    ([key, value]) => `${key}:${value}` === filter || (isAny(filter) && key === keyOf(filter)),
  );

/**
 * Conditions over `t.id` for all of the filters, each asked of a row by itself: with `exists` PostgreSQL may read all that
 * have the tag, which it can believe to be few. Their parameters are numbered from `first`. The text depends on how
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
    sql += ` and (select count(*) from tags x where x.resource_id = t.id and ${condition}) > 0`;
  }
  return { sql, params };
};
