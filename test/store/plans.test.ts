import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { coreOver, createLocal } from '../../src/calls/local.ts';
import type { Core } from '../../src/core/core.ts';
import { formatKey } from '../../src/core/key-format.ts';
import type { Call, Input } from '../../src/operations.ts';
import { uuidSource } from '../../src/uuid.ts';
import { openVault, type Place, type Vault, type World } from '../../src/vault/open.ts';
import { outcome } from '../core/world.ts';
import { bigTables, fill } from './million.ts';
import { explaining, type Planned, problemsOf } from './plans.ts';
import { dropDatabase, newDatabase, noPostgres, rowsOf } from './postgres-shared.ts';

/** What is asked all day reads by an index, and no more than it answers, in a vault with a million keys. */

const reason = noPostgres();
/** A page is 50 rows, what is removed at once 500. */
const mostRows = 1_000;
const password = 'a-fake-password';
const absent = formatKey('mob_', new Uint8Array(32).fill(99));

/** Ways to ask for entries. Nobody can open those that only fill the table, which is told when they were read. */
const entries: Readonly<Record<string, Input<'audit-logs.list'>>> = {
  'all there is': {},
  'one kind of thing': { resource_type: 'secret' },
  'one thing': { resource_id: `key_7${'0'.repeat(20)}1ffff` },
  'one action': { action: 'secrets.create' },
  'what is done to one kind': { action: 'secrets.*' },
  'what one did': { principal_id: 'prin_00000000000000000000000000' },
  'a time': { created_after: '2026-06-01T12:00:00Z', created_before: '2026-06-01T12:00:01Z' },
  'a time long ago': { created_before: '2020-01-01T00:00:00Z' },
  'what comes after': { after_seq: 300 },
  'a page': { cursor: btoa('1780315200000.500') },
};

interface Scene {
  address: string;
  folder: string;
  clock: { now: number };
  vault: Vault;
  core: Core;
  owner: Call;
  planned: Planned[];
  isBig: (table: string) => boolean;
}

const makeScene = async (): Promise<Scene> => {
  const address = await newDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'mobius-plans-'));
  const clock = { now: Date.parse('2026-06-01T12:00:00Z') };
  const world: World = {
    now: () => clock.now,
    newUuid: uuidSource(
      () => clock.now,
      (bytes) => crypto.getRandomValues(bytes),
    ),
  };
  const place: Place = { path: address, keys: { defaultKeyFile: () => join(folder, 'key') } };
  await createLocal(world, place);
  const vault = await openVault(world, place);
  const planned: Planned[] = [];
  const db = explaining(vault.db, (one) => planned.push(one));
  const core = coreOver(world, { ...vault, db });
  const owner = core.as({ kind: 'owner' });
  return { address, folder, clock, vault, core, owner, planned, isBig: () => false };
};

let scene: Scene;

/** What a call's statements have in their plans that would be slow. */
const problemsIn = async (call: () => Promise<unknown>): Promise<string[]> => {
  scene.planned.length = 0;
  await call();
  expect(scene.planned).not.toEqual([]);
  return scene.planned.flatMap((one) => problemsOf(one, scene.isBig, mostRows));
};

describe.skipIf(reason !== undefined)('in a vault with a million keys', () => {
  let call: Call;
  let made: { id: string; key: string };
  let metered: string;
  let token: string;
  const email = 'ada@example.test';

  beforeAll(async () => {
    scene = await makeScene();
    const { owner, core } = scene;
    const { id: principal_id } = await owner('principals.create', { name: 'ci', role_ids: ['Owner'] });
    made = await owner('api-keys.create', { name: 'first', principal_id });
    call = core.as({ kind: 'bearer', text: made.key });
    metered = (await owner('api-keys.create', { name: 'metered', principal_id, rate_limit: '1000/60s' })).key;
    await owner('principals.create', { name: 'leaving', role_ids: ['Viewer'], with_key: {} });
    await owner('principals.create', { name: 'other', role_ids: ['Viewer'], with_key: {} });
    const expires_at = new Date(scene.clock.now + 500).toISOString();
    for (let n = 0; n < 110; n++)
      await call('api-keys.create', { name: `key ${n}`, principal_id, tags: { n: `${n % 2}` }, expires_at });
    await call('api-keys.create', { name: 'rare', principal_id, tags: { n: '1', rare: 'yes' } });
    for (let n = 0; n < 5; n++) token = (await call('tokens.create', { count: 25 })).items[0]?.token ?? '';
    await owner('secrets.create', { name: 'db', values: { password: 'fake' } });
    await owner('users.create', { email, password, role_ids: ['Viewer'] });
    const { handle: project } = await owner('projects.create', { name: 'Younger', handle: 'younger' });
    const { id: other } = await owner('principals.create', { project, name: 'ci', role_ids: ['Viewer'] });
    await owner('api-keys.create', { project, name: 'one', principal_id: other, tags: { batch: 'one' } });
    await fill(scene.address, scene.clock.now);
    scene.isBig = await bigTables(scene.address);
  }, 240_000);

  afterAll(async () => {
    await scene.vault.db.close();
    rmSync(scene.folder, { recursive: true });
    await dropDatabase(scene.address);
  });

  const hot: Record<string, () => Promise<unknown>> = {
    'who a key belongs to': () => call('auth.whoami', {}),
    'a key that there is not': () => outcome(scene.core.as({ kind: 'bearer', text: absent })('auth.whoami', {})),
    'a use that is counted': () => scene.core.as({ kind: 'bearer', text: metered })('auth.whoami', {}),
    'api-keys.verify': () => call('api-keys.verify', { key: made.key, permission: 'mobius.project.view' }),
    'api-keys.verify of one with a limit': () => call('api-keys.verify', { key: metered }),
    'api-keys.create': () =>
      call('api-keys.create', { name: 'one', principal_id: 'ci' }, { idempotencyKey: 'a-fake-one' }),
    'api-keys.create, once more': () =>
      call('api-keys.create', { name: 'one', principal_id: 'ci' }, { idempotencyKey: 'a-fake-one' }),
    'api-keys.revoke': () => call('api-keys.revoke', { id: 'one' }),
    'api-keys.list, first page': () => call('api-keys.list', {}),
    'api-keys.list, later page': async () => {
      const { next_cursor: cursor = '' } = await scene.owner('api-keys.list', {});
      scene.planned.length = 0;
      await call('api-keys.list', { cursor });
    },
    'api-keys.list of a principal': () => call('api-keys.list', { principal_id: 'ci' }),
    'api-keys.list of a principal with few': () => call('api-keys.list', { principal_id: 'other' }),
    'api-keys.list of those that were revoked': () => call('api-keys.list', { state: 'revoked' }),
    'api-keys.list of those that are disabled': () => call('api-keys.list', { state: 'disabled' }),
    'api-keys.list of those that end soon': () =>
      call('api-keys.list', { expires_before: new Date(scene.clock.now + 700).toISOString() }),
    'api-keys.list of those that end soon, of which there are many': () =>
      call('api-keys.list', { expires_before: new Date(scene.clock.now + 86_400_000).toISOString() }),
    'secrets.list of those that end soon': () =>
      call('secrets.list', { expires_before: new Date(scene.clock.now + 700).toISOString() }),
    'how many end soon': () => scene.core.soon(700),
    'api-keys.list of those that have a grace': () => call('api-keys.list', { state: 'retiring' }),
    'api-keys.list by tag': () => call('api-keys.list', { tag: ['n:1'] }),
    'api-keys.list by any tag of a key': () => call('api-keys.list', { tag: ['n:*'] }),
    'api-keys.list by a tag that few have': () => call('api-keys.list', { tag: ['rare:yes'] }),
    'api-keys.list by two tags': () => call('api-keys.list', { tag: ['n:1', 'rare:yes'] }),
    'api-keys.list of those that have expired': () => call('api-keys.list', { state: 'expired' }),
    // Where all others' keys come before: nobody can open those that fill the table, which is told when they were read.
    'api-keys.list of a younger project': () => outcome(scene.owner('api-keys.list', { project: 'younger' })),
    'api-keys.list of what works in a younger project': () =>
      outcome(scene.owner('api-keys.list', { project: 'younger', state: 'active' })),
    'api-keys.list by a tag in a younger project': () =>
      outcome(scene.owner('api-keys.list', { project: 'younger', tag: ['batch:one'] })),
    'api-keys.list by any tag of a key in a younger project': () =>
      outcome(scene.owner('api-keys.list', { project: 'younger', tag: ['batch:*'] })),
    'rotations.start and each step after it': async () => {
      const { rotation, lock = '' } = await call('rotations.start', { subject: 'api-keys/key 1', holder: 'a test' });
      const going = { rotation: rotation?.id ?? '', lock };
      await call('rotations.issue', going);
      await call('rotations.advance', { ...going, step: 'delivering' });
      await call('rotations.issue', going);
      await call('rotations.advance', { ...going, step: 'verified' });
      await call('rotations.finish', going);
    },
    'rotations.start of what another is at': async () => {
      const start = { subject: 'api-keys/key 2', holder: 'a test' } as const;
      await call('rotations.start', start);
      await outcome(call('rotations.start', start));
    },
    'rotations.start in the place of another': () =>
      call('rotations.start', { subject: 'api-keys/key 2', holder: 'two', take_over: true }),
    'rotations.list': () => call('rotations.list', {}),
    'rotations.list of one thing': () => call('rotations.list', { subject: 'api-keys/key 1', include_ended: true }),
    'rotations.set': () => call('rotations.set', { subject: 'api-keys/key 3', every_seconds: 3600 }),
    'rotations.due': () => call('rotations.due', { include_later: true }),
    'tokens.create': () => call('tokens.create', {}),
    'tokens.verify': () => call('tokens.verify', { token }),
    'a request with a token': () => scene.core.as({ kind: 'bearer', text: token })('principals.get', { id: 'ci' }),
    'tokens.list of a principal': () => call('tokens.list', { principal_id: 'ci' }),
    'tokens.list of a principal with none': () => call('tokens.list', { principal_id: 'other' }),
    'secrets.use': () =>
      call('secrets.use', { references: ['db.password'], recipient: 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=' }),
    ...Object.fromEntries(
      Object.entries(entries).map(([name, filter]) => [
        `audit-logs.list of ${name}`,
        () => outcome(scene.owner('audit-logs.list', filter)),
      ]),
    ),
    ...Object.fromEntries(
      ['all there is', 'one thing', 'a time', 'a time long ago', 'what comes after', 'a page'].map((name) => [
        `audit-logs.list-all of ${name}`,
        () => outcome(scene.owner('audit-logs.list-all', entries[name] ?? {})),
      ]),
    ),
    'audit-logs.verify': () => scene.owner('audit-logs.verify', { limit: 100 }),
    'audit-logs.anchor, and comparing it': async () => {
      await scene.owner('audit-logs.compare', { anchors: [await scene.owner('audit-logs.anchor', {})] });
    },
    'audit-logs.prune of nothing': () => scene.owner('audit-logs.prune', { before: '2020-01-01T00:00:00Z' }),
    'audit-logs.prune of a few': () =>
      scene.owner('audit-logs.prune', { before: new Date(scene.clock.now + 1).toISOString(), limit: 20 }),
    'auth.login': () => scene.owner('auth.login', { email, password }),
    'auth.login with a wrong password': () => outcome(scene.owner('auth.login', { email, password: 'another' })),
    'principals.delete of one with few keys': async () => {
      await call('api-keys.revoke', { id: 'leaving' });
      await call('principals.delete', { id: 'leaving' });
    },
    'when keys were last used': () => scene.core.settle('rest'),
    'what is over': async () => {
      scene.clock.now += 61_000;
      await scene.core.settle('due');
    },
  };

  test.each(Object.entries(hot))('%s', async (_, work) => {
    expect(await problemsIn(work)).toEqual([]);
  });

  const slow: Record<string, () => Promise<unknown>> = {
    'tokens.list, first page': () => call('tokens.list', {}),
    'tokens.list, later page': async () => {
      const { next_cursor: cursor = '' } = await scene.owner('tokens.list', {});
      scene.planned.length = 0;
      await call('tokens.list', { cursor });
    },
  };

  test.each(Object.entries(slow))('%s', async (_, work) => {
    expect(await problemsIn(work)).toEqual([]);
  });

  test.each([
    ['api_keys_by_principal', 'api-keys.list of a principal with few'],
    ['api_keys_expiring', 'how many end soon'],
    ['secrets_expiring', 'how many end soon'],
  ])('that %s is missing would be seen', async (index, name) => {
    const work = hot[name] as () => Promise<unknown>;
    await rowsOf(scene.address, `drop index ${index}`);
    expect((await problemsIn(work)).join()).toContain(index.startsWith('secrets') ? 'secrets' : 'api_keys');
  });
});

test.runIf(process.env.CI)('plans are not left out where everything must hold', () => {
  expect(reason).toBeUndefined();
});
