import { MobiusError } from '../errors.ts';
import { canonical, canonicalColumns } from '../store/canonical.ts';
import type { Db, Query, Row, Value } from '../store/db.ts';
import { type Copied, everyTable } from '../store/every-table.ts';
import type { Sealer } from '../store/sealer.ts';
import type { Progress } from './manifest.ts';
import { readMove } from './moving.ts';
import { breathe } from './pages.ts';

/** Rows that are copied in one transaction, and of those in one statement. */
const pageRows = 500;
const statementRows = 50;

const label = 'mobius/move-digest/1';

interface Step {
  name: string;
  table: Copied;
  /** Which of its rows. */
  filter?: string;
  put(tx: Query, rows: readonly Row[]): Promise<void>;
}

/** What of a row goes along. How the old place stands is its own affair, and so is what lies in its log. */
const carried = ({ name }: Copied, row: Row): Row =>
  name === 'vault' ? { ...row, epoch: Math.abs(Number(row.epoch)), scrub_pending_at: null } : row;

/** A row that is there already, such as the vault's own, is written over. */
export const putRows = async (tx: Query, { name, key }: Copied, rows: readonly Row[]): Promise<void> => {
  const columns = Object.keys(rows[0] ?? {});
  const rest = columns.filter((column) => !key.includes(column));
  const sets = rest.map((column) => `${column} = excluded.${column}`).join(', ');
  for (let at = 0; at < rows.length; at += statementRows) {
    const some = rows.slice(at, at + statementRows);
    const values = some.map((_, row) => `(${columns.map((_, n) => `$${row * columns.length + n + 1}`).join(', ')})`);
    await tx.run(
      // Its nulls make it another text each time: what stands before it keeps an engine from preparing all of them.
      `/* copied */ insert into ${name} (${columns.join(', ')}) values ${values.join(', ')}
       on conflict (${key.join(', ')}) do ${sets === '' ? 'nothing' : `update set ${sets}`}`,
      some.flatMap((row) => columns.map((column) => row[column] ?? null)),
    );
  }
};

const copying = (table: Copied): Step => ({
  name: table.name,
  table,
  put: (tx, rows) => {
    const { later } = table;
    const ready = rows.map((row) => carried(table, row));
    return putRows(tx, table, later === undefined ? ready : ready.map((row) => ({ ...row, [later]: null })));
  },
});

const filling = (table: Copied, column: string): Step => ({
  name: `${table.name}.${column}`,
  table,
  filter: `${column} is not null`,
  put: (tx, rows) => putRows(tx, table, rows),
});

const steps: readonly Step[] = everyTable.flatMap((table) =>
  table.later === undefined ? [copying(table)] : [copying(table), filling(table, table.later)],
);

/** Stands for all of them. */
const ended = '';

export const firstStep = steps[0]?.name ?? ended;

const readPage = (db: Query, { name, key }: Copied, after: readonly Value[], filter?: string): Promise<Row[]> => {
  const columns = key.join(', ');
  const past = after.length === 0 ? [] : [`(${columns}) > (${key.map((_, at) => `$${at + 1}`).join(', ')})`];
  const wanted = [...past, ...(filter === undefined ? [] : [filter])].join(' and ');
  const where = wanted === '' ? '' : `where ${wanted}`;
  return db.all(`select * from ${name} ${where} order by ${columns} limit ${pageRows}`, after);
};

const keyOf = ({ key }: Copied, row: Row | undefined): Value[] => key.map((column) => row?.[column] ?? null);

const spelled = (key: readonly Value[]): string =>
  JSON.stringify(key.map((part) => (part instanceof Uint8Array ? { hex: Buffer.from(part).toString('hex') } : part)));

const read = (text: string): Value[] =>
  text === ''
    ? []
    : (JSON.parse(text) as (string | number | { hex: string })[]).map((part) =>
        typeof part === 'object' ? Buffer.from(part.hex, 'hex') : part,
      );

export const countRows = async (db: Query): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const { name } of everyTable) {
    counts[name] = (await db.get<{ count: number }>(`select count(*) as count from ${name}`))?.count ?? 0;
  }
  return counts;
};

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

/**
 * The next rows, and how far it is with them, in one transaction. The number of rows that were read; undefined where
 * nothing is left. What another process has copied meanwhile is not copied twice.
 */
const copyPage = async (from: Query, to: Db, id: string): Promise<number | undefined> => {
  const move = await readMove(to);
  if (move?.id !== id) throw new MobiusError('conflict', 'the move was given up meanwhile');
  if (move.step === ended) return undefined;
  const at = steps.findIndex(({ name }) => name === move.step);
  const step = steps[at];
  if (step === undefined) throw new MobiusError('unsupported', 'the move was begun by another version of mobius');
  const rows = await readPage(from, step.table, read(move.after_key), step.filter);
  const isLast = rows.length < pageRows;
  const next = isLast ? { step: steps[at + 1]?.name ?? ended, after: '' } : { step: step.name, after: '' };
  if (!isLast) next.after = spelled(keyOf(step.table, rows.at(-1)));
  await to.tx('write', async (tx) => {
    const count = await tx.run(
      'update moves set step = $1, after_key = $2 where id = $3 and step = $4 and after_key = $5',
      [next.step, next.after, id, move.step, move.after_key],
    );
    if (count === 1) await step.put(tx, rows);
  });
  return rows.length;
};

const unordered = (name: string): MobiusError =>
  new MobiusError('damaged', `the rows of the table "${name}" can't be read one after the other`, { table: name });

/** Copies every row as it is; nobody may write to either meanwhile. A copy that was interrupted is gone on with. */
export const copyAll = async (from: Query, to: Db, id: string, onProgress: Progress): Promise<void> => {
  const total = sum(await countRows(from));
  let done = sum(await countRows(to));
  // An index that is out of order would lead in circles. What is filled later is read twice.
  let most = 2 * total + pageRows;
  for (let rows = await copyPage(from, to, id); rows !== undefined; rows = await copyPage(from, to, id)) {
    done += rows;
    most -= rows;
    if (most < 0) throw unordered((await readMove(to))?.step ?? 'vault');
    onProgress(Math.min(done, total), total);
    await breathe();
  }
};

interface Sum {
  rows: number;
  digest: string;
}

/** Every row in the order of the key: each step takes in the hash before it, so none can be changed or left out. */
const sumOf = async (
  db: Query,
  table: Copied,
  { hash }: Pick<Sealer, 'hash'>,
  onRows: (rows: number) => void,
): Promise<Sum> => {
  const count = (await db.get<{ count: number }>(`select count(*) as count from ${table.name}`))?.count ?? 0;
  let digest = hash(canonical(label, table.name));
  let read = 0;
  let after: Value[] = [];
  for (;;) {
    const rows = await readPage(db, table, after);
    for (const row of rows) digest = hash(canonicalColumns(carried(table, row), label, digest));
    read += rows.length;
    if (read > count) throw unordered(table.name);
    onRows(rows.length);
    await breathe();
    if (rows.length < pageRows) break;
    after = keyOf(table, rows.at(-1));
  }
  if (read < count) throw unordered(table.name);
  return { rows: read, digest: Buffer.from(digest).toString('hex') };
};

/** The number of rows by table, which are the same here and there, to the byte. */
export const compareAll = async (
  from: Query,
  to: Query,
  sealer: Pick<Sealer, 'hash'>,
  onProgress: Progress,
): Promise<Record<string, number>> => {
  const total = sum(await countRows(from)) * 2;
  const counts: Record<string, number> = {};
  let done = 0;
  const tick = (rows: number): void => {
    done += rows;
    onProgress(Math.min(done, total), total);
  };
  for (const table of everyTable) {
    const was = await sumOf(from, table, sealer, tick);
    const is = await sumOf(to, table, sealer, tick);
    if (was.digest !== is.digest) {
      const what =
        was.rows === is.rows ? `its ${is.rows} rows are others` : `it holds ${is.rows} rows, and not ${was.rows}`;
      const message = `the copy of "${table.name}" is not what was copied: ${what}`;
      throw new MobiusError('damaged', message, { table: table.name }, 'give up the move, and begin it anew');
    }
    counts[table.name] = was.rows;
  }
  return counts;
};
