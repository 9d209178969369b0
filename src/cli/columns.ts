import Table from 'cli-table3';

const borders = ['top', 'bottom', 'left', 'right', 'mid']
  .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
  .concat('left-mid', 'right-mid');

/** Rows as columns with two blanks between, no borders: what is copied from a terminal is what was stored. */
export const inColumns = (rows: readonly (readonly string[])[]): string => {
  const table = new Table({
    chars: { ...Object.fromEntries(borders.map((name) => [name, ''])), middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split('\n')
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
};
