import { MobiusError } from '../errors.ts';
import type { Query, Row, Value } from './db.ts';
import type { Sealer } from './sealer.ts';

/** A transaction and what opens the rows that it reads. */
export interface Store {
  db: Query;
  sealer: Sealer;
}

/** One stored thing: its clear columns, what was sealed, and the columns that the seal doesn't answer for. */
export interface Stored<C extends Row, P extends object, F extends Row = Record<never, never>> {
  id: string;
  clear: C;
  plain: P;
  free: F;
  sealed: Uint8Array;
}

const changedMeanwhile = (): MobiusError =>
  new MobiusError('conflict', 'it was changed by somebody else at the same moment', { reason: 'changed_meanwhile' });

/** Whole, not before 1970, and no later than a Date can say. */
export const isTime = (value: Value | undefined): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 8.64e15;

/**
 * A table whose rows each carry one sealed blob that answers for the id and every clear column: a row that was changed
 * from outside opens as `damaged`, never as something else. `free` columns (when it was last used) are outside the seal,
 * a time or null.
 */
export const table = <C extends Row, P extends object, F extends Row = Record<never, never>>(
  name: string,
  clearNames: readonly (keyof C & string)[],
  freeNames: readonly (keyof F & string)[] = [],
) => {
  const pick = <R extends Row>(row: Row, names: readonly string[]): R =>
    Object.fromEntries(names.map((column) => [column, row[column] ?? null])) as R;

  const open = (store: Store, row: Row): Stored<C, P, F> => {
    const { id, sealed } = row;
    if (typeof id !== 'string' || !(sealed instanceof Uint8Array)) {
      throw new MobiusError('damaged', `a row of "${name}" has no id or nothing sealed`, { table: name });
    }
    const clear = pick<C>(row, clearNames);
    const plain = store.sealer.open({ table: name, id, clear }, sealed) as P;
    const free = pick<F>(row, freeNames);
    const strange = freeNames.find((column) => free[column] !== null && !isTime(free[column]));
    if (strange !== undefined) {
      throw new MobiusError('damaged', `the record "${id}" in "${name}" has no time in "${strange}"`, {
        table: name,
        id,
      });
    }
    return { id, clear, plain, free, sealed };
  };

  return {
    name,
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

    /** Undefined where a unique column is taken. */
    async insert(store: Store, id: string, clear: C, plain: P): Promise<Stored<C, P, F> | undefined> {
      const sealed = store.sealer.seal({ table: name, id, clear }, plain as Record<string, unknown>);
      const columns = ['id', ...clearNames, 'sealed'];
      const count = await store.db.run(
        `insert into ${name} (${columns.join(', ')}) values (${columns.map((_, i) => `$${i + 1}`).join(', ')})
         on conflict do nothing`,
        [id, ...clearNames.map((column) => clear[column] as Value), sealed],
      );
      return count === 0 ? undefined : { id, clear, plain, free: pick<F>({}, freeNames), sealed };
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

    /** A row that is not there to be removed is a conflict: what takes a right away must not fail in silence. */
    async remove(store: Store, id: string): Promise<void> {
      const count = await store.db.run(`delete from ${name} where id = $1`, [id]);
      if (count === 0) throw changedMeanwhile();
    },
  };
};
