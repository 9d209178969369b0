import type { Call } from '../../src/operations.ts';
import type { Finding } from '../../src/store/audit-walk.ts';
import type { Db, Row, Value } from '../../src/store/db.ts';
import type { TestVault } from './world.ts';

/** All that a vault keeps of its audit log, as it is stored. */
export interface Log {
  entries: Row[];
  marks: Row[];
}

export const readLog = (db: Db): Promise<Log> =>
  db.tx('read', async (tx) => ({
    entries: await tx.all('select * from audit_log order by seq'),
    marks: await tx.all('select * from audit_marks order by id'),
  }));

/** Puts this in the place of all that is there, with nothing checked. */
export const writeLog = (db: Db, { entries, marks }: Log): Promise<void> =>
  db.tx('write', async (tx) => {
    for (const [table, rows] of Object.entries({ audit_log: entries, audit_marks: marks })) {
      await tx.run(`delete from ${table}`);
      for (const row of rows) {
        const names = Object.keys(row);
        const places = names.map((_, at) => `$${at + 1}`);
        await tx.run(
          `insert into ${table} (${names.join(', ')}) values (${places.join(', ')})`,
          names.map((name) => row[name] as Value),
        );
      }
    }
  });

/** So many entries at least, of several people and kinds. */
export const fillLog = async ({ owner, client, clock }: TestVault, count: number): Promise<void> => {
  const { call } = await client(`admin ${clock.now}`, ['Admin']);
  for (let n = 0; n < count; n++) {
    clock.now += 1_000;
    if (n % 3 === 0) await owner('projects.update', { id: 'default', name: `name ${clock.now}` });
    else if (n % 3 === 1) await call('secrets.create', { name: `secret-${clock.now}`, values: { key: `fake-${n}` } });
    else await call('principals.create', { name: `principal ${clock.now}` });
  }
};

export interface Verified {
  checked: number;
  findings: Finding[];
}

/** The whole log, in stretches of so many. */
export const verifyAll = async (call: Call, limit: number): Promise<Verified> => {
  const sum: Verified = { checked: 0, findings: [] };
  let cursor: string | undefined;
  do {
    const stretch = await call('audit-logs.verify', { limit, ...(cursor === undefined ? {} : { cursor }) });
    sum.checked += stretch.checked;
    sum.findings.push(...stretch.findings);
    cursor = stretch.next_cursor;
  } while (cursor !== undefined);
  return sum;
};

export const entryAt = ({ entries }: Log, seq: number): Row => {
  const found = entries.find((row) => row.seq === seq);
  if (found === undefined) throw new Error(`there is no entry ${seq}`);
  return found;
};

/** Another value of the same kind. */
export const other = (value: Value | undefined): Value => {
  if (value instanceof Uint8Array) return value.map((byte, at) => (at === value.length - 1 ? byte ^ 1 : byte));
  if (typeof value === 'number') return value + 1;
  return `${value ?? ''}x`;
};

export const cut = (log: Log, first: number, count = 1): void => {
  log.entries = log.entries.filter(({ seq }) => Number(seq) < first || Number(seq) >= first + count);
};

/** Numbers all anew in the order in which they stand. */
export const renumber = (log: Log): void => {
  for (const [at, row] of log.entries.entries()) row.seq = at + 1;
};

/** A copy of one under an id of its own. */
export const copyOf = (log: Log, seq: number, to: number | null): Row => ({
  ...entryAt(log, seq),
  id: `aud_${'0'.repeat(25)}${seq % 10}`,
  seq: to,
});

export const pushIn = (log: Log, row: Row, before: number): void => {
  log.entries.splice(before - 1, 0, row);
  renumber(log);
};

/** The rows change their numbers; `whole`: their links too, so that each number keeps its own. */
export const swap = (log: Log, one: number, two: number, whole = false): void => {
  const [first, second] = [entryAt(log, one), entryAt(log, two)];
  const { hash } = first;
  if (whole) Object.assign(first, { hash: second.hash });
  if (whole) Object.assign(second, { hash });
  first.seq = two;
  second.seq = one;
};

/** Takes one out, and puts it in again where the row of that number stands then. */
export const carry = (log: Log, from: number, to: number): void => {
  const row = entryAt(log, from);
  log.entries = log.entries.filter((one) => one !== row);
  log.entries.splice(to - 1, 0, row);
  renumber(log);
};

export const columns = [
  'id',
  'project_id',
  'action',
  'resource_type',
  'resource_id',
  'principal_id',
  'credential_id',
  'created_at',
  'sealed',
  'mac',
  'hash',
] as const;

/** Its kind, and where: `seq` or `seq-through_seq`. */
export type Said = string;

export const said = ({ kind, seq, through_seq: through }: Finding): Said => {
  if (seq === undefined) return kind;
  return through === undefined || through === seq ? `${kind} ${seq}` : `${kind} ${seq}-${through}`;
};
