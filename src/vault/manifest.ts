import { MobiusError } from '../errors.ts';
import { canonical, canonicalColumns } from '../store/canonical.ts';
import type { Query, Row, Value } from '../store/db.ts';
import type { Sealer } from '../store/sealer.ts';
import { breathe } from './pages.ts';

/** What a backup says of itself, under the vault's audit key. */
export interface Manifest {
  format: number;
  vault_id: string;
  made_at: number;
  epoch: number;
  /** Rows by table: every table, so that one that was added is missed as little as one that was taken away. */
  tables: Readonly<Record<string, number>>;
  /** The end of the audit log: a tail that was cut off shows against it. */
  audit: { seq: number; hash: string } | null;
  digest: string;
}

export const manifestFormat = 1;

type Signer = Pick<Sealer, 'auditMac' | 'hash'>;
export type Progress = (done: number, total: number) => void;

const table = 'backup_manifest';
const label = 'mobius/backup-digest/1';
const pageRows = 500;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const tableNames = async (db: Query): Promise<string[]> => {
  const rows = await db.all<{ name: string }>(
    `select name from sqlite_schema
     where type = 'table' and substr(name, 1, 7) <> 'sqlite_' and name <> $1 order by name`,
    [table],
  );
  return rows.map(({ name }) => name);
};

const countsOf = async (db: Query): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const name of await tableNames(db)) {
    counts[name] = (await db.get<{ count: number }>(`select count(*) as count from ${quoted(name)}`))?.count ?? 0;
  }
  return counts;
};

const unordered = (name: string): MobiusError =>
  new MobiusError('damaged', `the rows of the table "${name}" can't be read one after the other`, { table: name });

/** In the order of the table's key, a page at a time. */
const eachPage = async (db: Query, name: string, count: number, take: (rows: Row[]) => void): Promise<void> => {
  const key = await db.all<{ name: string }>('select name from pragma_table_info($1) where pk > 0 order by pk', [name]);
  if (key.length === 0) throw unordered(name);
  const columns = key.map((column) => quoted(column.name)).join(', ');
  const values = key.map((_, at) => `$${at + 1}`).join(', ');
  const tail = `order by ${columns} limit ${pageRows}`;
  let read = 0;
  let after: Value[] | undefined;
  for (;;) {
    const where = after === undefined ? '' : `where (${columns}) > (${values})`;
    const rows = await db.all(`select * from ${quoted(name)} ${where} ${tail}`, after ?? []);
    take(rows);
    await breathe();
    read += rows.length;
    // An index that is out of order would lead in circles.
    if (read > count) throw unordered(name);
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageRows) break;
    after = key.map((column) => last[column.name] ?? null);
  }
  if (read < count) throw unordered(name);
};

/**
 * One hash over the schema and every row of every table: each step takes in the hash before it, so that no row can be
 * changed, added, left out or moved.
 */
const digestOf = async (
  db: Query,
  signer: Signer,
  counts: Readonly<Record<string, number>>,
  onProgress: Progress,
): Promise<string> => {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  let done = 0;
  let hash = signer.hash(canonical(label));
  const takeIn = (name: string, rows: readonly Row[]): void => {
    for (const row of rows) hash = signer.hash(canonicalColumns(row, label, hash, name));
  };
  const schema = await db.all('select type, name, tbl_name, sql from sqlite_schema where tbl_name <> $1', [table]);
  const spelled = schema.map((row) => ({ row, at: JSON.stringify([row.type, row.name]) }));
  takeIn(
    'sqlite_schema',
    spelled.sort((a, b) => (a.at < b.at ? -1 : 1)).map(({ row }) => row),
  );
  for (const [name, count] of Object.entries(counts)) {
    hash = signer.hash(canonical(label, hash, name));
    await eachPage(db, name, count, (rows) => {
      takeIn(name, rows);
      done += rows.length;
      onProgress(done, total);
    });
  }
  return hex(hash);
};

/** What the manifest of this database would say. Nobody may write to it meanwhile. */
export const describe = async (
  db: Query,
  signer: Signer,
  { vaultId, madeAt }: { vaultId: string; madeAt: number },
  onProgress: Progress,
): Promise<Manifest> => {
  const tables = await countsOf(db);
  const epoch = (await db.get<{ epoch: number }>('select epoch from vault'))?.epoch ?? 0;
  const head = await db.get<{ seq: number; hash: Uint8Array }>(
    'select seq, hash from audit_log where seq is not null order by seq desc limit 1',
  );
  return {
    format: manifestFormat,
    vault_id: vaultId,
    made_at: madeAt,
    epoch,
    tables,
    audit: head?.hash instanceof Uint8Array ? { seq: head.seq, hash: hex(head.hash) } : null,
    digest: await digestOf(db, signer, tables, onProgress),
  };
};

const macOf = (signer: Signer, body: string): Uint8Array => signer.auditMac(canonical('mobius/backup/1', body));

export const dropManifest = (db: Query): Promise<number> => db.run(`drop table if exists ${table}`);

export const writeManifest = async (db: Query, signer: Signer, manifest: Manifest): Promise<void> => {
  const body = JSON.stringify(manifest);
  await db.run(`create table ${table} (id text primary key, body text not null, mac bytea not null)`);
  await db.run(`insert into ${table} (id, body, mac) values ('manifest', $1, $2)`, [body, macOf(signer, body)]);
};

export const hasManifest = async (db: Query): Promise<boolean> =>
  (await db.get("select name from sqlite_schema where type = 'table' and name = $1", [table])) !== undefined;

/** The manifest, or why it is not the one that this vault made. */
export const readManifest = async (db: Query, signer: Signer): Promise<Manifest | string> => {
  const rows = await db.all<{ body: Value; mac: Value }>(`select body, mac from ${table} limit 2`);
  const [row] = rows;
  if (row === undefined || rows.length > 1) return 'there is not exactly one manifest';
  const { body, mac } = row;
  if (typeof body !== 'string' || !(mac instanceof Uint8Array) || Buffer.compare(mac, macOf(signer, body)) !== 0) {
    return 'the manifest was not made by this vault, or was changed';
  }
  const manifest = JSON.parse(body) as Manifest;
  if (manifest.format > manifestFormat) {
    throw new MobiusError('unsupported', 'the backup was written by a newer mobius', {}, 'update mobius');
  }
  return manifest;
};
