import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { catalogue, presets } from '../../src/core/catalogue.ts';
import { formatKey } from '../../src/core/key-format.ts';
import { makeVault, minute, outcome, type TestVault } from '../core/world.ts';
import { postgresPrograms } from '../store/postgres.ts';
import { newDatabase, noPostgres } from '../store/postgres-shared.ts';

/** The files as a thief copies them, in a process of its own: a descriptor closed in this one would drop its locks. */
const stolen = (vault: TestVault, name: string): Buffer => {
  const loot = join(vault.folder, name);
  mkdirSync(loot);
  const copy = `const { copyFileSync, existsSync } = require('fs');
    for (const end of ['', '-wal', '-shm']) {
      const from = process.argv[1] + end;
      if (existsSync(from)) copyFileSync(from, process.argv[2] + '/vault.db' + end);
    }`;
  const { status, stderr } = spawnSync(process.execPath, ['-e', copy, vault.path, loot], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  return Buffer.concat(readdirSync(loot).map((file) => readFileSync(join(loot, file))));
};

const swapped = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();

/** The text as it could lie in a file; of base64 what stands the same whatever lies before and after. */
const spellings = (text: string): Buffer[] => {
  const bytes = Buffer.from(text);
  const base64 = [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]);
    return ['base64', 'base64url'].map((kind) =>
      whole.toString(kind as 'base64').slice(before === 0 ? 0 : before + 1, Math.floor((whole.length * 8) / 6)),
    );
  });
  return [
    bytes,
    Buffer.from(text, 'utf16le'),
    swapped(text),
    Buffer.from(bytes.toString('hex')),
    Buffer.from(bytes.toString('hex').toUpperCase()),
    Buffer.from([...bytes].reverse()),
    ...base64.map((one) => Buffer.from(one)),
  ];
};

const foundIn = (loot: Buffer, texts: Iterable<string>): string[] =>
  [...texts].filter((text) => spellings(text).some((spelling) => loot.includes(spelling)));

/** Says everything that can be said to a vault: all of it, and what may be read, which shows that the right place is looked in. */
const writeAll = async (vault: TestVault): Promise<{ written: ReadonlySet<string>; readable: readonly string[] }> => {
  const written = new Set<string>();
  const say = (text: string): string => {
    written.add(text);
    return text;
  };
  const project = say('quokka-holdings');
  const tags = { [say('wombat-level')]: say('platypus-seven'), [say('echidna:colon')]: say('numbat*value') };
  const { owner } = vault;

  await owner('projects.create', {
    name: say('Quokka & Söhne AG'),
    handle: project,
    description: say('burrowing in Perth'),
  });
  const permissions = [say('actions.execute.flamingo.dance'), say('actions.execute.pelican.*'), 'mobius.secrets.use'];
  await owner('roles.create', {
    project,
    name: say('Chief Feeder'),
    permissions,
    description: say('feeds them all'),
    tags,
  });
  const made = await owner('principals.create', {
    project,
    name: say('keeper-of-quokkas'),
    description: say('lives in the shed\nbehind the house'),
    metadata: { [say('favourite')]: { [say('deeper-still')]: [say('eucalyptus'), 12345678901] } },
    role_ids: [say('chief feeder').replace('chief', 'Chief'), 'Admin'],
    tags,
    with_key: { name: say('first key of the shed') },
  });
  const first = made.api_key;
  await owner('principals.create', { project, name: say('Ünïcödé 日本語のなまえ'), owner_id: made.id });
  const second = await owner('api-keys.create', {
    project,
    name: say('zweiter Schlüssel'),
    principal_id: made.id,
    prefix: 'wallaby_',
    tags,
  });
  for (const key of [first, second]) {
    say(key?.key ?? '');
    say(key?.key.slice(4, -6) ?? '');
    say(key?.key_prefix ?? '');
    say(`"${key?.key_suffix}"`);
  }
  say('12345678901');
  say('svc:keeper-of-quokkas');

  const call = vault.as(first?.key ?? '');
  await call('principals.list', { project, tag: [say('wombat-level:platypus-seven'), 'echidna:colon:*'] });
  await call('principals.create', { project, name: say('made by a keeper'), role_ids: ['Viewer'] });
  await call('principals.update', {
    project,
    id: 'made by a keeper',
    description: say('then described anew'),
    role_ids: [],
  });
  await call('principals.delete', { project, id: 'made by a keeper' });
  await call('roles.create', { project, name: say('short lived role'), permissions: ['mobius.project.view'] });
  await call('roles.delete', { project, id: 'short lived role' });
  await call('api-keys.update', {
    project,
    id: 'zweiter Schlüssel',
    tags: { [say('changed-tag')]: say('changed-value') },
  });
  await owner('api-keys.verify', { project, key: second.key, permission: 'actions.execute.flamingo.dance' });
  await call('api-keys.revoke', { project, id: 'zweiter Schlüssel' });
  const never = say(formatKey('emu_', new Uint8Array(32).fill(99)));
  await outcome(vault.as(never)('auth.whoami', {}));
  await outcome(vault.as(second.key)('auth.whoami', {}));
  await outcome(owner('principals.get', { project, id: say('somebody asked about') }));
  await outcome(call('projects.create', { name: say('refused project') }));
  vault.clock.now += minute;
  await vault.core.settle();
  await owner('secrets.create', {
    project,
    name: say('vault/of/bamboo'),
    values: { [say('bamboo_password')]: say('plainly-a-fake-value-of-bamboo') },
    description: say('opens the bamboo shed'),
    tags: { [say('bamboo-tag')]: say('bamboo-level') },
  });
  await owner('secrets.update', {
    project,
    secret: 'vault/of/bamboo',
    values: { bamboo_password: say('its fake successor') },
  });
  const [lent] = (await call('tokens.create', { project, name: say('lent to a panda'), request_limit: 7 })).items;
  say(lent?.token ?? '');
  say(lent?.token.split('.')[2] ?? '');
  await owner('users.create', { email: say('panda@bamboo.example'), password: say('a-fake-password-of-pandas') });
  await owner('projects.create', { name: say('Doomed venture') });
  await owner('projects.archive', { id: 'doomed-venture' });
  await owner('projects.delete', { id: say('doomed-venture') });

  say(readFileSync(vault.place.keys.defaultKeyFile(vault.vault.id), 'utf8').trim());
  for (const { id } of catalogue) say(id);
  for (const { permissions: all } of presets) for (const one of all) say(one);
  expect(written.size).toBeGreaterThan(50);
  return { written, readable: [made.id, 'roles.create', 'refusal'] };
};

test('nothing that a person wrote, and no key, can be read in a stolen file', async () => {
  const vault = await makeVault();
  try {
    const { written, readable } = await writeAll(vault);
    const open = stolen(vault, 'open');
    expect(existsSync(join(vault.folder, 'open', 'vault.db-wal'))).toBe(true);
    expect(foundIn(open, readable)).toEqual(readable);
    expect(foundIn(open, written)).toEqual([]);

    await vault.vault.db.close();
    const closed = stolen(vault, 'closed');
    expect(readdirSync(join(vault.folder, 'closed'))).toEqual(['vault.db']);
    expect(foundIn(closed, readable)).toEqual(readable);
    expect(foundIn(closed, written)).toEqual([]);
  } finally {
    await vault.close();
  }
});

test.skipIf(noPostgres() !== undefined)('nor in a dump of the database', async () => {
  const address = await newDatabase();
  const vault = await makeVault(address);
  try {
    const { written, readable } = await writeAll(vault);
    const dump = spawnSync(join(postgresPrograms() ?? '', 'pg_dump'), ['--inserts', address], { maxBuffer: 1 << 28 });
    expect(String(dump.stderr)).toBe('');
    // Bytes stand as hexadecimal digits there.
    const bytes = [...String(dump.stdout).matchAll(/\\x([0-9a-f]+)/g)].map(([, hex = '']) => Buffer.from(hex, 'hex'));
    expect(bytes.length).toBeGreaterThan(50);
    const loot = Buffer.concat([dump.stdout, ...bytes]);
    expect(foundIn(loot, readable)).toEqual(readable);
    expect(foundIn(loot, written)).toEqual([]);
  } finally {
    await vault.close();
  }
});

test('a spelling of each kind would be found', () => {
  const text = 'keeper-of-quokkas';
  const lies = (spelled: Buffer | string): string[] =>
    foundIn(Buffer.concat([Buffer.from('..'), Buffer.from(spelled), Buffer.from('..')]), [text]);
  const base64 = [0, 1, 2, 3].map((before) => Buffer.from(`${'x'.repeat(before)}${text}yy`).toString('base64'));
  const hidden = [text, Buffer.from(text, 'utf16le'), swapped(text), Buffer.from(text).toString('hex'), ...base64];
  for (const spelled of hidden) expect(lies(spelled), `${spelled}`).toEqual([text]);
  expect(lies('keeper-of-quokka')).toEqual([]);
});

test('what is found by a hash has another one in every vault, project and field', async () => {
  const vaults = [await makeVault(), await makeVault()];
  try {
    const seen: string[] = [];
    for (const vault of vaults) {
      for (const project of ['default', 'other']) {
        if (project === 'other') await vault.owner('projects.create', { name: 'Other' });
        const tags = { same: 'same' };
        await vault.owner('roles.create', { project, name: 'same', permissions: ['mobius.project.view'], tags });
        const input = { project, name: 'same', role_ids: ['same'], tags, with_key: {} };
        await vault.owner('principals.create', input);
      }
      const hashes = vault.rows<{ hash: Buffer }>(
        `select handle_index as hash from projects union all select name_index from principals
         union all select name_index from roles union all select name_index from api_keys
         union all select key_hash from api_keys
         union all select distinct tag_index from tags union all select distinct key_index from tags`,
      );
      seen.push(...hashes.map(({ hash }) => hash.toString('hex')));
    }
    expect(seen).toHaveLength(2 * (2 + 2 + 2 + 2 + 2 + 2 + 2));
    expect(new Set(seen).size).toBe(seen.length);
  } finally {
    for (const vault of vaults) await vault.close();
  }
});
