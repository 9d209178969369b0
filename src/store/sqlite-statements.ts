import { MobiusError } from '../errors.ts';
import type { Query, Row, Value } from './db.ts';
import { disturbs } from './memory.ts';
import { requireFitting, requireStorable, unnumbered } from './parameters.ts';
import type { Connection, Statement } from './sqlite-binding.ts';

/** One statement each, at once. */
export interface Statements {
  all(sql: string, params: readonly Value[]): Row[];
  get(sql: string, params: readonly Value[]): Row | undefined;
  run(sql: string, params: readonly Value[]): number;
}

interface Prepared {
  statement: Statement;
  /** The parameters that it names, each as often and in the order in which it does. */
  occurrences: readonly number[];
  /** Each once. */
  named: readonly number[];
  disturbs: ReturnType<typeof disturbs>;
}

/**
 * One statement a text, for as long as the connection is open: a statement that was let go could not be freed, see
 * `connectTo`. So a text must never hold what varies without end, which is what parameters are for.
 */
const cachedStatements = (connection: Connection) => {
  const cache = new Map<string, Prepared>();

  return (sql: string): Prepared => {
    const known = cache.get(sql);
    if (known !== undefined) return known;
    // The engine's library finds a parameter by its place in half the time that it takes by name.
    const { text, occurrences } = unnumbered(sql);
    const statement = connection.prepare(text);
    const made = {
      statement,
      occurrences,
      named: [...new Set(occurrences)],
      disturbs: statement.readonly ? undefined : disturbs(sql),
    };
    cache.set(sql, made);
    return made;
  };
};

/** A plain JavaScript number would arrive as a floating-point one, in which 5 / 2 and 5 || '' are others than in bigint. */
const bindable = (value: Value | undefined): string | bigint | Uint8Array | null => {
  const checked = requireStorable(value);
  return typeof checked === 'number' ? BigInt(checked) : checked;
};

const boundTo = (occurrences: readonly number[], params: readonly Value[]) =>
  occurrences.map((n) => bindable(params[n - 1]));

/** `changes` is told of each statement that changes something, and what of that which is remembered. */
export const statementsOf = (
  connection: Connection,
  changes: (disturbed: ReturnType<typeof disturbs>) => void,
): Readonly<Record<'read' | 'write', Statements>> => {
  const prepared = cachedStatements(connection);

  const made = (mode: 'read' | 'write'): Statements => {
    const admitted = (sql: string, params: readonly Value[]): Prepared => {
      const ready = prepared(sql);
      requireFitting(sql, ready.named, params.length);
      if (!ready.statement.readonly) {
        if (mode === 'read') throw new MobiusError('internal', `a read transaction can't change anything: ${sql}`);
        changes(ready.disturbs);
      }
      return ready;
    };
    return {
      all(sql, params) {
        const { statement, occurrences } = admitted(sql, params);
        const bound = boundTo(occurrences, params);
        if (statement.reader) return statement.all(...bound) as Row[];
        statement.run(...bound);
        return [];
      },
      get(sql, params) {
        const { statement, occurrences } = admitted(sql, params);
        const bound = boundTo(occurrences, params);
        if (statement.reader) return statement.get(...bound) as Row | undefined;
        statement.run(...bound);
        return undefined;
      },
      run(sql, params) {
        const { statement, occurrences } = admitted(sql, params);
        return statement.run(...boundTo(occurrences, params)).changes;
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
