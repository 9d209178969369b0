import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import { type Answer, type Item, isItem, isScalar, itemsOf, plainText, shownOf } from './answer.ts';
import type { Globals } from './command.ts';
import { type Paint, pretty } from './pretty.ts';
import { nearest } from './suggest.ts';
import { cell, quotedControls } from './visible.ts';

const pick = (item: Item, fields: readonly string[]): Item =>
  Object.fromEntries(fields.filter((name) => item[name] !== undefined).map((name) => [name, item[name]]));

/** The value with only these fields; a list keeps its envelope. */
const picked = (answer: Answer, fields: readonly string[]): unknown => {
  const { value } = answer;
  const items = itemsOf(answer);
  if (items === undefined) return isItem(value) ? pick(value, fields) : value;
  const chosen = items.map((item) => pick(item, fields));
  return isItem(value) ? { ...value, items: chosen } : chosen;
};

const row = (item: Item, names: readonly string[]): string =>
  `${names.map((name) => cell(plainText(item[name]))).join('\t')}\n`;

const asText = (answer: Answer, fields: readonly string[] | undefined): string => {
  const { value } = answer;
  const items = itemsOf(answer);
  if (items !== undefined) {
    const names =
      fields ??
      shownOf(answer, items)
        .filter(isScalar)
        .map(({ name }) => name);
    return items.map((item) => row(item, names)).join('');
  }
  if (!isItem(value)) return `${cell(plainText(value))}\n`;
  if (fields !== undefined) return row(value, fields);
  return Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .map(([name, inner]) => `${cell(name)}\t${cell(plainText(inner))}\n`)
    .join('');
};

export const idOf = (item: unknown): string | undefined =>
  isItem(item) && typeof item.id === 'string' ? item.id : undefined;

const asIds = (answer: Answer): string => {
  if (answer.oneTime !== undefined) return `${answer.oneTime}\n`;
  const ids = itemsOf(answer)?.map(idOf) ?? [answer.id ?? idOf(answer.value)];
  return ids.map((id) => (id === undefined ? '' : `${cell(id)}\n`)).join('');
};

/** Turns an answer into what stdout gets. Whatever it needs was loaded before it was made: showing can't fail half-way. */
export type Renderer = (answer: Answer) => string;

export const paintFor = async (color: boolean): Promise<Paint> => {
  if (!color) return { strong: (text) => text, faint: (text) => text, good: (text) => text, bad: (text) => text };
  const { Chalk } = await import('chalk');
  const { bold, dim, green, red } = new Chalk({ level: 1 });
  return { strong: bold, faint: dim, good: green, bad: red };
};

const openMode = async (io: Io, { output, color, fields }: Globals): Promise<Renderer> => {
  const chosen = (answer: Answer): unknown => (fields === undefined ? answer.value : picked(answer, fields));
  if (output === 'json') return (answer) => quotedControls(`${JSON.stringify(chosen(answer), undefined, 2)}\n`);
  if (output === 'text') return (answer) => asText(answer, fields);
  if (output === 'yaml') {
    const { stringify } = await import('./yaml.ts');
    return (answer) => quotedControls(stringify(chosen(answer), { lineWidth: 0, aliasDuplicateObjects: false }));
  }
  const { default: width } = await import('string-width');
  const { inColumns } = await import('./columns.ts');
  const paint = await paintFor(color);
  return (answer) => pretty(answer, { fields, now: io.now(), columns: io.stdout.columns, paint, width, inColumns });
};

export const openRenderer = async (io: Io, globals: Globals): Promise<Renderer> => {
  const render: Renderer = globals.quiet ? asIds : await openMode(io, globals);
  return (answer) => (answer.value === undefined ? '' : render(answer));
};

/** Refuses fields that aren't there, before anything is done. `known` is absent where nobody can tell. */
export const checkFields = async (globals: Globals, known: readonly string[] | undefined): Promise<void> => {
  const { fields, quiet } = globals;
  if (fields === undefined) return;
  if (quiet) throw new MobiusError('usage', '-q and -F exclude each other', {}, 'leave one of them out');
  if (known === undefined) return;
  if (known.length === 0) throw new MobiusError('usage', 'this command shows no fields, so -F has nothing to pick');
  for (const name of fields) {
    if (known.includes(name)) continue;
    const near = await nearest(name, known);
    const fieldList = `the fields are ${known.join(', ')}`;
    const hint = near === undefined ? fieldList : `did you mean "${near}"? ${fieldList}`;
    throw new MobiusError('usage', `no field "${name}" to show`, {}, hint);
  }
};
