import { auditLog, linkOf, macOf } from '../store/audit.ts';
import type { Row } from '../store/db.ts';
import type { Store } from '../store/table.ts';
import { nameOf, restoreIt, type View, whyDamaged } from './check-records.ts';
import type { Vault } from './open.ts';
import { pages } from './pages.ts';
import { wordsOf } from './report.ts';

const table = 'audit_log';
const mend = `${restoreIt}; the records themselves are not touched by it`;

const same = (one: unknown, other: Uint8Array): boolean =>
  one instanceof Uint8Array && Buffer.compare(one, other) === 0;

/** The row that stands at the end of what was looked at. */
interface Last {
  seq: number;
  hash: unknown;
}

/** Its seal and its MAC: together they tell that the row is what was written. */
const checkRow = ({ findings }: View, vault: Vault, store: Store, row: Row): void => {
  const id = nameOf(row.id ?? null);
  try {
    const { clear, plain, free } = auditLog.open(store, row);
    if (same(free.mac, macOf(store, id, clear, plain))) return;
    findings.problem({ table, id, problem: 'its MAC is not the one of what stands in it', mend });
  } catch (error) {
    findings.problem({ table, id, problem: whyDamaged(vault, row, wordsOf(error)), mend });
  }
};

const checkPlace = ({ findings }: View, store: Store | undefined, row: Row, last: Last): void => {
  const id = nameOf(row.id ?? null);
  const seq = row.seq as number;
  if (seq > last.seq + 1) {
    const gap = seq === last.seq + 2 ? `row ${seq - 1} is missing` : `rows ${last.seq + 1} to ${seq - 1} are missing`;
    findings.problem({ table, id, problem: `${gap} before it`, mend });
    return;
  }
  const before = last.seq === 0 ? undefined : last.hash;
  // The row before has no hash to go on from, and was named for it.
  if (store === undefined || (last.seq > 0 && !(before instanceof Uint8Array))) return;
  const mac = row.mac instanceof Uint8Array ? row.mac : new Uint8Array();
  if (same(row.hash, linkOf(store, before as Uint8Array | undefined, seq, id, mac))) return;
  findings.problem({ table, id, problem: `it is not linked to the row before it (its number is ${seq})`, mend });
};

/** Rows that count for nothing, because no number puts them into the chain. */
const checkUnchained = async ({ db, findings }: View): Promise<void> => {
  const most = Number.MAX_SAFE_INTEGER;
  const rows = await db.all(
    `select id from ${table} where seq is null or not (seq >= 1 and seq <= ${most}) order by id limit 100`,
  );
  for (const { id } of rows) {
    findings.problem({ table, id: nameOf(id ?? null), problem: 'it has no place in the chain', mend });
  }
};

/** Every row, from the first to the last: numbers without a gap, seals, MACs, and the link of each to the one before. */
export const checkAudit = async (view: View): Promise<void> => {
  const { db, findings, vault, tick } = view;
  const store = vault && { db, sealer: vault.sealer };
  let last: Last = { seq: 0, hash: undefined };
  const read = pages(
    db,
    { table, key: 'seq' },
    (tx, first, end) =>
      tx.all(`select t.* from ${table} t where t.seq >= $1 and t.seq <= $2 order by t.seq`, [first, end]),
    (seq, words) => {
      findings.problem({ table, problem: `row ${nameOf(seq)} can't be read: ${words}`, mend });
      if (typeof seq === 'number') last = { seq, hash: undefined };
    },
  );
  for await (const rows of read) {
    for (const row of rows) {
      if (vault !== undefined && store !== undefined) checkRow(view, vault, store, row);
      // Another type sorts behind all numbers, and what is no whole number between them.
      if (typeof row.seq !== 'number' || !Number.isSafeInteger(row.seq) || row.seq < 1) continue;
      checkPlace(view, store, row, last);
      last = { seq: row.seq, hash: row.hash };
    }
    findings.count(table, rows.length);
    tick(rows.length);
  }
  await checkUnchained(view);
  if (last.seq === 0)
    findings.problem({ table, problem: 'it is empty, and no vault is made without its first row', mend });
};
