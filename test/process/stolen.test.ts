import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Machine, newMachine } from './machine.ts';

/** Somebody reads the vault's file, or writes into it. */

let machine: Machine;
const begin = async (): Promise<void> => {
  machine = newMachine();
  await machine.json('vault', 'init');
};
const raw = async (...line: string[]): Promise<string> => {
  const { code, stdout, stderr } = await machine.mobius([...line, '-q']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.trim();
};

describe('who reads it', () => {
  beforeAll(begin);
  afterAll(() => machine.remove());

  const filesBelow = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile());

  test('finds nothing that was typed in, nor a key', async () => {
    // A reader that stays keeps the log from being cleared away: it is searched too.
    const reader = new Database(machine.vault);
    reader.exec('begin; select count(*) from vault');
    const words = {
      project: 'Quokka-Harbour',
      handle: 'quokka-harbour',
      projectDescription: 'wombats at work',
      principal: 'numbat-importer',
      description: 'carries echidnas about',
      metadata: 'platypus-cost-center',
      tagKey: 'marsupial',
      tagValue: 'bandicoot',
      role: 'dunnart-keeper',
      roleDescription: 'feeds the dunnarts',
      action: 'actions.execute.potoroo.feed',
      key: 'bilby-primary',
    };
    await raw('projects', 'create', words.project, '--description', words.projectDescription);
    await raw('roles', 'create', words.role, '--permission', words.action, '--description', words.roleDescription);
    const tag = `${words.tagKey}=${words.tagValue}`;
    const metadata = JSON.stringify({ [words.metadata]: 1 });
    const first = await raw(
      ...['principals', 'create', words.principal, '--description', words.description, '--metadata', metadata],
      ...['--tag', tag, '--role', words.role, '--role', 'Worker', '--with-key'],
    );
    const second = await raw('api-keys', 'create', words.key, '--principal-id', words.principal, '--tag', tag);
    // Whatever is written when a key is used, asked about, refused, changed or revoked.
    expect((await machine.mobius(['whoami'], { env: { MOBIUS_API_KEY: first } })).code).toBe(0);
    expect((await machine.mobius(['api-keys', 'verify', '--key', second])).code).toBe(0);
    const refused = ['principals', 'create', words.role];
    expect((await machine.mobius(refused, { env: { MOBIUS_API_KEY: first } })).code).toBe(4);
    await machine.json('principals', 'update', words.principal, '--description', `${words.description} twice`);
    expect((await machine.mobius(['api-keys', 'revoke', words.key])).code).toBe(0);
    expect((await machine.mobius(['principals', 'list', '--tag', `${words.tagKey}:${words.tagValue}`])).code).toBe(0);

    const files = [machine.dataFolder, machine.work, join(machine.home, '.config')].flatMap(filesBelow);
    expect(files.map((file) => file.slice(machine.dataFolder.length + 1))).toEqual(
      expect.arrayContaining(['vault.db', 'vault.db-wal', 'vault.db-shm']),
    );
    const { id = '' } = await machine.json('principals', 'get', words.principal);
    const held = files.map((file) => ({ file, text: readFileSync(file, 'latin1').toLowerCase() }));
    const where = (text: string): string[] =>
      held.filter((one) => one.text.includes(text.toLowerCase())).map(({ file }) => file);
    // The search finds what is there: ids are not hidden.
    expect(where(id)).not.toEqual([]);
    const typed = { ...words, first, second, firstEnd: first.slice(4, 24), secondEnd: second.slice(-20) };
    const encoded = Object.entries(typed).flatMap(([name, text]) => {
      const bytes = Buffer.from(text);
      const forms = [text, bytes.toString('base64').slice(0, -4), bytes.toString('hex'), [...text].join('\0')];
      return forms.map((form) => ({ name, found: where(form) }));
    });
    expect(encoded.filter(({ found }) => found.length > 0)).toEqual([]);
    reader.close();
  });
});

describe('who writes into it gets no yes', () => {
  beforeEach(begin);
  afterEach(() => machine.remove());

  const edit = (sql: string, ...params: unknown[]): void => {
    const database = new Database(machine.vault);
    expect(database.prepare(sql).run(...params).changes).toBe(1);
    database.close();
  };
  const idOf = async (...line: string[]): Promise<string> => (await machine.json(...line)).id ?? '';

  /** Asked about, and used. */
  const answers = async (key: string) => {
    const verified = await machine.mobius(['api-keys', 'verify', '--key', key]);
    const used = await machine.mobius(['whoami'], { env: { MOBIUS_API_KEY: key } });
    return [verified, used].map(({ code, stdout, stderr }) => ({
      code,
      error: stderr === '' ? undefined : JSON.parse(stderr).error.code,
      valid: stdout === '' ? undefined : JSON.parse(stdout).valid,
    }));
  };
  const damaged = { code: 1, error: 'damaged', valid: undefined };
  const accepted = [
    { code: 0, error: undefined, valid: true },
    { code: 0, error: undefined, valid: undefined },
  ];

  test('by taking a revocation back', async () => {
    await machine.json('principals', 'create', 'worker', '--role', 'Worker');
    const key = await raw('api-keys', 'create', 'ci', '--principal-id', 'worker');
    const id = await idOf('api-keys', 'get', 'ci');
    expect(await answers(key)).toEqual(accepted);
    await machine.mobius(['api-keys', 'revoke', 'ci']);
    expect(await answers(key)).toMatchObject([{ code: 4, valid: false }, { code: 4 }]);
    edit('update api_keys set revoked_at = null where id = ?', id);
    expect(await answers(key)).toEqual([damaged, damaged]);
  });

  test('by putting an expiry off', async () => {
    await machine.json('principals', 'create', 'worker', '--role', 'Worker');
    const key = await raw('api-keys', 'create', 'ci', '--principal-id', 'worker', '--expires-at', '3s');
    const { id = '', expires_at: end = '' } = await machine.json('api-keys', 'get', 'ci');
    await sleep(Math.max(0, Date.parse(end) - Date.now()) + 50);
    expect(await answers(key)).toMatchObject([{ code: 4, valid: false }, { code: 4 }]);
    edit('update api_keys set expires_at = expires_at + 86400000 where id = ?', id);
    expect(await answers(key)).toEqual([damaged, damaged]);
    edit('update api_keys set expires_at = null where id = ?', id);
    expect(await answers(key)).toEqual([damaged, damaged]);
  });

  test('by switching a key or its principal on again', async () => {
    await machine.json('principals', 'create', 'worker', '--role', 'Worker');
    const key = await raw('api-keys', 'create', 'ci', '--principal-id', 'worker');
    const worker = await idOf('principals', 'update', 'worker', '--state', 'disabled');
    edit('update principals set disabled_at = null where id = ?', worker);
    expect(await answers(key)).toEqual([damaged, damaged]);
  });

  test('by pointing a key at another principal', async () => {
    await machine.json('principals', 'create', 'viewer', '--role', 'Viewer');
    const boss = await idOf('principals', 'create', 'boss', '--role', 'Owner');
    const key = await raw('api-keys', 'create', 'ci', '--principal-id', 'viewer');
    edit('update api_keys set principal_id = ? where id = ?', boss, await idOf('api-keys', 'get', 'ci'));
    expect(await answers(key)).toEqual([damaged, damaged]);
  });

  test("by copying somebody's role", async () => {
    const viewer = await idOf('principals', 'create', 'viewer', '--role', 'Viewer');
    const boss = await idOf('principals', 'create', 'boss', '--role', 'Owner');
    const key = await raw('api-keys', 'create', 'ci', '--principal-id', 'viewer');
    edit(
      `insert into role_assignments
       select substr(id, 1, length(id) - 1) || case substr(id, -1) when '0' then '1' else '0' end,
              project_id, ?, role_id, granted_by, created_at, sealed
       from role_assignments where principal_id = ?`,
      viewer,
      boss,
    );
    expect(await answers(key)).toEqual([damaged, damaged]);
    const may = await machine.mobius(['can', 'viewer', 'mobius.access.manage', '-q']);
    expect(may.code).not.toBe(0);
  });

  test('by renaming a row', async () => {
    const viewer = await idOf('principals', 'create', 'viewer', '--role', 'Viewer');
    const key = await raw('api-keys', 'create', 'ci', '--principal-id', 'viewer');
    expect(await answers(key)).toEqual(accepted);
    edit('update role_assignments set id = ? where principal_id = ?', 'ras_01kdwhnx00f0000000000000zz', viewer);
    expect(await answers(key)).toEqual([damaged, damaged]);
  });

  test('by giving a key another hash', async () => {
    await machine.json('principals', 'create', 'viewer', '--role', 'Viewer');
    await machine.json('principals', 'create', 'boss', '--role', 'Owner');
    const key = await raw('api-keys', 'create', 'ci', '--principal-id', 'viewer');
    const mine = await idOf('api-keys', 'get', 'ci');
    await raw('api-keys', 'create', 'boss', '--principal-id', 'boss');
    const theirs = await idOf('api-keys', 'get', 'boss');
    const database = new Database(machine.vault);
    const { hash } = database.prepare('select key_hash as hash from api_keys where id = ?').get(mine) as {
      hash: Buffer;
    };
    database.close();
    edit("update api_keys set key_hash = x'00' where id = ?", mine);
    edit('update api_keys set key_hash = ? where id = ?', hash, theirs);
    expect(await answers(key)).toEqual([damaged, damaged]);
  });
});
