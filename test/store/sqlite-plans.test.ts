import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { coreOver } from '../../src/calls/local.ts';
import type { Db, Query } from '../../src/store/db.ts';
import { makeVault, type TestVault } from '../core/world.ts';

/**
 * How SQLite finds a page whose things are few among many. It chooses by its indexes alone, so what it does for a few rows it
 * does for a million.
 */

let vault: TestVault;
const asked: string[] = [];

const listening = (query: Query): Query => ({
  ...query,
  all: (sql, params) => {
    asked.push(sql);
    return query.all(sql, params);
  },
  get: (sql, params) => {
    asked.push(sql);
    return query.get(sql, params);
  },
});

const end = (): string => new Date(vault.clock.now + 500).toISOString();
const soon = (): string => new Date(vault.clock.now + 1_000).toISOString();

beforeAll(async () => {
  vault = await makeVault();
  const { id: principal_id } = await vault.owner('principals.create', { name: 'ci', role_ids: ['Viewer'] });
  await vault.owner('api-keys.create', { name: 'one', principal_id, tags: { env: 'prod' } });
  const { id: busy } = await vault.owner('principals.create', { name: 'busy', role_ids: ['Viewer'] });
  await vault.owner('api-keys.create', { name: 'two', principal_id: busy, expires_at: end() });
  await vault.owner('api-keys.create', { name: 'three', principal_id: busy });
  await vault.owner('secrets.create', { name: 'one', values: { value: 'plainly fake' }, expires_at: end() });
});
afterAll(() => vault.close());

/** Whatever the parameters are, the plan is the same. */
const unknown = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [n + 1, null]));

/** The plan of the statements that read the rows of a page, or the ids of those that are few. */
const planOf = async (name: 'api-keys.list' | 'secrets.list', input: object): Promise<string[]> => {
  const { db } = vault.vault;
  const heard: Db = { ...listening(db), tx: (mode, body) => db.tx(mode, (tx) => body(listening(tx))), close: db.close };
  asked.length = 0;
  await coreOver(vault.world, { ...vault.vault, db: heard }).as({ kind: 'owner' })(name, input as never);
  const table = name === 'api-keys.list' ? 'api_keys' : 'secrets';
  const page = asked.filter(
    (sql) => sql.startsWith(`select id from ${table} `) || sql.startsWith(`select t.* from ${table} t`),
  );
  expect(page).not.toEqual([]);
  return page.flatMap((sql) =>
    vault.rows<{ detail: string }>(`explain query plan ${sql}`, unknown).map(({ detail }) => detail),
  );
};

describe('a page is found by', () => {
  test.each([
    ['api-keys.list', {}, ['api_keys_by_project ((project_id,id)>(?,?) AND project_id<?)']],
    ['api-keys.list', { state: 'revoked' }, ['api_keys_ended ((project_id,id)>(?,?) AND project_id<?)']],
    ['api-keys.list', { state: 'disabled' }, ['api_keys_disabled ((project_id,id)>(?,?) AND project_id<?)']],
    ['api-keys.list', { state: 'retiring' }, ['api_keys_retiring (project_id=? AND retires_at>?)']],
    [
      'api-keys.list',
      { state: 'expired' },
      ['api_keys_expiring (project_id=? AND expires_at<?)', 'api_keys_retiring (project_id=? AND retires_at>?)'],
    ],
    [
      'api-keys.list',
      { expires_before: soon },
      ['api_keys_expiring (project_id=? AND expires_at>? AND expires_at<?)', 'sqlite_autoindex_api_keys_1 (id=?)'],
    ],
    ['api-keys.list', { tag: ['env:prod'] }, ['tags_by_tag (tag_index=? AND resource_id>? AND resource_id<?)']],
    [
      'api-keys.list',
      { tag: ['env:*'] },
      [
        'tags_by_tag (tag_index=? AND resource_id>? AND resource_id<?)',
        'tags_by_key (key_index=? AND resource_id>? AND resource_id<?)',
      ],
    ],
    [
      'api-keys.list',
      { tag: ['env:prod'], state: 'active' },
      ['tags_by_tag (tag_index=? AND resource_id>? AND resource_id<?)'],
    ],
    [
      'api-keys.list',
      { principal_id: 'ci', tag: ['env:prod'] },
      ['api_keys_by_principal ((principal_id,id)>(?,?) AND principal_id<?)'],
    ],
    // Of the two that lead to it, the one that fewer have.
    [
      'api-keys.list',
      { principal_id: 'busy', tag: ['env:prod'] },
      ['tags_by_tag (tag_index=? AND resource_id>? AND resource_id<?)'],
    ],
    [
      'api-keys.list',
      { state: 'disabled', tag: ['env:prod'] },
      ['api_keys_disabled ((project_id,id)>(?,?) AND project_id<?)'],
    ],
    ['secrets.list', {}, ['secrets_by_project ((project_id,id)>(?,?) AND project_id<?)']],
    [
      'secrets.list',
      { expires_before: soon },
      ['secrets_expiring (project_id=? AND expires_at<?)', 'sqlite_autoindex_secrets_1 (id=?)'],
    ],
    ['secrets.list', { tag: ['env:prod'] }, ['tags_by_tag (tag_index=? AND resource_id>? AND resource_id<?)']],
  ] as const)('%s %j', async (name, input, found) => {
    const given = Object.fromEntries(
      Object.entries(input).map(([key, value]) => [key, typeof value === 'function' ? value() : value]),
    );
    const plan = (await planOf(name, given)).join('\n');
    for (const index of found) expect(plan).toContain(`INDEX ${index}`);
    expect(plan).not.toContain('SCAN');
    // All things of the project in the order of their ids: that is for a page of all alone.
    const isOfAll = /INDEX (api_keys|secrets)_by_project /.test(plan);
    expect(isOfAll).toBe(Object.keys(input).length === 0);
  });
});

test('the versions in use of a page of secrets are asked for at once', async () => {
  for (const name of ['two', 'three']) await vault.owner('secrets.create', { name, values: { value: 'plainly fake' } });
  await planOf('secrets.list', {});
  const versions = asked.filter((sql) => sql.includes('secret_versions'));
  expect(versions).toHaveLength(1);
  const [plan] = vault.rows<{ detail: string }>(`explain query plan ${versions[0]}`, unknown);
  expect(plan?.detail).toContain('INDEX secret_versions_enabled (secret_id=?)');
});
