import { MobiusError } from '../errors.ts';
import type { Value } from './db.ts';

const [zero, nine] = [0x30, 0x39];

/** A statement with a question mark in the place of each `$n`, and those numbers, each as often and where it was. */
export const unnumbered = (sql: string): { text: string; occurrences: readonly number[] } => {
  const occurrences: number[] = [];
  let text = '';
  let done = 0;
  // By hand: every statement of every command is looked through, and a pattern would first be compiled.
  for (let at = sql.indexOf('$'); at !== -1; at = sql.indexOf('$', at + 1)) {
    let end = at + 1;
    let number = 0;
    for (; end < sql.length; end++) {
      const code = sql.charCodeAt(end);
      if (code < zero || code > nine) break;
      number = number * 10 + code - zero;
    }
    if (end === at + 1) continue;
    occurrences.push(number);
    text += `${sql.slice(done, at)}?`;
    done = end;
  }
  return { text: text + sql.slice(done), occurrences };
};

/** The parameters that a statement names, each once. */
export const namedIn = (sql: string): readonly number[] => [...new Set(unnumbered(sql).occurrences)];

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
