import type { Db, Query, Row, Value } from '../store/db.ts';
import { passingTables, recordTables } from '../store/sealed-tables.ts';
import type { Expected, Link, Store, Stored } from '../store/table.ts';
import { tagRows } from '../store/tags.ts';
import type { Vault } from './open.ts';
import { pages } from './pages.ts';
import { type Findings, type Problem, wordsOf } from './report.ts';
import { epochOf } from './sealer.ts';

/** What is looked at, and with what. */
export interface View {
  db: Db;
  /** Absent where nothing opened it: then only what is clear is looked at. */
  vault: Vault | undefined;
  /** The ids of what has no row because the program itself defines it. */
  builtInIds: ReadonlySet<string>;
  findings: Findings;
  /** Tables that are not there; said once, and then nothing is asked of them. */
  missing: ReadonlySet<string>;
  /** So many rows more were looked at. */
  tick(rows: number): void;
}

export const restoreIt = 'restore the vault from a backup: mobius vault restore FILE --replace';

const literal = (value: Value): string =>
  typeof value === 'string'
    ? `'${value.replaceAll("'", "''")}'`
    : `x'${Buffer.from(value as Uint8Array).toString('hex')}'`;

export const nameOf = (key: Value): string => (key instanceof Uint8Array ? literal(key) : String(key));

/** Words that stand for a table in the command line. */
const nouns: Readonly<Record<string, string>> = {
  principals: 'principals',
  roles: 'roles',
  api_keys: 'api-keys',
  secrets: 'secrets',
};

type Kind = (typeof recordTables)[number];

/** A page of rows with what else the file says of them, all of one state. */
interface Page {
  rows: readonly Row[];
  tags: ReadonlyMap<Value, readonly string[]>;
  broken: readonly { id: Value; link: Link; to: Value; elsewhere: boolean }[];
  /** What is not sound about what hangs on a row. */
  unsound: readonly { id: Value; words: string }[];
}

/** One index row as one text. */
const spelled = (row: { tag_index?: Value; key_index?: Value }): string =>
  [row.tag_index, row.key_index].map((part) => nameOf(part ?? null)).join(' ');

/** More index rows than a thing may have tags: what is beyond belongs to none of them. */
const mostTags = 100;

const readTags = async (tx: Query, rows: readonly Row[]): Promise<Page['tags']> => {
  const found = new Map<Value, string[]>();
  for (const { id } of rows) {
    const tags = await tx.all(
      `select tag_index, key_index from tags where resource_id = $1 order by tag_index, key_index limit ${mostTags}`,
      [id ?? null],
    );
    found.set(id ?? null, tags.map(spelled));
  }
  return found;
};

const readBroken = async (
  tx: Query,
  missing: View['missing'],
  { table, truths }: Kind,
  first: Value,
  last: Value,
): Promise<Page['broken']> => {
  const broken: { id: Value; link: Link; to: Value; elsewhere: boolean }[] = [];
  for (const link of truths.links) {
    if (missing.has(link.to)) continue;
    const elsewhere = link.sameProject === true ? ' or other.project_id <> t.project_id' : '';
    const rows = await tx.all<{ id: Value; target: Value; other_id: Value }>(
      `select t.id, t.${link.column} as target, other.id as other_id
       from ${table.name} t left join ${link.to} other on other.id = t.${link.column}
       where t.id >= $1 and t.id <= $2 and t.${link.column} is not null and (other.id is null${elsewhere})
       order by t.id`,
      [first, last],
    );
    broken.push(
      ...rows.map(({ id, target, other_id: other }) => ({ id, link, to: target, elsewhere: other !== null })),
    );
  }
  return broken;
};

/** Rows that don't open are told of where they are looked at themselves. */
const readUnsound = async (
  tx: Query,
  { vault }: View,
  { table, truths }: Kind,
  rows: readonly Row[],
): Promise<Page['unsound']> => {
  const unsound: { id: Value; words: string }[] = [];
  if (vault === undefined || truths.beside === undefined) return unsound;
  const store: Store = { db: tx, sealer: vault.sealer };
  for (const row of rows) {
    let record: Stored<Row, object>;
    try {
      record = table.open(store, row) as Stored<Row, object>;
    } catch {
      continue;
    }
    await truths.beside(store, record).catch((error) => unsound.push({ id: row.id ?? null, words: wordsOf(error) }));
  }
  return unsound;
};

const hasTags = ({ missing }: View, { truths }: Kind): boolean => truths.tagged === true && !missing.has('tags');

const readPage = async (tx: Query, view: View, kind: Kind, first: Value, last: Value): Promise<Page> => {
  const { table } = kind;
  const rows = await tx.all(`select t.* from ${table.name} t where t.id >= $1 and t.id <= $2 order by t.id`, [
    first,
    last,
  ]);
  return {
    rows,
    tags: hasTags(view, kind) ? await readTags(tx, rows) : new Map(),
    broken: await readBroken(tx, view.missing, kind, first, last),
    unsound: await readUnsound(tx, view, kind, rows),
  };
};

const removeRow = (table: string, id: Value): string =>
  `${restoreIt}; or remove the row: delete from ${table} where id = ${literal(id)}`;

/** Why a row doesn't open, as far as it can be told. */
export const whyDamaged = (vault: Vault, row: Row, words: string): string => {
  if (!words.endsWith('is damaged')) return words;
  const epoch = row.sealed instanceof Uint8Array ? epochOf(row.sealed) : undefined;
  return epoch === undefined || vault.ring.keys().records.has(epoch)
    ? 'it does not open: its sealed value or a clear column was changed'
    : `it is sealed under the record key of epoch ${epoch}, which the keyring doesn't hold`;
};

const open = (
  { vault, db, findings }: View,
  { table }: Kind,
  row: Row,
): { store: Store; record: Stored<Row, object> } | undefined => {
  if (vault === undefined) return undefined;
  const store: Store = { db, sealer: vault.sealer };
  try {
    return { store, record: table.open(store, row) as Stored<Row, object> };
  } catch (error) {
    const id = row.id ?? null;
    const problem = whyDamaged(vault, row, wordsOf(error));
    findings.problem({ table: table.name, id: nameOf(id), problem, mend: removeRow(table.name, id) });
    return undefined;
  }
};

const columnProblems = ({ table }: Kind, record: Stored<Row, object>, expected: Expected): Problem[] =>
  Object.entries(expected.columns)
    .filter(([column, value]) => nameOf(record.clear[column] ?? null) !== nameOf(value))
    .map(([column]) => ({
      table: table.name,
      id: record.id,
      problem: `"${column}" is not what its plain text gives, so it isn't found by its name`,
      mend: restoreIt,
    }));

const tagProblems = (
  { table }: Kind,
  { store, record }: { store: Store; record: Stored<Row, object> },
  expected: Expected,
  found: readonly string[],
): Problem[] => {
  const wanted = new Set(tagRows(store, String(record.clear.project_id), expected.tags ?? {}).map(spelled));
  const missing = [...wanted].filter((row) => !found.includes(row)).length;
  const strange = found.filter((row) => !wanted.has(row)).length;
  const again = `write its tags anew: mobius ${nouns[table.name] ?? table.name} update ${record.id} --tag KEY=VALUE`;
  const mend = `${again}; nothing is lost: the tags themselves stand in its sealed value`;
  const said = (problem: string): Problem => ({ table: 'tags', id: record.id, problem, mend });
  return [
    ...(missing === 0
      ? []
      : [said(`${missing} of its ${wanted.size} tags are not in the index, so it isn't found by them`)]),
    ...(strange === 0 ? [] : [said(`${strange} rows of the index are for tags that it doesn't have`)]),
  ];
};

const lookAt = (view: View, kind: Kind, row: Row, tags: readonly string[]): void => {
  const opened = open(view, kind, row);
  const { truths, table } = kind;
  if (opened === undefined || truths.expected === undefined) return;
  try {
    const expected = truths.expected(opened.store, opened.record);
    const problems = columnProblems(kind, opened.record, expected);
    if (hasTags(view, kind)) problems.push(...tagProblems(kind, opened, expected, tags));
    for (const problem of problems) view.findings.problem(problem);
  } catch (error) {
    const problem = `its plain text makes no sense: ${wordsOf(error)}`;
    view.findings.problem({
      table: table.name,
      id: opened.record.id,
      problem,
      mend: removeRow(table.name, row.id ?? null),
    });
  }
};

const linkProblem = ({ table }: Kind, { id, link, to, elsewhere }: Page['broken'][number]): Problem => ({
  table: table.name,
  id: nameOf(id),
  problem: `"${link.column}" names "${nameOf(to)}", which ${elsewhere ? 'belongs to another project' : 'is not there'}`,
  mend:
    table.name === 'role_assignments'
      ? `remove it: mobius roles delete-assignment ${nameOf(id)}; or ${restoreIt}`
      : removeRow(table.name, id),
});

/** Every row of one table: its seal, what stands outside of it, and the rows that it names. */
const checkTable = async (view: View, kind: Kind): Promise<void> => {
  const { db, findings, builtInIds, tick } = view;
  const table = kind.table.name;
  const lost = (key: Value, words: string): void =>
    findings.problem({ table, id: nameOf(key), problem: `it can't be read: ${words}`, mend: restoreIt });
  for await (const { rows, tags, broken, unsound } of pages(
    db,
    { table, key: 'id' },
    (tx, first, last) => readPage(tx, view, kind, first, last),
    lost,
  )) {
    for (const row of rows) lookAt(view, kind, row, tags.get(row.id ?? null) ?? []);
    for (const one of broken) {
      if (one.link.orBuiltIn !== true || !builtInIds.has(String(one.to))) findings.problem(linkProblem(kind, one));
    }
    for (const { id, words } of unsound) {
      findings.problem({ table, id: nameOf(id), problem: words, mend: restoreIt });
    }
    findings.count(table, rows.length);
    tick(rows.length);
  }
  const nameless = await db.get<{ count: number }>(`select count(*) as count from ${table} where id is null`);
  if (nameless !== undefined && nameless.count > 0) {
    const problem = `${nameless.count} rows have no id`;
    findings.problem({ table, problem, mend: `remove them: delete from ${table} where id is null` });
  }
};

/** Index rows of things that are not there. */
const checkOrphans = async ({ db, findings, missing, tick }: View): Promise<void> => {
  const owners = recordTables.filter(({ truths }) => truths.tagged === true).map(({ table }) => table.name);
  const nobodys = owners.map((name) => `not exists (select 1 from ${name} o where o.id = x.resource_id)`).join(' and ');
  let after: Value = '';
  // Where a table is missing, what its rows were tagged with is no orphan.
  while (!owners.some((name) => missing.has(name))) {
    const rows: { id: Value; count: number }[] = await db.all<{ id: Value; count: number }>(
      `select x.resource_id as id, count(*) as count from tags x where x.resource_id > $1 and ${nobodys}
       group by x.resource_id order by x.resource_id limit 200`,
      [after],
    );
    for (const { id, count } of rows) {
      findings.problem({
        table: 'tags',
        id: nameOf(id),
        problem: `${count} rows of the index are of something that is not there`,
        mend: `remove them: delete from tags where resource_id = ${literal(id)}; nothing is lost: nothing has these tags`,
      });
    }
    const last: { id: Value } | undefined = rows.at(-1);
    if (last === undefined) break;
    after = last.id;
  }
  const all = (await db.get<{ count: number }>('select count(*) as count from tags'))?.count ?? 0;
  findings.count('tags', all);
  tick(all);
};

/** Sealed values that no version knows of; those that one knows of are opened with it. */
const checkLooseValues = async ({ db, findings, tick }: View): Promise<void> => {
  const loose = await db.all<{ id: Value }>(
    `select v.version_id as id from secret_values v
     where not exists (select 1 from secret_versions t where t.id = v.version_id) order by v.version_id limit 200`,
  );
  for (const { id } of loose) {
    findings.problem({
      table: 'secret_values',
      id: nameOf(id),
      problem: 'they are of a version that is not there',
      mend: `remove them: delete from secret_values where version_id = ${literal(id)}; nothing can open them`,
    });
  }
  const all = (await db.get<{ count: number }>('select count(*) as count from secret_values'))?.count ?? 0;
  findings.count('secret_values', all);
  tick(all);
};

const countPassing = async ({ db, findings, tick }: View, table: string): Promise<void> => {
  const all = (await db.get<{ count: number }>(`select count(*) as count from ${table}`))?.count ?? 0;
  findings.count(table, all);
  tick(all);
};

/** Looks at one part; where the engine can't go on in it, that is told and the other parts are still looked at. */
export const attempt = async (findings: Findings, table: string, part: () => Promise<void>): Promise<void> => {
  try {
    await part();
  } catch (error) {
    findings.problem({ table, problem: `it can't be read to its end: ${wordsOf(error)}`, mend: restoreIt });
  }
};

export const checkRecords = async (view: View): Promise<void> => {
  for (const kind of recordTables) {
    const { name } = kind.table;
    if (!view.missing.has(name)) await attempt(view.findings, name, () => checkTable(view, kind));
  }
  if (!view.missing.has('tags')) await attempt(view.findings, 'tags', () => checkOrphans(view));
  if (!view.missing.has('secret_values') && !view.missing.has('secret_versions')) {
    await attempt(view.findings, 'secret_values', () => checkLooseValues(view));
  }
  for (const table of passingTables) {
    if (!view.missing.has(table)) await attempt(view.findings, table, () => countPassing(view, table));
  }
};
