import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { setMark } from '../../src/store/audit.ts';
import type { Finding } from '../../src/store/audit-walk.ts';
import type { Row } from '../../src/store/db.ts';
import {
  carry,
  columns,
  copyOf,
  cut,
  entryAt,
  fillLog,
  type Log,
  other,
  pushIn,
  readLog,
  renumber,
  said,
  swap,
  verifyAll,
  writeLog,
} from './tampering.ts';
import { makeVault, type TestVault } from './world.ts';

describe('whatever is done', () => {
  let vault: TestVault;
  let whole: Log;
  beforeAll(async () => {
    vault = await makeVault();
    await fillLog(vault, 20);
    whole = await readLog(vault.vault.db);
  });
  afterAll(() => vault.close());

  /** The first so many entries, as if they had been all. */
  const logOf = async (length: number): Promise<Log> => {
    const entries = whole.entries.slice(0, length);
    await writeLog(vault.vault.db, { entries, marks: [] });
    const { hash, created_at } = entries.at(-1) as Row;
    const mark = { seq: length, hash: new Uint8Array(hash as Uint8Array), made_at: Number(created_at) };
    await vault.vault.db.tx('write', (db) => setMark({ db, sealer: vault.vault.sealer }, 'head', mark));
    return structuredClone(await readLog(vault.vault.db));
  };

  const edits: readonly ((log: Log, one: number, two: number) => void)[] = [
    ...columns.map((column) => (log: Log, seq: number) => {
      const row = entryAt(log, seq);
      row[column] = other(row[column]);
    }),
    (log, seq) => Object.assign(entryAt(log, seq), { hash: null }),
    (log, seq) => Object.assign(entryAt(log, seq), { seq: null }),
    cut,
    (log, first) => cut(log, first, log.entries.length),
    (log, seq) => {
      cut(log, seq);
      renumber(log);
    },
    (log, from, before) => pushIn(log, { ...copyOf(log, from, 0), id: `aud_${from}_${log.entries.length}` }, before),
    (log, one, two) => swap(log, one, two),
    (log, one, two) => swap(log, one, two, true),
    carry,
    ...['seq', 'hash', 'made_at', 'mac'].map((column) => (log: Log) => {
      for (const mark of log.marks) mark[column] = other(mark[column]);
    }),
    (log) => {
      log.marks = [];
    },
  ];

  const text = (row: Row | undefined): string =>
    JSON.stringify(row, (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value));

  /** The first number that holds another row than before, or none. */
  const firstTouched = (before: Log, after: Log): number | undefined => {
    const most = Math.max(before.entries.length, ...after.entries.map(({ seq }) => Number(seq)));
    for (let seq = 1; seq <= most; seq++) {
      const [was, is] = [before, after].map(({ entries }) => text(entries.find((row) => row.seq === seq)));
      if (was !== is) return seq;
    }
    return undefined;
  };

  const edit = fc.record({
    what: fc.nat(edits.length - 1),
    one: fc.double({ noNaN: true, min: 0, max: 0.999 }),
    two: fc.double({ noNaN: true, min: 0, max: 0.999 }),
  });

  test('the first place that was touched is found, none before it, and none where nothing was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 16 }), fc.array(edit, { maxLength: 2 }), async (length, chosen) => {
        const before = await logOf(length);
        const after = structuredClone(before);
        for (const { what, one, two } of chosen) {
          const numbers = after.entries.flatMap(({ seq }) => (typeof seq === 'number' ? [seq] : []));
          const [from, to] = [one, two].map((part) => numbers[Math.floor(part * numbers.length)]);
          if (from !== undefined && to !== undefined) edits[what]?.(after, from, to);
        }
        await writeLog(vault.vault.db, after);
        const touched = firstTouched(before, after);
        const isMarked = text({ marks: before.marks } as never) !== text({ marks: after.marks } as never);
        for (let limit = 1; limit <= length; limit++) {
          const { findings } = await verifyAll(vault.owner, limit);
          const covers = ({ seq = 0, through_seq: through = seq }: Finding): boolean =>
            touched !== undefined && seq <= touched && through >= touched;
          const seen = { limit, finds: findings.map(said) };
          const placed = findings.filter(({ seq }) => seq !== undefined);
          // Where nothing says where the log ends, that it ends too early is not known.
          const isKnown = !isMarked || after.entries.some(({ seq }) => Number(seq) >= (touched ?? 0));
          if (touched !== undefined && isKnown) {
            expect({ ...seen, touched, is: findings.some(covers) }).toMatchObject({ is: true });
          }
          expect({ ...seen, touched, early: placed.filter(({ seq = 0 }) => seq < (touched ?? 1e9)) }).toMatchObject({
            early: [],
          });
          expect({ ...seen, any: findings.length > 0 }).toMatchObject({ any: touched !== undefined || isMarked });
        }
      }),
      { numRuns: 300 },
    );
  }, 120_000);
});
