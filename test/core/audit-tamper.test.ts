import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { coreOver } from '../../src/calls/local.ts';
import type { AuditAnchor } from '../../src/generated/types.ts';
import type { Row } from '../../src/store/db.ts';
import { openVault } from '../../src/vault/open.ts';
import { engines } from '../store/postgres-shared.ts';
import { check } from '../vault/keeping.ts';
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
  type Said,
  said,
  swap,
  verifyAll,
  writeLog,
} from './tampering.ts';
import { makeVault, owner, refusal, type TestVault } from './world.ts';

interface Case {
  edit(log: Log): void;
  finds: readonly Said[];
  /** What `vault check` says of it where that is in words of its own. */
  checked?: RegExp;
}

const size = 119;
const middle = 60;

const changed = Object.fromEntries(
  columns.flatMap((column) =>
    [1, middle, size].map((seq): [string, Case] => [
      `a changed ${column} of entry ${seq}`,
      {
        edit: (log) => Object.assign(entryAt(log, seq), { [column]: other(entryAt(log, seq)[column]) }),
        finds: [`changed ${seq}`],
      },
    ]),
  ),
);

const headOf = ({ marks }: Log): Row => marks.find(({ id }) => id === 'head') as Row;
const noEnd = { finds: ['changed'], checked: /no sound end|is gone/ };
const noPlace = { finds: ['inserted'], checked: /no place in the chain/ };

const cases: Readonly<Record<string, Case>> = {
  ...changed,
  'an entry that holds what another holds': {
    edit: (log) => {
      const { action, sealed, mac } = entryAt(log, 20);
      Object.assign(entryAt(log, middle), { action, sealed, mac });
    },
    finds: [`changed ${middle}`],
  },
  'a link that is gone': {
    edit: (log) => Object.assign(entryAt(log, middle), { hash: null }),
    finds: [`changed ${middle}`],
  },
  'two changed entries next to each other': {
    edit: (log) => {
      for (const seq of [middle, middle + 1]) Object.assign(entryAt(log, seq), { action: 'roles.get' });
    },
    finds: [`changed ${middle}`, `changed ${middle + 1}`],
  },
  'the first entry dropped': { edit: (log) => cut(log, 1), finds: ['removed 1'] },
  'one in the middle dropped': { edit: (log) => cut(log, middle), finds: [`removed ${middle}`] },
  'the last one dropped': { edit: (log) => cut(log, size), finds: [`cut_off ${size}`] },
  'twenty dropped': { edit: (log) => cut(log, 40, 20), finds: ['removed 40-59'] },
  'several dropped': {
    edit: (log) => {
      for (const seq of [10, 30, 31, 90]) cut(log, seq);
    },
    finds: ['removed 10', 'removed 30-31', 'removed 90'],
  },
  'all dropped': { edit: (log) => cut(log, 1, size), finds: [`cut_off 1-${size}`], checked: /it is empty/ },
  'one dropped and the others renumbered': {
    edit: (log) => {
      cut(log, middle);
      renumber(log);
    },
    finds: [`removed ${middle}`],
  },
  'the first two dropped and the others renumbered': {
    edit: (log) => {
      cut(log, 1, 2);
      renumber(log);
    },
    finds: ['removed 1'],
  },
  'three dropped and the others renumbered': {
    edit: (log) => {
      cut(log, middle, 3);
      renumber(log);
    },
    finds: [`removed ${middle}`],
  },
  'a copy pushed in, the others renumbered': {
    edit: (log) => pushIn(log, copyOf(log, 20, 0), middle),
    finds: [`inserted ${middle}`],
  },
  'a copy pushed in before all others': {
    edit: (log) => pushIn(log, copyOf(log, 20, 0), 1),
    finds: ['inserted 1'],
  },
  'two copies pushed in next to each other': {
    edit: (log) => {
      pushIn(log, copyOf(log, 20, 0), middle);
      pushIn(log, copyOf(log, 21, 0), middle);
    },
    finds: [`inserted ${middle}-${middle + 1}`],
  },
  // The one behind it was linked to what is gone.
  'one dropped and a copy in its place': {
    edit: (log) => {
      const copy = copyOf(log, 20, middle);
      cut(log, middle);
      log.entries.push(copy);
    },
    finds: [`changed ${middle}`, `moved ${middle + 1}`],
  },
  'a copy behind the last one': {
    edit: (log) => log.entries.push(copyOf(log, 20, size + 1)),
    finds: [`changed ${size + 1}`, `inserted ${size + 1}`],
  },
  // The numbers between it and the end were never given away: that they were not can't be told there.
  'a copy far behind the last one': {
    edit: (log) => log.entries.push(copyOf(log, 20, size + 50)),
    finds: [`removed ${size + 1}-${size + 49}`, `changed ${size + 50}`, `inserted ${size + 1}-${size + 50}`],
  },
  'a copy without a number': { edit: (log) => log.entries.push(copyOf(log, 20, null)), ...noPlace },
  'a copy of number 0': { edit: (log) => log.entries.push(copyOf(log, 20, 0)), ...noPlace },
  'a copy of a number below 0': { edit: (log) => log.entries.push(copyOf(log, 20, -5)), ...noPlace },
  // The entry behind two that changed places is linked to the second of them, and can't be told from them.
  'two neighbours that changed places': {
    edit: (log) => swap(log, middle, middle + 1),
    finds: [`moved ${middle}-${middle + 2}`],
  },
  'the first two that changed places': { edit: (log) => swap(log, 1, 2), finds: ['moved 1-3'] },
  'two far apart that changed places': { edit: (log) => swap(log, 20, 90), finds: ['moved 20-21', 'moved 90-91'] },
  'two that changed places with their links': {
    edit: (log) => swap(log, 20, 90, true),
    finds: ['moved 20', 'moved 90'],
  },
  'neighbours that changed places with their links': {
    edit: (log) => swap(log, middle, middle + 1, true),
    finds: [`moved ${middle}-${middle + 1}`],
  },
  'three turned backwards': {
    edit: (log) => swap(log, middle, middle + 2),
    finds: [`moved ${middle}-${middle + 3}`],
  },
  // Where one was taken out is told before it is known that it comes later.
  'one of three put last': {
    edit: (log) => carry(log, middle, middle + 2),
    finds: [`removed ${middle}`, `moved ${middle + 2}-${middle + 3}`],
  },
  'one of three put first': { edit: (log) => carry(log, middle + 2, middle), finds: [`moved ${middle}-${middle + 3}`] },
  'one carried far back': { edit: (log) => carry(log, 20, 90), finds: ['removed 20', 'moved 90-91'] },
  'the last one cut off': { edit: (log) => cut(log, size), finds: [`cut_off ${size}`] },
  'the last fifty cut off': { edit: (log) => cut(log, size - 49, 50), finds: [`cut_off ${size - 49}-${size}`] },
  'the last fifty cut off with what says so': {
    edit: (log) => {
      cut(log, size - 49, 50);
      log.marks = [];
    },
    ...noEnd,
  },
  'the last one cut off and the one before called the end': {
    edit: (log) => {
      cut(log, size);
      const { seq, hash, created_at: made_at } = entryAt(log, size - 1);
      Object.assign(headOf(log), { seq, hash, made_at });
    },
    ...noEnd,
  },
  'what says where the log ends gone': {
    edit: (log) => {
      log.marks = [];
    },
    ...noEnd,
  },
  ...Object.fromEntries(
    ['id', 'seq', 'hash', 'made_at', 'mac'].map((column): [string, Case] => [
      `a changed ${column} of what says where the log ends`,
      { edit: (log) => Object.assign(headOf(log), { [column]: other(headOf(log)[column]) }), ...noEnd },
    ]),
  ),
};

/** Over a server each of many statements is a way there and back. */
const ofServer = Object.entries(cases).filter(([name]) => !Object.hasOwn(changed, name) || name.endsWith(` ${middle}`));

describe.each(engines())('in %s', (engine, place) => {
  const isFile = engine === 'a file';
  let vault: TestVault;
  let whole: Log;
  let middling: Log;
  let anchor: AuditAnchor;
  beforeAll(async () => {
    vault = await makeVault(await place());
    await fillLog(vault, 70);
    middling = await readLog(vault.vault.db);
    await fillLog(vault, size - middling.entries.length - 2);
    whole = await readLog(vault.vault.db);
    anchor = await vault.owner('audit-logs.anchor', {});
    expect(whole.entries).toHaveLength(size);
  }, 60_000);
  afterAll(() => vault.close());

  const problems = async (): Promise<string[]> =>
    (await check(vault.world, vault.place)).problems.map(({ id, problem }) => `${id ?? ''}: ${problem}`);

  test('a log that nobody touched has nothing wrong with it, in stretches of any size', async () => {
    for (let limit = isFile ? 1 : 7; limit <= size + 1; limit += limit < 10 ? 1 : 9) {
      expect(await verifyAll(vault.owner, limit)).toEqual({ checked: size, findings: [] });
    }
    expect(await problems()).toEqual([]);
    expect(await vault.owner('audit-logs.compare', { anchors: [anchor] })).toEqual({
      compared: 1,
      not_comparable: 0,
      findings: [],
    });
  });

  test.each(isFile ? Object.entries(cases) : ofServer)('%s', async (_, { edit, finds, checked }) => {
    const log = structuredClone(whole);
    edit(log);
    await writeLog(vault.vault.db, log);
    try {
      for (const limit of isFile ? [59, 7, 1] : [59]) {
        const { findings } = await verifyAll(vault.owner, limit);
        expect({ limit, finds: findings.map(said) }).toEqual({ limit, finds });
      }
      const { findings } = await verifyAll(vault.owner, 2000);
      const seen = await problems();
      if (checked !== undefined) expect(seen.join('\n')).toMatch(checked);
      for (const { id, problem } of checked === undefined ? findings : []) {
        expect(seen.some((one) => one.endsWith(problem) || (id !== undefined && one.startsWith(id)))).toBe(true);
      }
    } finally {
      await writeLog(vault.vault.db, whole);
    }
  });

  test('an end put back from an older copy, with the entries of then, shows against an anchor alone', async () => {
    await writeLog(vault.vault.db, middling);
    try {
      expect((await verifyAll(vault.owner, 50)).findings).toEqual([]);
      expect(await problems()).toEqual([]);
      const { findings } = await vault.owner('audit-logs.compare', { anchors: [anchor] });
      expect(findings.map(said)).toEqual([`cut_off ${middling.entries.length + 1}-${size}`]);
    } finally {
      await writeLog(vault.vault.db, whole);
    }
  });

  test('an older end over the entries of now is one too early', async () => {
    await writeLog(vault.vault.db, { ...whole, marks: middling.marks });
    try {
      const first = middling.entries.length + 1;
      expect((await verifyAll(vault.owner, 50)).findings.map(said)).toEqual([`inserted ${first}-${size}`]);
      expect((await problems()).join()).toContain(`entries ${first} to ${size} are behind the end`);
    } finally {
      await writeLog(vault.vault.db, whole);
    }
  });

  test('nothing is built upon an end that was cut off or is not the one that the vault wrote', async () => {
    const ends: Record<string, (log: Log) => void> = {
      'cut off': (log) => cut(log, size),
      'no end': (log) => {
        log.marks = [];
      },
      'another link': (log) => Object.assign(entryAt(log, size), { hash: other(entryAt(log, size).hash) }),
    };
    for (const [name, edit] of Object.entries(ends)) {
      const log = structuredClone(whole);
      edit(log);
      await writeLog(vault.vault.db, log);
      const { code } = await refusal(vault.owner('projects.update', { id: 'default', name: 'Never' }));
      const { message } = await refusal(vault.owner('audit-logs.anchor', {}));
      expect({ name, code, message }).toMatchObject({ name, code: 'damaged', message: /^the audit log / });
      expect((await readLog(vault.vault.db)).entries).toHaveLength(log.entries.length);
      await writeLog(vault.vault.db, whole);
    }
    expect((await vault.owner('projects.get', { id: 'default' })).name).not.toBe('Never');
  });
});

test('a whole older copy of the file shows against an anchor alone', async () => {
  const vault = await makeVault();
  try {
    await fillLog(vault, 5);
    const path = `${vault.path}.older`;
    await vault.vault.file?.copyTo(path);
    const { last_seq: then } = await vault.owner('audit-logs.verify', {});
    const before = await vault.owner('audit-logs.anchor', {});
    await fillLog(vault, 9);
    const anchor = await vault.owner('audit-logs.anchor', {});

    const place = { ...vault.place, path };
    expect((await check(vault.world, place)).ok).toBe(true);
    const older = await openVault(vault.world, place);
    const call = coreOver(vault.world, older).as(owner);
    expect((await verifyAll(call, 3)).findings).toEqual([]);
    const { compared, findings } = await call('audit-logs.compare', { anchors: [before, anchor] });
    expect({ compared, finds: findings.map(said) }).toEqual({
      compared: 1,
      finds: [`cut_off ${then + 1}-${anchor.seq}`],
    });
    expect(findings[0]?.problem).toContain(anchor.made_at);
    await older.db.close();
  } finally {
    await vault.close();
  }
});
