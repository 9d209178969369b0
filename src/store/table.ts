import { MobiusError } from '../errors.ts';
import type { Query, Row, Value } from './db.ts';
import type { Sealer } from './sealer.ts';

/** A transaction and what opens the rows that it reads. */
export interface Store {
  db: Query;
  sealer: Sealer;
}

/** What opens and seals rows that were read already. */
export type Sealing = Pick<Store, 'sealer'>;

/** One stored thing: its clear columns, what was sealed, and the columns that the seal doesn't answer for. */
export interface Stored<C extends Row, P extends object, F extends Row = Record<never, never>> {
  id: string;
  clear: C;
  plain: P;
  free: F;
  sealed: Uint8Array;
}

/** A column that names a row of another table. */
export interface Link {
  column: string;
  to: string;
  /** Both rows must be of one project. */
  sameProject?: true;
  /** Something that the program itself defines, and that has no row, will do too. */
  orBuiltIn?: true;
}

/** What follows from a record and stands outside of its blob, so that it can be found by it. */
export interface Expected {
  columns: Readonly<Record<string, Value>>;
  tags?: Readonly<Record<string, string>>;
}

/** What must be true of a table's rows besides their seals. */
export interface Truths {
  links: readonly Link[];
  /** Its rows may have index rows in `tags`. */
  tagged?: true;
  expected?(store: Store, record: Stored<Row, object>): Expected;
  /** Rejects in words where what hangs on the record, in a table without seals of its own, is not sound. */
  beside?(store: Store, record: Stored<Row, object>): Promise<void>;
}

const changedMeanwhile = (): MobiusError =>
  new MobiusError('conflict', 'it was changed by somebody else at the same moment', { reason: 'changed_meanwhile' });

export const isWhole = (value: Value): boolean => Number.isSafeInteger(value);
export const isBytes = (value: Value): boolean => value instanceof Uint8Array;

/** Whole, not before 1970, and no later than a Date can say. */
export const isTime = (value: Value | undefined): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 8.64e15;

/**
 * A table whose rows each carry one sealed blob that answers for the id and every clear column: a row that was changed
 * from outside opens as `damaged`, never as something else. `free` columns are outside the seal: each is null or what
 * its check takes, and nothing that is done may rest on it alone, but how often something was done.
 */
export const table = <C extends Row, P extends object, F extends Row = Record<never, never>>(
  name: string,
  clearNames: readonly (keyof C & string)[],
  checks?: { readonly [K in keyof F]: (value: Value) => boolean },
) => {
  const freeNames = Object.keys(checks ?? {}) as (keyof F & string)[];
  // The order that the seal's spelling has.
  let sortedNames: readonly string[] | undefined;

  const pick = <R extends Row>(row: Row, names: readonly string[]): R => {
    const picked: Row = {};
    for (let at = 0; at < names.length; at++) {
      const column = names[at] as string;
      picked[column] = row[column] ?? null;
    }
    return picked as R;
  };

  const open = (store: Sealing, row: Row): Stored<C, P, F> => {
    const { id, sealed } = row;
    if (typeof id !== 'string' || !(sealed instanceof Uint8Array)) {
      throw new MobiusError('damaged', `a row of "${name}" has no id or nothing sealed`, { table: name });
    }
    sortedNames ??= [...clearNames].sort();
    const clear = pick<C>(row, sortedNames);
    const plain = store.sealer.open({ table: name, id, clear }, sealed) as P;
    const free = pick<F>(row, freeNames);
    const strange = freeNames.find((column) => free[column] !== null && !checks?.[column](free[column] as Value));
    if (strange !== undefined) {
      const message = `the record "${id}" in "${name}" holds something else in "${strange}" than belongs there`;
      throw new MobiusError('damaged', message, { table: name, id });
    }
    return { id, clear, plain, free, sealed };
  };

  return {
    name,
    clearNames,
    open,

    /** All rows that a query over this table gives; the query says `t.*` of what it selects from `<name> t`. */
    async select(store: Store, tail: string, params: readonly Value[]): Promise<Stored<C, P, F>[]> {
      const rows = await store.db.all(`select t.* from ${name} t ${tail}`, params);
      return rows.map((row) => open(store, row));
    },

    async one(store: Store, tail: string, params: readonly Value[]): Promise<Stored<C, P, F> | undefined> {
      const row = await store.db.get(`select t.* from ${name} t ${tail}`, params);
      return row === undefined ? undefined : open(store, row);
    },

    /** Undefined where a unique column is taken. Free columns that are not given are null. */
    async insert(store: Store, id: string, clear: C, plain: P, given?: F): Promise<Stored<C, P, F> | undefined> {
      const free = given ?? pick<F>({}, freeNames);
      const sealed = store.sealer.seal({ table: name, id, clear }, plain as Record<string, unknown>);
      const row: Row = { id, ...clear, ...free, sealed };
      const columns = Object.keys(row);
      const count = await store.db.run(
        `insert into ${name} (${columns.join(', ')}) values (${columns.map((_, i) => `$${i + 1}`).join(', ')})
         on conflict do nothing`,
        Object.values(row),
      );
      return count === 0 ? undefined : { id, clear, plain, free, sealed };
    },

    /**
     * Writes clear columns and seal together, and only over the very row that was read: two changes at once can't lose
     * one another, on an engine without a write lock either.
     */
    async update(
      store: Store,
      record: Stored<C, P, F>,
      change: { clear?: Partial<C>; plain?: P },
    ): Promise<Stored<C, P, F>> {
      const clear = { ...record.clear, ...change.clear };
      const plain = change.plain ?? record.plain;
      const sealed = store.sealer.seal({ table: name, id: record.id, clear }, plain as Record<string, unknown>);
      const sets = [...clearNames, 'sealed'].map((column, i) => `${column} = $${i + 3}`);
      const count = await store.db.run(`update ${name} set ${sets.join(', ')} where id = $1 and sealed = $2`, [
        record.id,
        record.sealed,
        ...clearNames.map((column) => clear[column] as Value),
        sealed,
      ]);
      if (count === 0) throw changedMeanwhile();
      return { ...record, clear, plain, sealed };
    },

    /** Seals a row under the key of today, with everything else as it is. */
    async reseal(store: Store, row: Row): Promise<void> {
      await this.update(store, open(store, row), {});
    },

    /** A row that is not there to be removed is a conflict: what takes a right away must not fail in silence. */
    async remove(store: Store, id: string): Promise<void> {
      const count = await store.db.run(`delete from ${name} where id = $1`, [id]);
      if (count === 0) throw changedMeanwhile();
    },
  };
};
