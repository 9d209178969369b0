import { loadSodium, type Sodium } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import type { Db, Query, Row } from '../store/db.ts';
import { movesTable } from '../store/every-table.ts';
import { isThere } from '../store/migrate.ts';
import { passingTables, recordTables, sealedTables } from '../store/sealed-tables.ts';
import type { SqliteDb } from '../store/sqlite.ts';
import { isTime } from '../store/table.ts';
import { checkAudit } from './check-audit.ts';
import { attempt, checkRecords, nameOf, restoreIt } from './check-records.ts';
import { type Database, openDatabase } from './database.ts';
import { nextRootPlace } from './following.ts';
import { keyringFaults } from './keyring.ts';
import type { Keyslot } from './keyslots.ts';
import type { Progress } from './manifest.ts';
import { readMoveIfAny } from './moving.ts';
import { holdVault, migrateVault, type Place, readHead, type Vault, type World } from './open.ts';
import { type Findings, makeFindings, type Report, wordsOf } from './report.ts';
import { openBlob } from './sealer.ts';
import { slotKey, slotKinds } from './slot-keys.ts';
import { type KeySources, unlock } from './unlock.ts';

/** What looking after the vault needs of the core. */
export interface Bookkeeping {
  /** The ids of what the program itself defines and no row stands for. */
  builtInIds: ReadonlySet<string>;
  /** Records what happens to the vault itself, in the transaction in which it happens. */
  record(vault: Vault, tx: Query, action: string, changes: Record<string, unknown>): Promise<void>;
}

/** What SQLite says of the file, and what in it mobius never made. */
export const checkStructure = async (file: SqliteDb, findings: Findings): Promise<void> => {
  await attempt(findings, 'file', async () => {
    for (const words of await file.integrity()) {
      const problem = words.replace(/\s*\n\s*/g, '; ');
      findings.problem({ table: 'file', problem, mend: `${restoreIt}; the disk or its memory may be failing` });
    }
    const strange = await file.all<{ type: string; name: string; tbl_name: string }>(
      "select type, name, tbl_name from sqlite_schema where type in ('trigger', 'view') order by name limit 100",
    );
    for (const { type, name, tbl_name: table } of strange) {
      const mend = `remove it: drop ${type} "${name.replaceAll('"', '""')}"; then look at what it may have done`;
      findings.problem({ table, problem: `it has a ${type}, "${name}", which mobius never makes`, mend });
    }
  });
};

/** Only whether the parameters can be read is asked: nothing is derived. */
const withoutWork = (sodium: Sodium): Sodium => ({ ...sodium, argon2id: async () => new Uint8Array(32) });

const slotFault = async (sodium: Sodium, slot: Row): Promise<string | undefined> => {
  const { id, kind, params, created_at: at, sealed } = slot;
  if (typeof id !== 'string' || typeof params !== 'string') return 'a column holds something else than belongs there';
  if (!slotKinds.some((known) => known === kind)) return `its kind is "${nameOf(kind ?? null)}", which there isn't`;
  if (!isTime(at) || !(sealed instanceof Uint8Array)) return 'a column holds something else than belongs there';
  if (kind !== 'passphrase') return params === '{}' ? undefined : 'its parameters are damaged';
  try {
    await slotKey(withoutWork(sodium), { id, kind, params }, 'anything');
    return undefined;
  } catch (error) {
    wordsOf(error);
    return 'its parameters are damaged';
  }
};

/** The keyslots that something can be tried with. */
const checkKeyslots = async (db: Query, sodium: Sodium, findings: Findings): Promise<Keyslot[]> => {
  const sound: Keyslot[] = [];
  await attempt(findings, 'keyslots', async () => {
    const slots = await db.all('select id, kind, params, created_at, sealed from keyslots order by id');
    for (const slot of slots) {
      const problem = await slotFault(sodium, slot);
      if (problem === undefined) sound.push(slot as unknown as Keyslot);
      const mend = 'open the vault with something else, remove this slot and add it anew: mobius vault keyslots';
      if (problem !== undefined) findings.problem({ table: 'keyslots', id: nameOf(slot.id ?? null), problem, mend });
    }
    findings.count('keyslots', slots.length);
    if (slots.length === 0) {
      findings.problem({ table: 'keyslots', problem: 'there is none: nothing opens the vault', mend: restoreIt });
    }
  });
  return sound;
};

/** Whether a slot is still what it was when it was opened: a re-key that ends in between renews them all. */
const stands = async (db: Query, { id, sealed }: Keyslot): Promise<boolean> => {
  const now = await db.get('select sealed from keyslots where id = $1', [id]);
  return now?.sealed instanceof Uint8Array && Buffer.compare(now.sealed, sealed) === 0;
};

const reKeyed = (): MobiusError =>
  new MobiusError('service_unavailable', 'the vault was re-keyed at the same moment', {}, 'run it again');

/**
 * Opens the vault as far as it goes. Undefined where what is wrong with it keeps it closed, which is then among the
 * findings; rejects with `locked` where nothing is wrong but that nobody brought a key.
 */
export const openForCheck = async (
  world: World,
  opened: Database,
  keys: KeySources,
  findings: Findings,
): Promise<Vault | undefined> => {
  const { db } = opened;
  const sodium = await loadSodium(world.sodium);
  let vault: Vault | undefined;
  const sound = await checkKeyslots(db, sodium, findings);
  try {
    const heads = await db.all('select id from vault limit 2');
    findings.count('vault', heads.length);
    if (heads.length > 1) {
      findings.problem({
        table: 'vault',
        problem: 'it has more than one row, so it is not clear which',
        mend: restoreIt,
      });
    }
    const head = await readHead(db);
    const unlocked = await unlock(sodium, head.id, sound, keys);
    const faults = await keyringFaults(db, sodium, head.id, unlocked.rootKey);
    if (faults.length > 0 && !(await stands(db, unlocked.slot))) throw reKeyed();
    for (const { id, problem } of faults) findings.problem({ table: 'keyring', id, problem, mend: restoreIt });
    if (faults.length === 0) vault = await holdVault(opened, sodium, head, unlocked);
    else sodium.wipe(unlocked.rootKey);
  } catch (error) {
    if (error instanceof MobiusError && error.code === 'locked' && !findings.report().ok) {
      findings.remark(`no sealed value was looked at, for the vault is locked: ${error.message}`);
      return undefined;
    }
    findings.problem({ table: 'vault', problem: wordsOf(error), mend: restoreIt });
  }
  if (vault === undefined) findings.remark('no sealed value was looked at, for nothing opens them');
  return vault;
};

/** Whether the keys at hand are the ones of the vault's epoch, in one state: a re-key may go by at any time. */
const epochFits = async (db: Query, findings: Findings): Promise<boolean> => {
  const row = await db.get<{ epoch: number; newest: number | null; count: number }>(
    `select abs(v.epoch) as epoch, (select max(epoch) from keyring where purpose = 'record') as newest,
       (select count(*) from keyring) as count from vault v`,
  );
  findings.count('keyring', row?.count ?? 0);
  if (row === undefined || row.epoch === row.newest) return true;
  const problem = `its epoch is ${row.epoch}, and the newest record key in the keyring is of epoch ${row.newest}`;
  findings.problem({ table: 'vault', problem, mend: restoreIt });
  return false;
};

const checkRekey = async (db: Query, vault: Vault | undefined, findings: Findings): Promise<void> => {
  const rows = await db.all('select id, started_at, sealed from rekey');
  for (const { id, started_at: at, sealed } of rows) {
    const since = isTime(at) ? ` since ${new Date(Number(at)).toISOString()}` : '';
    findings.remark(`a re-key is under way${since}; if it was interrupted, finish it: mobius vault rekey`);
    if (vault === undefined) continue;
    const place = nextRootPlace(vault.id, String(id));
    const root = sealed instanceof Uint8Array ? openBlob(vault.sodium, vault.ring.rootKey(), place, sealed) : undefined;
    if (root !== undefined) vault.sodium.wipe(root);
    // It may have ended since its row was read, and the root key that opened it be the old one.
    else if ((await db.get('select id from rekey where id = $1', [id ?? null])) !== undefined) {
      findings.problem({
        table: 'rekey',
        id: nameOf(id ?? null),
        problem: 'the next root key is damaged',
        mend: restoreIt,
      });
    }
  }
  if (rows.length > 1) findings.problem({ table: 'rekey', problem: 'there is more than one re-key', mend: restoreIt });
};

const checkScrub = async (db: Query, findings: Findings): Promise<void> => {
  const head = await db.get<{ scrub_pending_at: number | null }>('select scrub_pending_at from vault');
  if ((head?.scrub_pending_at ?? null) === null) return;
  findings.remark('what was removed still lies in the log; the next command empties it, when nobody else is reading');
};

const walked = [
  ...sealedTables.map(({ name }) => name),
  'tags',
  'secret_values',
  'audit_marks',
  ...passingTables,
  movesTable,
];

/** Whether it is all here and is used here. */
const checkMove = async (db: Query, findings: Findings): Promise<boolean> => {
  const move = await readMoveIfAny(db);
  if (move === undefined) return true;
  const words = {
    leaving: `it is being moved to "${move.place}", and is only read until that has ended`,
    left: `it was moved to "${move.place}"; this is what it was then`,
    arriving: `it is being moved here from "${move.place}", and is not whole`,
    arrived: `it is being moved here from "${move.place}"`,
  };
  findings.remark(words[move.state] ?? 'it is under way to another place');
  return false;
};

const findMissing = async (db: Query, findings: Findings): Promise<ReadonlySet<string>> => {
  const missing: string[] = [];
  for (const table of walked) if (!(await isThere(db, table))) missing.push(table);
  for (const table of missing) findings.problem({ table, problem: 'the table is missing', mend: restoreIt });
  return new Set(missing);
};

const countRows = async (db: Query): Promise<number> => {
  let total = 0;
  for (const table of walked) {
    try {
      total += (await db.get<{ count: number }>(`select count(*) as count from ${table}`))?.count ?? 0;
    } catch (error) {
      // Only the progress is counted with it; the table is looked at in its turn.
      wordsOf(error);
    }
  }
  return total;
};

/** Everything in an open database: each record, its links and indexes, the audit log, and what holds the keys. */
export const checkContents = async (
  db: Db,
  vault: Vault | undefined,
  { builtInIds }: Pick<Bookkeeping, 'builtInIds'>,
  findings: Findings,
  onProgress: Progress,
): Promise<void> => {
  let fits = true;
  let isUsed = true;
  let missing: ReadonlySet<string> = new Set();
  await attempt(findings, 'file', async () => {
    missing = await findMissing(db, findings);
  });
  await attempt(findings, 'vault', async () => {
    fits = await epochFits(db, findings);
    await checkScrub(db, findings);
    isUsed = await checkMove(db, findings);
  });
  await attempt(findings, 'rekey', () => checkRekey(db, vault, findings));
  const total = await countRows(db);
  let done = 0;
  const view = {
    // The one that follows a re-key would wait for an epoch that never comes, and gives nothing of a vault that has left.
    db: fits && isUsed && !missing.has(movesTable) && vault !== undefined ? vault.db : db,
    vault,
    builtInIds,
    findings,
    missing,
    tick(rows: number) {
      done += rows;
      onProgress(Math.min(done, total), total);
    },
  };
  await checkRecords(view);
  if (!missing.has('audit_log')) await attempt(findings, 'audit_log', () => checkAudit(view));
  for (const { table } of recordTables) findings.count(table.name, 0);
};

/** Looks at everything in a vault, and goes on after whatever is wrong. Others may read and write meanwhile. */
export const checkVault = async (
  world: World,
  place: Place,
  bookkeeping: Pick<Bookkeeping, 'builtInIds'>,
  onProgress: Progress,
): Promise<Report> => {
  const findings = makeFindings();
  let opened: Database;
  try {
    opened = await openDatabase(place.path, { patient: true });
  } catch (error) {
    if (!(error instanceof MobiusError) || error.code !== 'damaged') throw error;
    findings.problem({ table: 'file', problem: error.message, mend: restoreIt });
    return findings.report();
  }
  let vault: Vault | undefined;
  try {
    if (opened.file !== undefined) await checkStructure(opened.file, findings);
    // Nothing is written to a file whose structure is broken, nor where a trigger would do more than was asked for.
    if (findings.report().ok) await attempt(findings, 'migrations', () => migrateVault(world, opened));
    vault = await openForCheck(world, opened, place.keys, findings);
    await checkContents(opened.db, vault, bookkeeping, findings, onProgress);
  } finally {
    await (vault?.db ?? opened.db).close();
  }
  return findings.report();
};
