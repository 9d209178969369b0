import Table from 'cli-table3';

/** What stands in a cell, and how many columns of the terminal it takes. */
export interface Cell {
  painted: string;
  width: number;
}

const borders = ['top', 'bottom', 'left', 'right', 'mid']
  .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
  .concat('left-mid', 'right-mid');

/** Stands for a cell while the rows are laid out: the library would measure letters of many scripts wrongly. */
const dummy = 'x';
const dummies = new RegExp(`${dummy}+`, 'g');

/** Rows as columns with two blanks between, no borders: what is copied from a terminal is what was stored. */
export const inColumns = (rows: readonly (readonly Cell[])[]): string => {
  const table = new Table({
    chars: { ...Object.fromEntries(borders.map((name) => [name, ''])), middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const row of rows) table.push(row.map(({ width }) => dummy.repeat(width)));
  const texts = rows.flatMap((row) => row.flatMap(({ painted, width }) => (width === 0 ? [] : [painted])));
  return table
    .toString()
    .split('\n')
    .map((line) => `${line.trimEnd()}\n`)
    .join('')
    .replace(dummies, () => texts.shift() ?? '');
};
