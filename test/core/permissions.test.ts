import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { catalogue, presets } from '../../src/core/catalogue.ts';
import { operations } from '../../src/generated/operations.ts';
import { expectRefused, makeVault, type TestVault } from './world.ts';

let vault: TestVault;
beforeAll(async () => {
  vault = await makeVault();
});
afterAll(() => vault.close());

test('the list has every permission that an operation asks for', async () => {
  const { items, presets: listed, action_groups: groups } = await vault.owner('permissions.list', {});
  const ids = items.map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)]);
  for (const { permission } of Object.values(operations))
    if (permission !== undefined) expect(ids).toContain(permission);
  expect(listed.map(({ label }) => label)).toEqual(['Owner', 'Admin', 'Operator', 'Worker', 'Viewer', 'Agent']);
  expect(listed.find(({ id }) => id === 'worker')?.permissions).toContain('mobius.work.execute');
  expect(groups.map(({ permission }) => permission)).toEqual(['actions.execute.*']);
});

test('no preset but Owner has a wildcard over what mobius guards, so that a later permission is nobody else’s', () => {
  for (const { id, permissions } of presets) {
    if (id !== 'owner') expect(permissions.filter((one) => one.startsWith('mobius.') && one.endsWith('*'))).toEqual([]);
  }
});

describe('check', () => {
  test('agrees with what a key of the principal is told', async () => {
    await vault.owner('roles.create', { name: 'mailers', permissions: ['actions.execute.mail.*', 'mobius.keys.*'] });
    const { principal, key } = await vault.client('asked', ['Viewer', 'mailers']);
    const expected: Record<string, { roles: string[]; carried_by: string[] }> = {
      'mobius.secrets.view': { roles: ['Viewer'], carried_by: ['Owner', 'Admin', 'Operator', 'Worker', 'Viewer'] },
      'mobius.keys.issue': { roles: ['mailers'], carried_by: ['Owner', 'Admin', 'Operator', 'mailers'] },
      'mobius.keys.*': { roles: ['mailers'], carried_by: ['Owner', 'mailers'] },
      'actions.execute.mail.send': { roles: ['mailers'], carried_by: ['Owner', 'Admin', 'Agent', 'mailers'] },
      'mobius.secrets.use': { roles: [], carried_by: ['Owner', 'Admin', 'Operator', 'Worker'] },
      'mobius.*': { roles: [], carried_by: ['Owner'] },
    };
    for (const [permission, { roles, carried_by }] of Object.entries(expected)) {
      expect(await vault.owner('permissions.check', { principal_id: 'asked', permission })).toEqual({
        allowed: roles.length > 0,
        principal_id: principal.id,
        principal_name: 'asked',
        state: 'active',
        permission,
        roles,
        carried_by,
      });
      const { valid } = await vault.owner('api-keys.verify', { key, permission });
      expect(valid, permission).toBe(roles.length > 0);
    }
  });

  test('a disabled principal may do nothing, whatever its roles carry', async () => {
    await vault.owner('principals.create', { name: 'off', role_ids: ['Owner'] });
    await vault.owner('principals.update', { id: 'off', state: 'disabled' });
    const permission = catalogue[0]?.id ?? '';
    expect(await vault.owner('permissions.check', { principal_id: 'off', permission })).toMatchObject({
      allowed: false,
      state: 'disabled',
      roles: ['Owner'],
    });
  });

  test.each([
    [{ principal_id: 'none', permission: 'mobius.secrets.use' }, 'not_found'],
    [{ principal_id: 'none', permission: 'mobius.secrets' }, 'invalid_input'],
    [{ principal_id: 'none', permission: '' }, 'invalid_input'],
    [{ principal_id: 'none' }, 'invalid_input'],
    [{ permission: 'mobius.secrets.use' }, 'invalid_input'],
  ])('refuses %j', async (input, code) => {
    await expectRefused(vault, () => vault.owner('permissions.check', input as never), code);
  });

  test('says what was nearly asked', async () => {
    const ask = (permission: string) => vault.owner('permissions.check', { principal_id: 'none', permission });
    expect((await expectRefused(vault, () => ask('keys.issue'), 'invalid_input')).hint).toBe(
      'did you mean "mobius.keys.issue"?',
    );
    expect((await expectRefused(vault, () => ask('mobius.keys'), 'invalid_input')).hint).toBe(
      'did you mean "mobius.keys.issue"?',
    );
    expect((await expectRefused(vault, () => ask('x'), 'invalid_input')).hint).toBe(
      'see which there are: mobius permissions list',
    );
  });
});

describe('whoami', () => {
  test('the owner has all of it, in no project', async () => {
    expect(await vault.owner('auth.whoami', {})).toEqual({
      kind: 'owner',
      name: 'owner',
      permissions: ['mobius.*', 'actions.execute.*'],
    });
  });

  test('a key of a principal without roles is told so', async () => {
    const { call, principal, keyId } = await vault.client('bare');
    expect(await call('auth.whoami', {})).toEqual({
      kind: 'api-key',
      name: 'bare',
      principal_id: principal.id,
      key_id: keyId,
      key_name: 'bare',
      project: 'default',
      roles: [],
      permissions: [],
    });
  });
});
