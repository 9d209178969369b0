import { MobiusError } from '../errors.ts';
import type { Query, Row, Value } from './db.ts';
import { disturbs } from './memory.ts';
import { namedIn, requireFitting, requireStorable } from './parameters.ts';
import type { Connection, Statement } from './sqlite-binding.ts';

/** One statement each, at once. */
export interface Statements {
  all(sql: string, params: readonly Value[]): Row[];
  get(sql: string, params: readonly Value[]): Row | undefined;
  run(sql: string, params: readonly Value[]): number;
}

interface Prepared {
  statement: Statement;
  /** The parameters that it names. */
  used: readonly number[];
  disturbs: ReturnType<typeof disturbs>;
}

/**
 * One statement a text, for as long as the connection is open: a statement that was let go could not be freed, see
 * `connectTo`. So a text must never hold what varies without end, which is what parameters are for.
 */
const cachedStatements = (connection: Connection) => {
  const cache = new Map<string, Prepared>();

  const prepared = (sql: string): Prepared => {
    const known = cache.get(sql);
    if (known !== undefined) return known;
    const statement = connection.prepare(sql);
    const made = { statement, used: namedIn(sql), disturbs: statement.readonly ? undefined : disturbs(sql) };
    cache.set(sql, made);
    return made;
  };

  return (sql: string, params: readonly Value[]): Prepared & { bound: object[] } => {
    const known = prepared(sql);
    requireFitting(sql, known.used, params.length);
    return { ...known, bound: params.length === 0 ? [] : [boundTo(known.used, params)] };
  };
};

const boundTo = (used: readonly number[], params: readonly Value[]): object => {
  const bound: Record<number, ReturnType<typeof bindable>> = {};
  for (const n of used) bound[n] = bindable(params[n - 1]);
  return bound;
};

/** A plain JavaScript number would arrive as a floating-point one, in which 5 / 2 and 5 || '' are others than in bigint. */
const bindable = (value: Value | undefined): string | bigint | Uint8Array | null => {
  const checked = requireStorable(value);
  return typeof checked === 'number' ? BigInt(checked) : checked;
};

/** `changes` is told of each statement that changes something, and what of that which is remembered. */
export const statementsOf = (
  connection: Connection,
  changes: (disturbed: ReturnType<typeof disturbs>) => void,
): Readonly<Record<'read' | 'write', Statements>> => {
  const prepare = cachedStatements(connection);

  const made = (mode: 'read' | 'write'): Statements => {
    const admitted = (sql: string, params: readonly Value[]) => {
      const ready = prepare(sql, params);
      if (mode === 'read' && !ready.statement.readonly) {
        throw new MobiusError('internal', `a read transaction can't change anything: ${sql}`);
      }
      if (!ready.statement.readonly) changes(ready.disturbs);
      return ready;
    };
    return {
      all(sql, params) {
        const { statement, bound } = admitted(sql, params);
        if (statement.reader) return statement.all(...bound) as Row[];
        statement.run(...bound);
        return [];
      },
      get(sql, params) {
        const { statement, bound } = admitted(sql, params);
        if (statement.reader) return statement.get(...bound) as Row | undefined;
        statement.run(...bound);
        return undefined;
      },
      run(sql, params) {
        const { statement, bound } = admitted(sql, params);
        return statement.run(...bound).changes;
      },
    };
  };
  return { read: made('read'), write: made('write') };
};

export type Go = <T>(work: (statements: Statements) => T) => Promise<T>;

export const queryThrough = (go: Go): Query => ({
  all: <R extends Row>(sql: string, params: readonly Value[] = []) => go((to) => to.all(sql, params) as R[]),
  get: <R extends Row>(sql: string, params: readonly Value[] = []) => go((to) => to.get(sql, params) as R | undefined),
  run: (sql, params = []) => go((to) => to.run(sql, params)),
});
