import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { createLocal, openLocal } from '../../src/calls/local.ts';
import { formatKey, parseKey } from '../../src/core/key-format.ts';
import { uuidSource } from '../../src/uuid.ts';
import { createVault } from '../../src/vault/create.ts';
import { adoptNextKey, prepareNextKey } from '../../src/vault/key-file.ts';
import { listKeyslots } from '../../src/vault/keyslots.ts';
import type { Place, World } from '../../src/vault/open.ts';
import { vaultStatus } from '../../src/vault/status.ts';
import { unlock } from '../../src/vault/unlock.ts';
import { outcome, owner, refusal } from '../core/world.ts';

const root = mkdtempSync(join(tmpdir(), 'mobius-vault-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const world: World = { now: () => Date.now(), newUuid: uuidSource(Date.now, (bytes) => crypto.getRandomValues(bytes)) };
let folders = 0;
let folder: string;
let place: Place;
beforeEach(() => {
  folder = join(root, `${folders++}`);
  place = {
    path: join(folder, 'data', 'vault.db'),
    keys: { defaultKeyFile: (id) => join(folder, 'config', `${id}.key`) },
  };
});

/** A vault that a key file opens. */
const create = async (to: World, at: Place): Promise<{ id: string; keyFile: string }> => {
  const { id, keyFile = '' } = await createLocal(to, at);
  return { id, keyFile };
};

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const open = (sources: Partial<Place['keys']> = {}, sodium?: string) =>
  openLocal(
    sodium === undefined ? world : { ...world, sodium },
    { ...place, keys: { ...place.keys, ...sources } },
    owner,
  );
const opened = async (sources: Partial<Place['keys']> = {}, sodium?: string): Promise<string> => {
  const local = await open(sources, sodium);
  try {
    expect((await local.call('projects.list', {})).items.map(({ handle }) => handle)).toEqual(['default']);
    return local.vault.unlocked.source;
  } finally {
    await local.close();
  }
};
const otherKey = formatKey('mbv_', new Uint8Array(32).fill(3));

describe('a new vault', () => {
  test('has its file and its key file, each the owner’s alone, and nothing else', async () => {
    const { id, keyFile } = await create(world, place);
    expect(keyFile).toBe(join(folder, 'config', `${id}.key`));
    expect(readdirSync(dirname(place.path))).toEqual(['vault.db']);
    expect(readdirSync(dirname(keyFile))).toEqual([`${id}.key`]);
    if (process.platform !== 'win32') {
      expect([place.path, keyFile].map(mode)).toEqual(['600', '600']);
      expect([place.path, keyFile].map((path) => mode(dirname(path)))).toEqual(['700', '700']);
    }
    expect(parseKey(readFileSync(keyFile, 'utf8').trim())).toMatchObject({ ok: true, prefix: 'mbv_' });
    expect(await opened()).toBe(`key file "${keyFile}"`);
  });

  test('never takes the place of another, nor its key file', async () => {
    const { keyFile } = await create(world, place);
    const [file, key] = [readFileSync(place.path), readFileSync(keyFile)];
    const error = await refusal(create(world, place));
    expect([error.code, error.message]).toEqual(['already_exists', `there is a vault at "${place.path}" already`]);
    const elsewhere = { path: join(folder, 'other.db'), keys: { ...place.keys, keyFile } };
    const taken = await refusal(create(world, elsewhere));
    expect([taken.code, taken.message]).toEqual(['already_exists', `the key file "${keyFile}" exists already`]);
    expect(existsSync(elsewhere.path)).toBe(false);
    expect(readFileSync(place.path).equals(file)).toBe(true);
    expect(readFileSync(keyFile).equals(key)).toBe(true);
  });

  test('is not made beside the log of one that is gone', async () => {
    await create(world, place);
    rmSync(place.path);
    writeFileSync(`${place.path}-wal`, 'left over');
    const error = await refusal(create(world, place));
    expect([error.code, error.message]).toEqual(['conflict', `"${place.path}-wal" is left of a vault that is gone`]);
    expect(existsSync(place.path)).toBe(false);
  });

  test('is not there when the making of it failed', async () => {
    const fail = createVault(world, place, { kind: 'key-file' }, async () => {
      throw new Error('no more');
    });
    await expect(fail).rejects.toThrow('no more');
    expect([readdirSync(join(folder, 'data')), readdirSync(join(folder, 'config'))]).toEqual([[], []]);
    await create(world, place);
    await opened();
  });

  test('of five at once one is made and the others are told', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => outcome(create(world, place))));
    expect(all.map(({ code }) => code).sort()).toEqual([...Array(4).fill('already_exists'), undefined]);
    expect(readdirSync(join(folder, 'data'))).toEqual(['vault.db']);
    expect(readdirSync(join(folder, 'config'))).toHaveLength(1);
    await opened();
  });

  test('is opened by either binding of libsodium', async () => {
    await create({ ...world, sodium: 'wasm' }, place);
    for (const sodium of ['wasm', undefined]) await opened({}, sodium);
    expect((await refusal(open({}, 'rot13'))).code).toBe('usage');
  });
});

const fromEnvironment = (text: string) => ({ source: 'MOBIUS_VAULT_KEY', read: async () => text });

describe('the key that is given', () => {
  test('is the first that is there, and is not passed over when it fails', async () => {
    const { keyFile } = await create(world, place);
    const key = readFileSync(keyFile, 'utf8');
    const wrong = join(folder, 'wrong.key');
    writeFileSync(wrong, `${otherKey}\n`);
    expect(await opened({ key: fromEnvironment(` ${key}\n`) })).toBe('MOBIUS_VAULT_KEY');
    expect(await opened({ keyFile, key: fromEnvironment(otherKey) })).toBe(`key file "${keyFile}"`);
    for (const [sources, message] of [
      [{ keyFile: wrong }, `key file "${wrong}" doesn't open this vault`],
      [{ keyFile: wrong, key: fromEnvironment(key) }, `key file "${wrong}" doesn't open this vault`],
      [{ key: fromEnvironment(otherKey) }, "MOBIUS_VAULT_KEY doesn't open this vault"],
      [{ key: fromEnvironment('') }, 'MOBIUS_VAULT_KEY holds no vault key'],
      [{ key: fromEnvironment(key.trim().slice(0, -1)) }, 'MOBIUS_VAULT_KEY holds no vault key'],
      [{ key: fromEnvironment(formatKey('mbx_', new Uint8Array(32))) }, 'MOBIUS_VAULT_KEY holds no vault key'],
      [{ key: fromEnvironment(`${key.trim()}.default`) }, 'MOBIUS_VAULT_KEY holds no vault key'],
      [{ keyFile: join(folder, 'none.key') }, `there is no key file "${join(folder, 'none.key')}"`],
      [
        { keyFile: join(folder, 'none.key'), key: fromEnvironment(key) },
        `there is no key file "${join(folder, 'none.key')}"`,
      ],
      [{ keyFile: folder }, undefined],
    ] as const) {
      const error = await refusal(open(sources));
      expect(error.code).toBe('locked');
      if (message !== undefined) expect(error.message).toBe(message);
      expect(JSON.stringify([error.message, error.details, error.hint])).not.toContain(otherKey.slice(4));
      expect(JSON.stringify([error.message, error.details, error.hint])).not.toContain(key.slice(4, 40));
    }
  });

  test('is missing: locked, and the words to say where it is', async () => {
    const { keyFile } = await create(world, place);
    rmSync(keyFile);
    const error = await refusal(open());
    expect(error.code).toBe('locked');
    expect(error.message).toBe(`the vault is locked: its key file "${keyFile}" is not there`);
    expect(error.hint).toBe('name what opens it: --key-file PATH or MOBIUS_VAULT_KEY_FILE');
  });

  test('of another vault opens nothing', async () => {
    await create(world, place);
    const other = { ...place, path: join(folder, 'other.db') };
    const { keyFile } = await create(world, other);
    expect((await refusal(open({ keyFile }))).code).toBe('locked');
  });
});

describe('status', () => {
  test('tells of a vault, locked or not', async () => {
    const { id, keyFile } = await create(world, place);
    const status = await vaultStatus(world, place);
    expect(status).toMatchObject({
      id,
      format: 1,
      path: place.path,
      unlockedBy: `key file "${keyFile}"`,
      lockedBecause: undefined,
      records: { projects: 1, principals: 0, roles: 0, api_keys: 0, audit_log: 2 },
    });
    expect(status.keyslots).toEqual([
      { id: expect.stringMatching(/^slot_/), kind: 'key-file', createdAt: expect.any(Number), inUse: true },
    ]);
    rmSync(keyFile);
    expect(await vaultStatus(world, place)).toMatchObject({ unlockedBy: undefined, lockedBecause: { code: 'locked' } });
  });

  test('of no vault', async () => {
    expect((await refusal(vaultStatus(world, place))).code).toBe('not_initialised');
    mkdirSync(place.path, { recursive: true });
    expect((await refusal(vaultStatus(world, place))).code).toBe('not_initialised');
  });
});

describe('what was edited in', () => {
  const edit = (sql: string, ...params: unknown[]): void => {
    const file = new Sqlite(place.path);
    try {
      file.pragma('foreign_keys = off');
      for (const one of sql.split(';')) file.prepare(one).run(...params);
    } finally {
      file.close();
    }
  };

  const wrongs: [string, string, string | undefined][] = [
    ['the vault’s id', "update vault set id = 'vlt_00000000000000000000000000'", 'locked'],
    ['the vault’s id, to null', 'update vault set id = null', 'damaged'],
    ['a time of the vault that is none', 'update vault set created_at = 9e15', 'damaged'],
    ['a format that is a fraction', 'update vault set format = 0.5', 'damaged'],
    ['a later format', 'update vault set format = 2', 'unsupported'],
    ['a format that is no number', "update vault set format = 'one'", 'damaged'],
    ['no vault row', 'delete from vault', 'damaged'],
    ['a slot’s id', "update keyslots set id = 'slot_00000000000000000000000000'", 'locked'],
    ['a slot’s kind', "update keyslots set kind = 'passphrase'", 'locked'],
    ['a slot’s parameters', `update keyslots set params = '{"a":1}'`, 'locked'],
    ['a slot’s time', 'update keyslots set created_at = created_at + 1', 'locked'],
    ['a slot’s blob, emptied', "update keyslots set sealed = x''", 'locked'],
    ['a slot’s id, to null', 'update keyslots set id = null', 'damaged'],
    ['a slot’s time that is none', "update keyslots set created_at = 'then'", 'damaged'],
    ['a slot’s blob, a number', 'update keyslots set sealed = 1', 'damaged'],
    ['a slot’s blob, a text', "update keyslots set sealed = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'", 'damaged'],
    [
      'a slot’s blob, one of the keyring',
      'update keyslots set sealed = (select sealed from keyring limit 1)',
      'locked',
    ],
    ['no slot', 'delete from keyslots', 'locked'],
    [
      'a second slot that nothing opens',
      "insert into keyslots values ('slot_0', 'key-file', '{}', 1, zeroblob(99))",
      undefined,
    ],
    ['a key’s blob, emptied', "update keyring set sealed = x'' where purpose = 'audit'", 'damaged'],
    [
      'a key’s blob, another’s',
      "update keyring set sealed = (select sealed from keyring where purpose = 'index') where purpose = 'audit'",
      'damaged',
    ],
    ['a key’s blob, a text', "update keyring set sealed = 'text'", 'damaged'],
    ['a key’s purpose', "update keyring set purpose = 'other' where purpose = 'audit'", 'damaged'],
    [
      'two keys’ purposes',
      "update keyring set purpose = 'x' where purpose = 'index'; update keyring set purpose = 'index' where purpose = 'key-hash'; update keyring set purpose = 'key-hash' where purpose = 'x'",
      'damaged',
    ],
    ['a key’s epoch', "update keyring set epoch = 2 where purpose = 'record'", 'damaged'],
    [
      'a later epoch of a key',
      "insert into keyring select purpose, 2, sealed from keyring where purpose = 'key-hash'",
      'damaged',
    ],
    ['an epoch that is a fraction', "update keyring set epoch = 1.5 where purpose = 'record'", 'damaged'],
    ...['record', 'index', 'key-hash', 'audit'].map((purpose): [string, string, string] => [
      `no ${purpose} key`,
      `delete from keyring where purpose = '${purpose}'`,
      'damaged',
    ]),
    ['no keys', 'delete from keyring', 'damaged'],
    ['a migration of a later version', 'insert into migrations values (99, 1)', 'unsupported'],
    ['no migration', 'delete from migrations', 'internal'],
    ['no table of keys', 'drop table keyring', 'internal'],
  ];

  test.each(wrongs)('%s', async (_, sql, code) => {
    await create(world, place);
    edit(sql);
    if (code === undefined) {
      await opened();
      return;
    }
    const key = readFileSync(join(folder, 'config', readdirSync(join(folder, 'config'))[0] ?? ''), 'utf8');
    expect((await refusal(open({ key: fromEnvironment(key) }))).code).toBe(code);
    // And nothing stays open or locked behind it.
    const file = new Sqlite(place.path);
    file.exec('begin exclusive; rollback');
    file.close();
  });

  test('the file of another vault, with the key of this one', async () => {
    const { keyFile } = await create(world, place);
    const other = { ...place, path: join(folder, 'other.db') };
    await create(world, other);
    writeFileSync(place.path, readFileSync(other.path));
    expect((await refusal(open({ keyFile }))).code).toBe('locked');
  });

  test('rows of one vault in another', async () => {
    await create(world, place);
    const other = { ...place, path: join(folder, 'other.db') };
    await create(world, other);
    edit(`attach '${other.path}' as other; delete from projects; insert into projects select * from other.projects`);
    const local = await open();
    expect((await refusal(local.call('projects.list', {}))).code).toBe('damaged');
    expect((await refusal(local.call('projects.get', { id: 'default' }))).code).toBe('not_found');
    await local.close();
  });

  test('noise', async () => {
    const { keyFile } = await create(world, place);
    const whole = readFileSync(place.path);
    const codes = new Set<string | undefined>();
    for (let at = 0; at < whole.length; at += 1_777) {
      const torn = Buffer.from(whole);
      torn.fill(0x5a, at, at + 24);
      writeFileSync(place.path, torn);
      const { code } = await outcome(
        opened({ keyFile }).catch((error) => {
          if (error.name === 'AssertionError') return 'fewer';
          throw error;
        }),
      );
      codes.add(code);
    }
    for (const code of codes)
      expect([undefined, 'damaged', 'locked', 'not_initialised', 'internal', 'not_found', 'unsupported']).toContain(
        code,
      );
    expect(codes.has('damaged')).toBe(true);
  });
});

test('a key file that can’t be read', async () => {
  const { keyFile } = await create(world, place);
  rmSync(keyFile);
  mkdirSync(keyFile);
  const error = await refusal(open());
  expect([error.code, error.message]).toEqual(['locked', expect.stringContaining(`"${keyFile}" can't be read`)]);
});

test('a key that becomes the key file while it is looked for opens the vault', async () => {
  const { id, keyFile } = await create(world, place);
  const right = readFileSync(keyFile, 'utf8');
  const local = await open();
  const { sodium, db } = local.vault;
  const slots = await listKeyslots(db);
  await local.close();
  // As a re-key leaves them for a moment: the key of before in the file, that of today beside it.
  writeFileSync(keyFile, `${otherKey}\n`);
  prepareNextKey(keyFile);
  const next = readdirSync(dirname(keyFile)).find((name) => name !== `${id}.key`) ?? '';
  writeFileSync(join(dirname(keyFile), next), right);
  let looked = 0;
  const meanwhile = new Proxy(sodium, {
    get(target, name) {
      if (looked++ === 0) adoptNextKey(keyFile);
      return Reflect.get(target, name);
    },
  });
  await unlock(meanwhile, id, slots, { keyFile, defaultKeyFile: () => keyFile });
  expect(looked).toBeGreaterThan(0);
});
