import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Db, Query, Row, Value } from '../../src/store/db.ts';
import { openWitness, type Witness } from '../../src/vault/witness.ts';
import { makeVault, type TestVault } from '../core/world.ts';
import { newDatabase, noPostgres } from '../store/postgres-shared.ts';

/** Two connections to one database server, of which one remembers. */

let vault: TestVault;
let one: TestVault['owner'];
let other: Db;
let witness: Witness;
const asked: string[] = [];

const noting = (query: Query): Query => ({
  ...query,
  get: <R extends Row>(sql: string, params?: readonly Value[]) => {
    asked.push(sql);
    return query.get<R>(sql, params);
  },
});

const look = () => vault.vault.db.tx('read', (tx) => witness.look(noting(tx)));

describe.skipIf(noPostgres() !== undefined)('what is remembered over a database server', () => {
  beforeAll(async () => {
    vault = await makeVault(await newDatabase());
    one = vault.owner;
    other = (await vault.open()).vault.db;
    witness = openWitness(other);
    await one('principals.create', { name: 'ci', role_ids: ['Operator'] });
  });
  afterAll(() => vault?.close());

  test('stands while nothing is changed, and is asked for each time', async () => {
    const { memory } = await look();
    memory.set('something', 1);
    asked.length = 0;
    expect((await look()).memory.get('something')).toBe(1);
    expect(asked).toHaveLength(1);
  });

  test.each([
    ['a secret', () => one('secrets.create', { name: 'database', values: { password: 'plainly fake' } })],
    ['a new key', () => one('api-keys.create', { name: 'first', principal_id: 'ci' })],
    ['a new token', () => one('tokens.create', {})],
  ])('stands after %s', async (_, change) => {
    (await look()).memory.set('something', 2);
    await change();
    expect((await look()).memory.get('something')).toBe(2);
  });

  test.each([
    ['a key', () => one('api-keys.revoke', { id: 'first' })],
    ['a principal', () => one('principals.update', { id: 'ci', state: 'disabled' })],
    ['the tokens', () => one('tokens.revoke-all', {})],
    ['the signing key', () => one('tokens.rotate-signing-key', {})],
    ['a role', () => one('roles.create', { name: 'made', permissions: ['mobius.project.view'] })],
  ])('ends with a change of %s', async (_, change) => {
    (await look()).memory.set('something', 3);
    await change();
    expect((await look()).memory.get('something')).toBeUndefined();
  });

  test('a transaction that began before the change has nothing of what came after it', async () => {
    await other.tx('read', async (tx) => {
      // Its state is taken now.
      await tx.get('select id from vault');
      await one('principals.update', { id: 'ci', state: 'active' });
      (await look()).memory.set('something', 4);
      expect((await witness.look(tx)).memory.get('something')).toBeUndefined();
    });
    expect((await look()).memory.get('something')).toBe(4);
  });
});
