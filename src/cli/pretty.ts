import { type Answer, type Item, isItem, isScalar, itemsOf, plainText, shownOf, without } from './answer.ts';
import type { Shown } from './command.ts';
import { relative } from './times.ts';
import { visible } from './visible.ts';

export interface Paint {
  strong(text: string): string;
  faint(text: string): string;
  good(text: string): string;
  bad(text: string): string;
}

export interface View {
  fields: readonly string[] | undefined;
  now: number;
  /** The terminal's; infinite where the output is none. */
  columns: number;
  paint: Paint;
  /** How many columns a text takes. */
  width(text: string): number;
  inColumns(rows: readonly (readonly { painted: string; width: number }[])[]): string;
}

interface Cell {
  text: string;
  painted: string;
}

const gap = '  ';
const most = 6;
/** Narrower than this, a table shows next to nothing of each record. */
const narrow = 45;
const leading = ['handle', 'name', 'status', 'state', 'kind', 'version', 'id', 'created_at'];
const stateNames = ['status', 'state', 'code'];
const good = ['active', 'enabled', 'valid'];
const bad = [
  'revoked',
  'expired',
  'disabled',
  'destroyed',
  'damaged',
  'not_found',
  'forbidden',
  'usage_exceeded',
  'spent',
];

const timeOf = (value: unknown): number => (typeof value === 'string' ? Date.parse(value) : Number.NaN);

const paintState = (text: string, paint: Paint): string => {
  const word = text.toLowerCase();
  if (good.includes(word)) return paint.good(text);
  return bad.includes(word) ? paint.bad(text) : text;
};

const listCell = (value: unknown, { name, kind }: Shown, { now, paint }: View): Cell => {
  const time = kind === 'time' ? timeOf(value) : Number.NaN;
  if (!Number.isNaN(time)) {
    const text = relative(time, now);
    return { text, painted: paint.faint(text) };
  }
  const text = isolated(visible(plainText(value)));
  return { text, painted: stateNames.includes(name) ? paintState(text, paint) : text };
};

/** The columns of a list: those that say most first, and none that is empty all the way down. */
const columnsOf = (answer: Answer, items: readonly Item[], fields: readonly string[] | undefined): Shown[] => {
  const shown = shownOf(answer, items);
  if (fields !== undefined)
    return fields.map((name) => shown.find((one) => one.name === name) ?? { name, kind: 'object' });
  const filled = shown.filter((one) => isScalar(one) && items.some((item) => (item[one.name] ?? '') !== ''));
  if (answer.columns !== undefined) {
    return answer.columns.flatMap((name) => filled.filter((one) => one.name === name));
  }
  const first = leading.flatMap((name) => filled.filter((one) => one.name === name));
  return [...first, ...filled.filter((one) => !first.includes(one))].slice(0, most);
};

/** What is written from right to left would take the columns beside it along, on a terminal that turns it around. */
const isolated = (text: string): string =>
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u.test(text)
    ? `\u2068${text}\u2069`
    : text;

/** Where in the table those columns are that fit, the first in any case: nothing is cut, and nothing wraps. */
const fitting = (widths: readonly number[], columns: number): number[] => {
  let taken = 0;
  return [...widths.keys()].filter((at) => {
    const width = (widths[at] ?? 0) + (at === 0 ? 0 : gap.length);
    if (at > 0 && taken + width > columns) return false;
    taken += width;
    return true;
  });
};

const table = (columns: readonly Shown[], items: readonly Item[], view: View): string => {
  const head = columns.map(({ name }): Cell => {
    const text = visible(name).toUpperCase();
    return { text, painted: view.paint.strong(text) };
  });
  const rows = [head, ...items.map((item) => columns.map((column) => listCell(item[column.name], column, view)))];
  const measured = rows.map((row) => row.map(({ text, painted }) => ({ painted, width: view.width(text) })));
  const widths = columns.map((_, at) => Math.max(...measured.map((row) => row[at]?.width ?? 0)));
  const taken = new Set(fitting(widths, view.columns));
  return view.inColumns(measured.map((row) => row.filter((_, at) => taken.has(at))));
};

/** On a narrow terminal one record stands below the other. */
const stacked = (columns: readonly Shown[], items: readonly Item[], view: View): string => {
  const heads = columns.map(({ name }) => visible(name));
  const widest = Math.max(...heads.map(view.width));
  const record = (item: Item): string =>
    columns
      .map((column, at) => {
        const head = heads[at] ?? '';
        const value = listCell(item[column.name], column, view);
        return value.text === ''
          ? ''
          : `${view.paint.strong(head)}${' '.repeat(widest - view.width(head))}${gap}${value.painted}\n`;
      })
      .join('');
  return items.map(record).join('\n');
};

const list = (answer: Answer, items: readonly Item[], view: View): string => {
  if (items.length === 0) return '(no results)\n';
  const { value, more } = answer;
  const cursor = isItem(value) ? value.next_cursor : undefined;
  const rest = typeof cursor === 'string' && more !== undefined ? `; more: ${visible(more(cursor))}` : '';
  const footer = view.paint.faint(`${items.length} shown${rest}`);
  const shown = view.columns < narrow ? stacked : table;
  return `${shown(columnsOf(answer, items, view.fields), items, view)}${footer}\n`;
};

/** Short maps such as tags stand on the line of their name. */
const inlined = (value: Item): string | undefined => {
  const pairs = Object.entries(value);
  if (pairs.some(([, inner]) => typeof inner === 'object' && inner !== null)) return undefined;
  const text = pairs.map(([name, inner]) => `${name}=${plainText(inner)}`).join(', ');
  return text.length <= 60 ? text : undefined;
};

const valueText = (name: string, value: unknown, shown: readonly Shown[], view: View): string => {
  const time = shown.find((one) => one.name === name)?.kind === 'time' ? timeOf(value) : Number.NaN;
  if (!Number.isNaN(time)) return `${visible(String(value))} ${view.paint.faint(`(${relative(time, view.now)})`)}`;
  const isText = !Array.isArray(value) || value.some((entry) => typeof entry === 'object');
  const text = visible(isText ? plainText(value) : value.join(', '));
  return stateNames.includes(name) ? paintState(text, view.paint) : text;
};

const lines = (item: Item, shown: readonly Shown[], view: View): string[] => {
  const entries = Object.entries(item).filter(([, value]) => value !== undefined && value !== null);
  const widest = Math.max(0, ...entries.map(([name]) => view.width(visible(name))));
  return entries.flatMap(([name, value]) => {
    const key = visible(name);
    if (Array.isArray(value) && value.length > 0 && value.every(isItem)) {
      const inner = { ...view, columns: view.columns - gap.length };
      const rows = table(columnsOf({ value }, value, undefined), value, inner)
        .trimEnd()
        .split('\n');
      return [view.paint.strong(key), ...rows.map((line) => `${gap}${line}`)];
    }
    const short = isItem(value) ? inlined(value) : undefined;
    if (isItem(value) && short === undefined) {
      const inner = lines(value, shownOf({ shape: undefined }, [value]), view);
      return [view.paint.strong(key), ...inner.map((line) => `${gap}${line}`)];
    }
    const text = short === undefined ? valueText(name, value, shown, view) : visible(short);
    return [`${view.paint.strong(key)}${' '.repeat(widest - view.width(key))}${gap}${text}`.trimEnd()];
  });
};

const ordered = (item: Item, shown: readonly Shown[], fields: readonly string[] | undefined): Item => {
  const names = fields ?? [...shown.map(({ name }) => name), ...Object.keys(item)];
  return Object.fromEntries([...new Set(names)].map((name) => [name, item[name]]));
};

/** What a person reads. A one-time value stands whole on a line of its own, where a double click selects it. */
export const pretty = (answer: Answer, view: View): string => {
  const { oneTime } = answer;
  const value = oneTime === undefined ? answer.value : without(answer.value, oneTime);
  const once = oneTime === undefined ? '' : `\n${oneTime.split('\n').map(visible).join('\n')}\n\n`;
  const items = itemsOf({ ...answer, value });
  if (items !== undefined) return `${list(answer, items, view)}${once}`;
  if (!isItem(value)) return `${visible(plainText(value))}\n`;
  const shown = shownOf(answer, [value]);
  const record = lines(ordered(value, shown, view.fields), shown, view)
    .map((line) => `${line}\n`)
    .join('');
  return `${record}${once}`;
};
