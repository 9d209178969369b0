import { MobiusError } from '../errors.ts';
import { canonical, canonicalColumns } from './canonical.ts';
import type { Row, Value } from './db.ts';
import { areFew } from './few.ts';
import { isBytes, isTime, isWhole, type Sealing, type Store, type Stored, table } from './table.ts';

export type AuditColumns = {
  project_id: string | null;
  action: string;
  resource_type: string;
  resource_id: string;
  principal_id: string | null;
  credential_id: string | null;
  created_at: number;
};

type Chained = { seq: number | null; mac: Uint8Array; hash: Uint8Array | null };
export type AuditRow = Stored<AuditColumns, AuditPlain, Chained>;

/** What a person wrote or can be recognised by. */
export interface AuditPlain {
  resource_name?: string;
  actor_name?: string;
  credential_name?: string;
  ip_address?: string;
  user_agent?: string;
  changes?: Record<string, unknown>;
}

export const auditLog = table<AuditColumns, AuditPlain, Chained>(
  'audit_log',
  ['project_id', 'action', 'resource_type', 'resource_id', 'principal_id', 'credential_id', 'created_at'],
  { seq: isWhole, mac: isBytes, hash: isBytes },
);

const text = new TextEncoder();
/** What the first row follows. */
export const noHash = new Uint8Array(32);

export const isSame = (one: unknown, other: Uint8Array): boolean =>
  one instanceof Uint8Array && one.length === other.length && one.every((byte, at) => byte === other[at]);

/** Over the plain text, so that sealing a row anew under a later key leaves its MAC and the chain as they are. */
export const macOf = (store: Sealing, id: string, columns: AuditColumns, plain: AuditPlain): Uint8Array =>
  store.sealer.auditMac(canonicalColumns(columns, 'mobius/audit/1', id, text.encode(JSON.stringify(plain))));

/** The link of a row to the one before it. */
export const linkOf = (store: Sealing, before: Uint8Array, seq: number, id: string, mac: Uint8Array) =>
  store.sealer.hash(canonical('mobius/audit-chain/1', before, seq, id, mac));

/** A place in the chain that the vault answers for: its end, or where it begins since what was before is gone. */
export type Mark = { seq: number; hash: Uint8Array; made_at: number };
type MarkName = 'head' | 'checkpoint';

const isPlace = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const macOfMark = (store: Sealing, name: MarkName, { seq, hash, made_at }: Mark): Uint8Array =>
  store.sealer.auditMac(canonical('mobius/audit-mark/1', name, seq, hash, made_at));

export const damaged = (what: string): MobiusError =>
  new MobiusError('damaged', `the audit log ${what}`, { table: 'audit_log' });

/** `damaged` where the vault did not write it so. */
const readMark = (store: Sealing, name: MarkName, { seq, hash, made_at, mac }: Row): Mark => {
  if (isPlace(seq) && hash instanceof Uint8Array && isTime(made_at)) {
    const mark = { seq, hash, made_at: Number(made_at) };
    if (isSame(mac, macOfMark(store, name, mark))) return mark;
  }
  throw damaged(name === 'head' ? 'has no sound end' : 'has no sound beginning');
};

const endName = (name: MarkName): string => `audit ${name}`;

/** As the transactions before in the same commit left it. */
const markBefore = ({ db }: Store, name: MarkName): Mark | undefined =>
  db.together?.ends?.get(endName(name))?.value as Mark | undefined;

/** Undefined where there is none. */
export const markOf = async (store: Store, name: MarkName): Promise<Mark | undefined> => {
  const before = markBefore(store, name);
  if (before !== undefined) return before;
  const row = await store.db.get('select seq, hash, made_at, mac from audit_marks where id = $1', [name]);
  return row === undefined ? undefined : readMark(store, name, row);
};

const writeMark = async (store: Store, name: MarkName, mark: Mark): Promise<void> => {
  const mac = macOfMark(store, name, mark);
  const written = await store.db.run(
    `insert into audit_marks (id, seq, hash, made_at, mac) values ($1, $2, $3, $4, $5)
     on conflict (id) do update set seq = $2, hash = $3, made_at = $4, mac = $5`,
    [name, mark.seq, mark.hash, mark.made_at, mac],
  );
  if (written !== 1) throw damaged(`takes no ${name}`);
};

export const setMark = async (store: Store, name: MarkName, mark: Mark): Promise<void> => {
  const ends = store.db.together?.ends;
  if (ends === undefined) return writeMark(store, name, mark);
  const { sealer } = store;
  ends.set(endName(name), { value: mark, write: (db) => writeMark({ db, sealer }, name, mark) });
};

/** Before the first entry of a new vault: where there is no end, nothing is ever appended. */
export const begin = (store: Store, at: number): Promise<void> =>
  setMark(store, 'head', { seq: 0, hash: noHash, made_at: at });

export interface Recent {
  projectId: string;
  action: string;
  /** What it was done to: an action that was refused has its entries too, about the refusals. */
  resourceType: string;
  credentialId: string;
  since: number;
  limit: number;
}

/** When somebody did a thing of late, the last first. */
export const timesOf = async ({ db }: Store, recent: Recent): Promise<number[]> => {
  const rows = await db.all<{ created_at: number }>(
    `select created_at from audit_log
     where project_id = $1 and action = $2 and created_at > $3 and credential_id = $4 and resource_type = $5
     order by created_at desc, seq desc limit $6`,
    [recent.projectId, recent.action, recent.since, recent.credentialId, recent.resourceType, recent.limit],
  );
  return rows.map(({ created_at }) => created_at);
};

/** The end as the vault wrote it, where the row there is the one that it wrote. */
export const headOf = async (store: Store): Promise<Mark> => {
  const before = markBefore(store, 'head');
  if (before !== undefined) return before;
  const row = await store.db.get(
    `select m.seq, m.hash, m.made_at, m.mac, (select a.hash from audit_log a where a.seq = m.seq) as last
     from audit_marks m where m.id = 'head'`,
  );
  if (row === undefined) throw damaged('has no sound end');
  const head = readMark(store, 'head', row);
  if (head.seq === 0 || isSame(row.last, head.hash)) return head;
  throw damaged(row.last === null ? `was cut off: its last entry, number ${head.seq}, is gone` : 'has no sound end');
};

/**
 * Appends a row and links it to the one before, in the caller's transaction: all that write have their turn, so `seq`
 * has no gap and the chain no fork. What was cut off shows at once, for the end is written down apart from the rows.
 * Undefined where something stands in that place already.
 */
export const append = async (
  store: Store,
  id: string,
  columns: AuditColumns,
  plain: AuditPlain,
  head: Mark,
): Promise<Mark | undefined> => {
  const seq = head.seq + 1;
  const mac = macOf(store, id, columns, plain);
  const hash = linkOf(store, head.hash, seq, id, mac);
  if ((await auditLog.insert(store, id, columns, plain, { seq, mac, hash })) === undefined) return undefined;
  const end = { seq, hash, made_at: columns.created_at };
  await setMark(store, 'head', end);
  return end;
};

export interface EntryFilter {
  projectId?: string;
  resourceType?: string;
  resourceId?: string;
  principalId?: string;
  /** One, or all of a noun: `secrets.*`. */
  action?: string;
  createdAfter?: number;
  createdBefore?: number;
}

const bare = (column: string): string => column;
/** So that no index of a column is taken for it. */
const unindexed = (column: string): string => `${column} || ''`;

/** The conditions in words of the engine, with their values behind those that are there. */
const conditions = (filter: EntryFilter, params: Value[], by = bare): string[] => {
  const where: string[] = [];
  const add = (value: Value | undefined, condition: (place: string) => string): void => {
    if (value !== undefined) where.push(condition(`$${params.push(value)}`));
  };
  const { action } = filter;
  const isGroup = action?.endsWith('.*') === true;
  add(filter.projectId, (at) => `${by('t.project_id')} = ${at}`);
  add(filter.resourceType, (at) => `${by('t.resource_type')} = ${at}`);
  add(filter.resourceId, (at) => `${by('t.resource_id')} = ${at}`);
  add(filter.principalId, (at) => `${by('t.principal_id')} = ${at}`);
  add(isGroup ? undefined : action, (at) => `${by('t.action')} = ${at}`);
  // The names of a noun lie between its full stop and the character after that.
  add(isGroup ? action?.slice(0, -1) : undefined, (at) => `${by('t.action')} >= ${at}`);
  add(isGroup ? `${action?.slice(0, -2)}/` : undefined, (at) => `${by('t.action')} < ${at}`);
  add(filter.createdAfter, (at) => `t.created_at >= ${at}`);
  add(filter.createdBefore, (at) => `t.created_at < ${at}`);
  return where;
};

/**
 * Entries of every project, and those of none, each found by an index that begins with the project; undefined where they are
 * many, and a page of them is soon full in the order of all. Projects that are gone have theirs in the log still.
 */
const fewOfEach = async (
  store: Store,
  where: readonly string[],
  params: readonly Value[],
): Promise<string | undefined> => {
  const entries = (project: string): string => `select t.created_at, t.seq from ${project} and ${where.join(' and ')}`;
  const rows = `with recursive projects_of (id) as (
      select min(a.project_id) from audit_log a
      union all
      select (select min(a.project_id) from audit_log a where a.project_id > p.id) from projects_of p where p.id is not null)
    ${entries('projects_of p join audit_log t on t.project_id = p.id')}
    union all ${entries('audit_log t where t.project_id is null')}`;
  return (await areFew(store, rows, params)) ? rows : undefined;
};

/** The last first, behind where a page ended. */
export const newest = async (
  store: Store,
  filter: EntryFilter,
  after: { at: number; seq: number } | undefined,
  limit: number,
): Promise<AuditRow[]> => {
  const params: Value[] = [];
  const where = ['t.seq is not null', ...conditions(filter, params)];
  if (after !== undefined) {
    where.push(`(t.created_at, t.seq) < ($${params.push(after.at)}, $${params.push(after.seq)})`);
  }
  const order = 'order by t.created_at desc, t.seq desc';
  const isAny = filter.projectId === undefined && filter.resourceId !== undefined;
  const ofEach = isAny ? await fewOfEach(store, where, params) : undefined;
  const rows = ofEach === undefined ? `audit_log t where ${where.join(' and ')}` : `(${ofEach}) t`;
  // Numbers first, which stand in the indexes: what has to be put in order is not read with all that it holds.
  const found = `select t.seq from ${rows} ${order} limit $${params.push(limit)}`;
  return auditLog.select(store, `where t.seq in (${found}) ${order}`, params);
};

/** The next number that there is; `after` where there is none. */
export const nextSeq = async ({ db }: Store, after: number): Promise<number> => {
  const row = await db.get<{ seq: Value }>('select min(seq) as seq from audit_log where seq > $1', [after]);
  return Number.isSafeInteger(row?.seq) ? Number(row?.seq) : after;
};

/**
 * In the order in which they were written, behind one number and up to another. They are read one after the other, so that
 * a page costs what lies between its numbers, and not all that the filter finds put in order anew.
 */
export const following = (
  store: Store,
  filter: EntryFilter,
  { after, through }: { after: number; through: number },
  limit: number,
): Promise<AuditRow[]> => {
  const params: Value[] = [after, through];
  const where = ['t.seq > $1', 't.seq <= $2', ...conditions(filter, params, unindexed)].join(' and ');
  return auditLog.select(store, `where ${where} order by t.seq limit $${params.push(limit)}`, params);
};

/** On SQLite anything can stand in a column: between two numbers, too. */
const hasNumber = `t.seq <= ${Number.MAX_SAFE_INTEGER} and t.seq = cast(t.seq as bigint)`;

/** As they are stored, whatever was done to them; but for those whose number is none. */
export const rowsAfter = ({ db }: Pick<Store, 'db'>, afterSeq: number, limit: number): Promise<Row[]> =>
  db.all(`select t.* from audit_log t where t.seq > $1 and ${hasNumber} order by t.seq limit $2`, [afterSeq, limit]);

/** Entries from before the log begins, where there should be none. */
export const rowsBefore = ({ db }: Pick<Store, 'db'>, begins: number, limit: number): Promise<Row[]> =>
  db.all(
    `select t.id, t.seq from audit_log t where t.seq >= 1 and t.seq <= $1 and ${hasNumber} order by t.seq limit $2`,
    [begins, limit],
  );

/** Entries that no number puts into the chain. */
export const idsWithoutPlace = async ({ db }: Pick<Store, 'db'>, limit: number): Promise<Value[]> => {
  const rows = await db.all<{ id: Value }>(
    `select t.id from audit_log t where t.seq is null or not (t.seq >= 1 and ${hasNumber}) order by t.id limit $1`,
    [limit],
  );
  return rows.map(({ id }) => id);
};

export const hashAt = async ({ db }: Store, seq: number): Promise<Value | undefined> =>
  (await db.get<{ hash: Value }>('select hash from audit_log where seq = $1', [seq]))?.hash;

/** Of the entries behind one number up to another, the first from a time on; undefined where all are older. */
export const firstSince = async (
  { db }: Store,
  time: number,
  { after, through }: { after: number; through: number },
): Promise<number | undefined> => {
  const sql = 'select min(seq) as seq from audit_log where seq > $1 and seq <= $2 and created_at >= $3';
  return (await db.get<{ seq: number | null }>(sql, [after, through, time]))?.seq ?? undefined;
};

export const removeThrough = ({ db }: Store, seq: number): Promise<number> =>
  db.run('delete from audit_log where seq <= $1', [seq]);
