import { MobiusError } from '../errors.ts';
import type { Value } from './db.ts';

export const parameter = /\$(\d+)/g;

/** The parameters that a statement names, each as often and in the order in which it does. */
export const occurrencesIn = (sql: string): readonly number[] =>
  Array.from(sql.matchAll(parameter), (match) => Number(match[1]));

/** Each once. */
export const namedIn = (sql: string): readonly number[] => [...new Set(occurrencesIn(sql))];

/** One engine takes a parameter that no `$n` names, the other doesn't; a statement must not pass here and fail there. */
export const requireFitting = (sql: string, named: readonly number[], count: number): void => {
  if (named.length === count && named.every((n) => n >= 1 && n <= count)) return;
  throw new MobiusError('internal', `${count} parameters do not fit the statement: ${sql}`);
};

/** Refuses what no engine would give back as it was. */
export const requireStorable = (value: Value | undefined): Value => {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new MobiusError('internal', `${value} is no safe integer`);
    return value;
  }
  if (value === null || typeof value === 'string' || value instanceof Uint8Array) return value;
  throw new MobiusError('internal', `a ${typeof value} can't be stored`);
};
