import type { Fields, Shown } from './command.ts';

export type Shape = NonNullable<Fields['output']>;

/** What a command answers, and what is known of it. */
export interface Answer {
  value: unknown;
  /** Absent where no schema describes the value as it is shown. */
  shape?: Shape | undefined;
  /** A text inside the value that is shown once; several stand on a line each. */
  oneTime?: string | undefined;
  /** The id of the thing, where the value doesn't carry it as its own. */
  id?: string | undefined;
  /** Those of a list on a terminal, in their order. */
  columns?: readonly string[] | undefined;
  /** The line that shows the next page, given its cursor. */
  more?: ((cursor: string) => string) | undefined;
}

export type Item = Readonly<Record<string, unknown>>;

export const isItem = (value: unknown): value is Item =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The items of a list, in its envelope or bare. */
export const itemsOf = ({ value, shape }: Answer): readonly Item[] | undefined => {
  const inside = isItem(value) && shape?.list !== false ? value.items : value;
  return Array.isArray(inside) && inside.every(isItem) ? inside : undefined;
};

const kindOf = (value: unknown, name: string): Shown['kind'] => {
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'number') return 'integer';
  if (typeof value === 'string') return /_at$/.test(name) ? 'time' : 'string';
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string') ? 'strings' : 'object';
};

/** What the schema says is shown, else what is there. */
export const shownOf = ({ shape }: Pick<Answer, 'shape'>, items: readonly Item[]): readonly Shown[] => {
  if (shape !== undefined) return shape.shown;
  const found = new Map<string, Shown>();
  for (const [name, value] of items.flatMap((item) => Object.entries(item))) {
    if (!found.has(name) && value !== undefined) found.set(name, { name, kind: kindOf(value, name) });
  }
  return [...found.values()];
};

export const isScalar = ({ kind }: Shown): boolean => kind !== 'object' && kind !== 'strings';

/** One value on one line: lists with commas, anything deeper as JSON. */
export const plainText = (value: unknown): string => {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value) && value.every((entry) => typeof entry !== 'object')) return value.join(',');
  return JSON.stringify(value);
};

/** The same value without the properties that hold this text, or a line of it. */
export const without = (value: unknown, text: string): unknown => {
  if (Array.isArray(value)) return value.map((entry) => without(entry, text));
  if (!isItem(value)) return value;
  const once = text.split('\n');
  const kept = Object.entries(value).filter(([, inner]) => typeof inner !== 'string' || !once.includes(inner));
  return Object.fromEntries(kept.map(([name, inner]) => [name, without(inner, text)]));
};
