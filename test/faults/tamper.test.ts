import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bookkeepingOf, createLocal, openLocal } from '../../src/calls/local.ts';
import { MobiusError } from '../../src/errors.ts';
import type { Call } from '../../src/operations.ts';
import { useSecrets } from '../../src/use/resolve.ts';
import { checkVault } from '../../src/vault/check.ts';
import type { Place } from '../../src/vault/open.ts';
import type { Report } from '../../src/vault/report.ts';
import { world } from './machine.ts';

const folder = mkdtempSync(join(tmpdir(), 'mobius-tamper-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const original = join(folder, 'original.db');
const keyFile = join(folder, 'vault.key');
const placeOf = (path: string): Place => ({ path, keys: { keyFile, defaultKeyFile: () => keyFile } });

const owned = async <T>(path: string, work: (call: Call) => Promise<T>): Promise<T> => {
  const { call, close } = await openLocal(world, placeOf(path), { kind: 'owner' });
  try {
    return await work(call);
  } finally {
    await close();
  }
};

const keys = { good: '', revoked: '' };

const furnish = async (call: Call): Promise<void> => {
  await call('roles.create', { name: 'Own', permissions: ['mobius.keys.verify'], tags: { a: 'b' } });
  for (const name of ['one', 'two', 'three']) {
    await call('principals.create', { name, role_ids: ['Worker', 'Own'], tags: { t: name } });
  }
  keys.good = (await call('api-keys.create', { name: 'good', principal_id: 'one', tags: { k: 'v' } })).key;
  keys.revoked = (await call('api-keys.create', { name: 'revoked', principal_id: 'two' })).key;
  await call('api-keys.create', { name: 'third', principal_id: 'three' });
  await call('api-keys.revoke', { id: 'revoked' });
  await call('secrets.create', { name: 'first', values: { key: 'fake-1' }, tags: { k: 'v' } });
  await call('secrets.create', { name: 'second', values: { key: 'fake-2' } });
};

const withoutLastUse = (answer: unknown): unknown =>
  JSON.parse(JSON.stringify(answer ?? null, (name, value) => (name === 'last_used_at' ? undefined : value)));

const questions: Readonly<Record<string, (call: Call) => Promise<unknown>>> = {
  'verify the good key': (call) => call('api-keys.verify', { key: keys.good }),
  'verify the revoked key': (call) => call('api-keys.verify', { key: keys.revoked }),
  'list the secrets': (call) => call('secrets.list', {}),
  'list the versions of a secret': (call) => call('secrets.list-versions', { secret: 'first' }),
  'use a secret': (call) =>
    useSecrets(async () => ({ call, project: 'default', close: async () => undefined }), {
      texts: { value: '${secret:first.key}' },
      secrets: [],
    }),
  'list the keys': (call) => call('api-keys.list', {}),
  'list the keys by tag': (call) => call('api-keys.list', { tag: ['k:v'] }),
  'list the keys that work': (call) => call('api-keys.list', { state: 'active' }),
  'list the principals': (call) => call('principals.list', { include_disabled: true }),
  'list the roles': (call) => call('roles.list', {}),
  'list the assignments': (call) => call('roles.list-assignments', {}),
  'get a principal by its name': (call) => call('principals.get', { id: 'two' }),
  'get a key by its name': (call) => call('api-keys.get', { id: 'good' }),
  'get a role by its name': (call) => call('roles.get', { id: 'own' }),
  'may one verify': (call) => call('permissions.check', { principal_id: 'one', permission: 'mobius.keys.verify' }),
};

/** What was answered, or the refusal. Whatever is no MobiusError goes on and fails the test. */
type Answer = { output: unknown; error?: undefined } | { error: MobiusError };

const answered = async (work: () => Promise<unknown>): Promise<Answer> => {
  try {
    return { output: withoutLastUse(await work()) };
  } catch (error) {
    if (error instanceof MobiusError) return { error };
    throw error;
  }
};

/** The answer to each question; the refusal of the vault itself is the answer to all. */
const ask = async (path: string): Promise<Map<string, Answer>> => {
  const answers = new Map<string, Answer>();
  const opened = await answered(() =>
    owned(path, async (call) => {
      for (const [question, put] of Object.entries(questions)) answers.set(question, await answered(() => put(call)));
    }),
  );
  if (opened.error !== undefined) answers.set('the vault', opened);
  return answers;
};

const checked = (path: string): Promise<Report> =>
  checkVault(world, placeOf(path), bookkeepingOf(world), () => undefined);

let truth: Map<string, Answer>;
let file: Buffer;
beforeAll(async () => {
  await createLocal(world, placeOf(original));
  await owned(original, furnish);
  truth = await ask(original);
  file = readFileSync(original);
  expect(existsSync(`${original}-wal`)).toBe(false);
  expect((await checked(original)).problems).toEqual([]);
});

const spelled = (value: unknown): string => JSON.stringify(value);

/** The truth, or a part of it: items of a list are missing, or something is not found that is there. */
const isPartOf = (truth: unknown, answer: unknown): boolean => {
  if (spelled(truth) === spelled(answer)) return true;
  if (Array.isArray(truth) && Array.isArray(answer)) {
    return answer.every((item) => truth.some((one) => isPartOf(one, item)));
  }
  if (typeof truth !== 'object' || typeof answer !== 'object' || truth === null || answer === null) return false;
  const [is, said] = [truth as Record<string, unknown>, answer as Record<string, unknown>];
  if (said.valid === false && 'valid' in is) return true;
  if (said.allowed === false && is.allowed === true) return true;
  return Object.keys(said).every((name) => name in is && isPartOf(is[name], said[name]));
};

/** Refusals that say that something is wrong with the file; any other is an answer that must be told to be false. */
const loud = ['damaged', 'locked', 'not_initialised', 'unsupported', 'internal'];
const quiet = ['not_found', 'unauthorized'];

const isLoud = (error: MobiusError): boolean =>
  loud.includes(error.code) && (error.code !== 'internal' || fromEngine(error));

/** `internal` is for what the engine says of a file, never for a fault of ours. */
const fromEngine = ({ cause }: MobiusError): boolean =>
  cause instanceof Error && 'code' in cause && /^SQLITE_/.test(String(cause.code));

/** What is false or wrong among the answers; and whether some of the truth is held back without a word. */
const judge = (answers: ReadonlyMap<string, Answer>): { wrong: unknown[]; silent: string[] } => {
  const wrong: unknown[] = [];
  const silent: string[] = [];
  for (const [question, answer] of answers) {
    const is = truth.get(question);
    if (answer.error !== undefined) {
      const { code, message } = answer.error;
      if (quiet.includes(code)) silent.push(question);
      else if (!isLoud(answer.error)) wrong.push({ question, code, message });
    } else if (is === undefined || is.error !== undefined || !isPartOf(is.output, answer.output)) {
      wrong.push({ question, answer: answer.output });
    } else if (spelled(is.output) !== spelled(answer.output)) silent.push(question);
  }
  return { wrong, silent };
};

const seen = { quietly: 0, loudly: 0, unchanged: 0 };

const expectNothingFalse = async (path: string, what: string): Promise<void> => {
  const answers = await ask(path);
  const { wrong, silent } = judge(answers);
  expect(wrong, what).toEqual([]);
  const refused = [...answers.values()].some(({ error }) => error !== undefined && isLoud(error));
  seen[silent.length > 0 ? 'quietly' : refused ? 'loudly' : 'unchanged'] += 1;
  if (silent.length > 0 && !refused) expect((await checked(path)).ok, `${what}: not told: ${silent}`).toBe(false);
};

const copy = join(folder, 'copy.db');
const removeCopy = (): void => {
  for (const name of readdirSync(folder)) if (name.startsWith('copy.db')) rmSync(join(folder, name));
};

const flipped = async (at: number, mask: number): Promise<void> => {
  removeCopy();
  const bytes = Buffer.from(file);
  bytes.writeUInt8(bytes.readUInt8(at) ^ mask, at);
  writeFileSync(copy, bytes);
  await expectNothingFalse(copy, `byte ${at} with ${mask}`);
};

/** The same positions in every run: mulberry32. */
const randoms = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
};

const sample = process.env.CI ? 1_000 : 400;

test(`${sample} flipped bytes anywhere in the file`, { timeout: 900_000 }, async () => {
  const random = randoms(1);
  // Most of the file is empty, and no answer rests on that.
  const written = [...file.keys()].filter((at) => file[at] !== 0);
  for (let i = 0; i < sample; i++) {
    const at = i % 4 === 0 ? random() % file.length : (written[random() % written.length] ?? 0);
    await flipped(at, 1 + (random() % 255));
  }
  process.stdout.write(`of ${sample} flips: ${JSON.stringify(seen)}\n`);
  expect(seen.loudly).toBeGreaterThan(sample / 10);
});

const rowsOf = <R>(sql: string): R[] => {
  const db = new Sqlite(original, { readonly: true });
  try {
    return db.prepare(sql).all() as R[];
  } finally {
    db.close();
  }
};

test.each([
  { what: 'the row of the good key', sql: 'select sealed from api_keys where revoked_at is null order by id limit 1' },
  { what: 'the row of the revoked key', sql: 'select sealed from api_keys where revoked_at is not null' },
  { what: 'the keyslot', sql: 'select sealed from keyslots' },
])('every byte of what is sealed in $what', { timeout: 300_000 }, async ({ sql }) => {
  const [{ sealed } = { sealed: Buffer.alloc(0) }] = rowsOf<{ sealed: Buffer }>(sql);
  const begin = file.indexOf(sealed);
  expect([sealed.length > 60, begin > 0]).toEqual([true, true]);
  const before = seen.loudly + seen.quietly;
  for (let at = begin; at < begin + sealed.length; at++) await flipped(at, 0x01 << (at % 8));
  // Not one of them goes unseen.
  expect(seen.loudly + seen.quietly - before).toBe(sealed.length);
});

/** With the file alone: any SQL, and no constraint that is checked. */
const edited = (work: (db: Sqlite.Database) => void): void => {
  removeCopy();
  copyFileSync(original, copy);
  const db = new Sqlite(copy);
  try {
    db.pragma('foreign_keys = off');
    work(db);
  } finally {
    db.close();
  }
};

const tables = [
  'projects',
  'principals',
  'roles',
  'role_assignments',
  'api_keys',
  'secrets',
  'secret_versions',
  'audit_log',
];

test.each(['principals', 'role_assignments', 'api_keys', 'secrets', 'secret_versions', 'audit_log', 'keyring'])(
  'what is sealed in two rows of %s changes places',
  async (table) => {
    edited((db) => {
      const [one, other] = db.prepare(`select rowid as at, sealed from ${table} limit 2`).all() as {
        at: number;
        sealed: Buffer;
      }[];
      const set = db.prepare(`update ${table} set sealed = ? where rowid = ?`);
      set.run(other?.sealed, one?.at);
      set.run(one?.sealed, other?.at);
    });
    await expectNothingFalse(copy, table);
    const { problems } = await checked(copy);
    expect(problems.filter((one) => one.table === table)).toHaveLength(2);
  },
);

test.each(tables)('a row of another vault in the place of one of %s', async (table) => {
  removeCopy();
  const other = join(folder, `other-${table}.db`);
  const theirs = { ...placeOf(other), keys: { defaultKeyFile: () => join(folder, `other-${table}.key`) } };
  await createLocal(world, theirs);
  const { call, close } = await openLocal(world, theirs, { kind: 'owner' });
  const mine = { ...keys };
  await furnish(call).finally(close);
  Object.assign(keys, mine);
  edited((db) => {
    db.exec(`attach '${other}' as theirs; delete from ${table}; insert into ${table} select * from theirs.${table}`);
  });
  await expectNothingFalse(copy, table);
  const { problems } = await checked(copy);
  expect(problems.filter((one) => one.table === table).length).toBeGreaterThan(0);
});

test('another vault does not open with the keyslots of this one', async () => {
  const other = join(folder, 'victim.db');
  const theirs = { ...placeOf(other), keys: { defaultKeyFile: () => join(folder, 'victim.key') } };
  await createLocal(world, theirs);
  const db = new Sqlite(other);
  db.exec(`attach '${original}' as mine; delete from keyslots; insert into keyslots select * from mine.keyslots`);
  db.close();
  await expect(openLocal(world, placeOf(other), { kind: 'owner' })).rejects.toMatchObject({ code: 'locked' });
});

/**
 * A whole row as it once was opens as it did then: nothing in one file tells that it is an old one. SECURITY.md says so.
 * This holds what really happens, so that a change of it is seen.
 */
test('an older state of one row in its place is taken for the row', async () => {
  removeCopy();
  copyFileSync(original, copy);
  const rows = (work: (db: Sqlite.Database) => unknown): unknown => {
    const db = new Sqlite(copy);
    try {
      return work(db);
    } finally {
      db.close();
    }
  };
  const select = 'select * from api_keys where id = ?';
  const { id } = await owned(copy, (call) => call('api-keys.get', { id: 'good' }));
  const older = rows((db) => db.prepare(select).get(id)) as Record<string, unknown>;
  await owned(copy, (call) => call('api-keys.revoke', { id }));
  const verify = (): Promise<unknown> => owned(copy, (call) => call('api-keys.verify', { key: keys.good }));
  expect(await verify()).toMatchObject({ valid: false, code: 'REVOKED' });
  rows((db) => {
    const sets = Object.keys(older).map((name) => `${name} = @${name}`);
    db.prepare(`update api_keys set ${sets.join(', ')} where id = @id`).run(older);
  });
  expect(await verify()).toMatchObject({ valid: true });
  expect((await checked(copy)).problems).toEqual([]);
});

test('nothing that was opened is left open', () => {
  if (process.platform !== 'linux') return;
  const open = readdirSync('/proc/self/fd').map((name) => {
    try {
      return readlinkSync(join('/proc/self/fd', name));
    } catch {
      return '';
    }
  });
  expect(open.filter((path) => path.startsWith(folder))).toEqual([]);
});
