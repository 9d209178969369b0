import { idsWithoutPlace, type Mark, markOf, noHash, rowsAfter } from '../store/audit.ts';
import { endFindings, type Finding, strayFinding, type Walk, walkFrom } from '../store/audit-walk.ts';
import type { Query } from '../store/db.ts';
import type { Store } from '../store/table.ts';
import { nameOf, restoreIt, type View, whyDamaged } from './check-records.ts';
import { headEpoch } from './keyring.ts';
import { pages } from './pages.ts';
import { wordsOf } from './report.ts';

const table = 'audit_log';
const mend = `${restoreIt}; the records themselves are not touched by it`;

const isPlace = (seq: unknown): seq is number => Number.isSafeInteger(seq) && (seq as number) >= 1;

/** What the vault wrote of the log's end or beginning; told where that is not what it wrote. */
const markIn = async (view: View, store: Store, name: 'head' | 'checkpoint'): Promise<Mark | undefined> => {
  try {
    return await markOf(store, name);
  } catch (error) {
    view.findings.problem({ table: 'audit_marks', id: name, problem: wordsOf(error), mend });
    return undefined;
  }
};

const takeRest = async (db: Query, follow: Walk): Promise<void> => {
  for (;;) {
    const rows = await rowsAfter({ db }, follow.place.seq, 200);
    for (const row of rows) follow.take(row);
    if (rows.length === 0) return;
  }
};

/** Every row, from the first to the last: numbers without a gap, seals, MACs, the link of each to the one before, the end. */
export const checkAudit = async (view: View): Promise<void> => {
  const { db, findings, vault, tick } = view;
  const store = vault && { db, sealer: vault.sealer };
  const tell = ({ id, seq, problem }: Finding): void => {
    const place = id ?? (seq === undefined ? undefined : `entry ${seq}`);
    findings.problem({ table, ...(place === undefined ? {} : { id: place }), problem, mend });
  };
  const checkpoint = store && (await markIn(view, store, 'checkpoint'));
  const begins = { seq: checkpoint?.seq ?? 0, hash: checkpoint?.hash ?? noHash, pushed: 0 };
  const follow = walkFrom(store, begins, vault && ((row, words) => whyDamaged(vault, row, words)));
  const read = pages(
    db,
    { table, key: 'seq' },
    (tx, first, end) =>
      tx.all(`select t.* from ${table} t where t.seq >= $1 and t.seq <= $2 order by t.seq`, [first, end]),
    (seq, words) => {
      if (isPlace(seq)) follow.skip(seq, `entry ${seq} can't be read: ${words}`);
      else findings.problem({ table, problem: `row ${nameOf(seq)} can't be read: ${words}`, mend });
    },
  );
  for await (const rows of read) {
    for (const row of rows) {
      if (!isPlace(row.seq)) continue;
      if (row.seq <= begins.seq) tell(strayFinding(row));
      else follow.take(row);
    }
    for (const finding of follow.taken()) tell(finding);
    findings.count(table, rows.length);
    tick(rows.length);
  }
  const marks = (await db.get<{ count: number }>('select count(*) as count from audit_marks'))?.count ?? 0;
  findings.count('audit_marks', marks);
  // What was written meanwhile is behind the end of a moment ago, and before the one of now.
  const [head, faultless] = await db.tx('read', async (tx) => {
    await takeRest(tx, follow);
    const before = findings.report().problems.length;
    const mark = store && (await markIn(view, { ...store, db: tx }, 'head'));
    return [mark, findings.report().problems.length === before];
  });
  follow.end(head?.hash);
  for (const finding of follow.taken()) tell(finding);
  for (const id of await idsWithoutPlace({ db }, 100)) {
    findings.problem({ table, id: nameOf(id), problem: 'it has no place in the chain', mend });
  }
  if (follow.place.seq === 0) {
    findings.problem({ table, problem: 'it is empty, and no vault is made without its first row', mend });
    return;
  }
  if (head !== undefined) for (const finding of endFindings(head, follow.place)) tell(finding);
  else if (faultless && (vault?.ring.keys().auditEpoch ?? 0) >= headEpoch) {
    findings.problem({ table: 'audit_marks', id: 'head', problem: 'what says where the log ends is gone', mend });
  }
};
