import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { presets } from '../../src/core/catalogue.ts';
import { expectRefused, makeVault, minute, type TestVault } from './world.ts';

let vault: TestVault;
beforeAll(async () => {
  vault = await makeVault();
});
afterAll(() => vault.close());

const idLike = 'role_00000000000000000000000000';
const view = ['mobius.project.view'];

describe('create', () => {
  test('answers the role, its permissions sorted', async () => {
    const given = { name: 'Rotators', description: 'turn keys', tags: { team: 'core' } };
    const made = await vault.owner('roles.create', {
      ...given,
      permissions: ['mobius.secrets.*', 'actions.execute.mail.send', 'actions.execute.db.*', 'mobius.keys.issue'],
    });
    expect(made).toEqual({
      ...given,
      id: expect.stringMatching(/^role_[0-9a-z]{26}$/),
      permissions: ['actions.execute.db.*', 'actions.execute.mail.send', 'mobius.keys.issue', 'mobius.secrets.*'],
      system_defined: false,
      project_id: expect.stringMatching(/^prj_/),
      created_at: '2026-06-01T12:00:00Z',
      updated_at: '2026-06-01T12:00:00Z',
    });
    for (const id of [made.id, 'Rotators', 'ROTATORS', 'rotators']) {
      expect(await vault.owner('roles.get', { id })).toEqual(made);
    }
  });

  test.each([
    ['an empty name', { name: '', permissions: view }, '"name" must not be empty'],
    ['a name like an id', { name: idLike, permissions: view }, '"name" must not have the shape of an id'],
    ['no permissions', { name: 'n' }, '"permissions" is required'],
    ['an empty list', { name: 'n', permissions: [] }, '"permissions" must not be empty'],
    ['one twice', { name: 'n', permissions: [...view, ...view] }, undefined],
    ['an unknown permission', { name: 'n', permissions: ['mobius.keys.isue'] }, undefined],
    ['a part of one', { name: 'n', permissions: ['mobius.keys'] }, '"permissions" names no permission: "mobius.keys"'],
    [
      'an unknown one among known',
      { name: 'n', permissions: [...view, 'mobius.x'] },
      '"permissions.1" names no permission: "mobius.x"',
    ],
    ['a wildcard over nothing', { name: 'n', permissions: ['mobius.keysx.*'] }, undefined],
    ['a wildcard under an item', { name: 'n', permissions: ['mobius.project.view.*'] }, undefined],
    ['a wildcard over all', { name: 'n', permissions: ['*'] }, undefined],
    ['a wildcard in the middle', { name: 'n', permissions: ['mobius.*.view'] }, undefined],
    ['a wildcard at the end of a word', { name: 'n', permissions: ['mobius.key*'] }, undefined],
    ['another system’s space', { name: 'n', permissions: ['actions.*'] }, undefined],
    ['a name of an object’s own', { name: 'n', permissions: ['constructor'] }, undefined],
    ['upper case', { name: 'n', permissions: ['Mobius.project.view'] }, undefined],
    ['a line end', { name: 'n', permissions: ['mobius.project.view\n'] }, undefined],
  ])('refuses %s', async (_, input, message) => {
    const error = await expectRefused(vault, () => vault.owner('roles.create', input as never), 'invalid_input');
    if (message !== undefined) expect(error.message).toBe(message);
  });

  test('a name is taken in every case, those of system roles from the start', async () => {
    await vault.owner('roles.create', { name: 'Größer', permissions: view });
    const system = presets.map(({ label }) => label);
    // The Kelvin sign is a k to whoever folds case.
    for (const name of [
      'größer',
      'GRÖßER',
      'gro\u0308ßer',
      ...system,
      ...system.map((one) => one.toUpperCase()),
      'wor\u212aer',
    ]) {
      const error = await expectRefused(
        vault,
        () => vault.owner('roles.create', { name, permissions: view }),
        'already_exists',
      );
      expect(error.message).toBe(`a role named "${name}" already exists in project "default"`);
    }
    await vault.owner('projects.create', { name: 'Other' });
    await vault.owner('roles.create', { name: 'größer', permissions: view, project: 'other' });
  });
});

describe('system roles', () => {
  test('are the presets, found by id and name, and come first in the list', async () => {
    const { items } = await vault.owner('roles.list', {});
    const system = items.slice(0, presets.length);
    expect(system.map(({ name, permissions }) => ({ name, permissions }))).toEqual(
      presets.map(({ label, permissions }) => ({ name: label, permissions })),
    );
    expect(items.slice(presets.length).every((role) => !role.system_defined)).toBe(true);
    for (const role of system) {
      expect(role).not.toHaveProperty('project_id');
      expect(await vault.owner('roles.get', { id: role.id })).toEqual(role);
      expect(await vault.owner('roles.get', { id: role.name.toLowerCase() })).toEqual(role);
    }
  });

  test.each(presets.map(({ label }) => label))('%s can not be changed or deleted', async (name) => {
    const { id } = await vault.owner('roles.get', { id: name });
    for (const reference of [id, name, name.toLowerCase()]) {
      for (const attempt of [
        () => vault.owner('roles.update', { id: reference, permissions: view }),
        () => vault.owner('roles.update', { id: reference, tags: { a: 'b' } }),
        () => vault.owner('roles.delete', { id: reference }),
      ]) {
        const error = await expectRefused(vault, attempt, 'forbidden');
        expect(error.message).toBe(`"${name}" is a system role and can't be changed`);
      }
    }
  });
});

describe('update', () => {
  test('changes what was given and nothing else, from the next call on', async () => {
    const made = await vault.owner('roles.create', {
      name: 'growing',
      permissions: view,
      description: 'd',
      tags: { a: '1' },
    });
    const { call } = await vault.client('grower', ['growing']);
    expect((await call('auth.whoami', {})).permissions).toEqual(view);
    vault.clock.now += minute;
    const permissions = ['actions.execute.*', 'mobius.keys.issue'];
    const grown = await vault.owner('roles.update', { id: 'GROWING', permissions: [...permissions].reverse() });
    expect(grown).toEqual({ ...made, permissions, updated_at: '2026-06-01T12:01:00Z' });
    expect((await call('auth.whoami', {})).permissions).toEqual(permissions);
    expect(await vault.owner('roles.update', { id: made.id, description: '' })).not.toHaveProperty('description');
    expect((await vault.owner('roles.update', { id: made.id, tags: {} })).tags).toEqual({});
  });

  test.each([
    [{ id: 'fixed', permissions: ['nothing.real'] }, 'invalid_input'],
    [{ id: 'fixed', permissions: [] }, 'invalid_input'],
    [{ id: 'fixed', name: 'other' }, 'invalid_input'],
    [{ id: 'nothing', permissions: view }, 'not_found'],
    [{ id: idLike, permissions: view }, 'not_found'],
    [{ id: idLike.replace('role', 'prin'), permissions: view }, 'not_found'],
  ])('refuses %j', async (input, code) => {
    await vault.owner('roles.create', { name: 'fixed', permissions: view }).catch(() => undefined);
    await expectRefused(vault, () => vault.owner('roles.update', input as never), code);
  });
});

describe('delete', () => {
  test('not while somebody has it; then its name is free again', async () => {
    const role = await vault.owner('roles.create', { name: 'leaving', permissions: view, tags: { a: 'b' } });
    for (const name of ['one', 'two']) await vault.owner('principals.create', { name, role_ids: ['leaving'] });
    const error = await expectRefused(vault, () => vault.owner('roles.delete', { id: 'Leaving' }), 'conflict');
    expect(error.message).toBe('the role "leaving" is assigned to 2 principals');
    expect(error.details).toEqual({ reason: 'role_assigned', name: 'leaving', assignments: 2 });
    await vault.owner('principals.update', { id: 'one', role_ids: [] });
    await expectRefused(vault, () => vault.owner('roles.delete', { id: role.id }), 'conflict');
    await vault.owner('principals.update', { id: 'two', role_ids: ['Viewer'] });
    await vault.owner('roles.delete', { id: role.id });
    await expectRefused(vault, () => vault.owner('roles.delete', { id: role.id }), 'not_found');
    expect(vault.rows('select 1 from tags where resource_id = ?', role.id)).toEqual([]);
    const next = await vault.owner('roles.create', { name: 'LEAVING', permissions: view });
    expect(next.id).not.toBe(role.id);
    expect((await vault.owner('principals.get', { id: 'one' })).role_ids).toEqual([]);
  });
});

describe('assignments', () => {
  test('are made by id or name, say who granted them, and end', async () => {
    const { id: worker } = await vault.owner('roles.get', { id: 'Worker' });
    const admin = await vault.client('granter', ['Admin']);
    const { id } = await vault.owner('principals.create', { name: 'holder' });
    const byOwner = await vault.owner('roles.create-assignment', { principal_id: 'holder', role_id: 'worker' });
    expect(byOwner).toEqual({
      id: expect.stringMatching(/^ras_[0-9a-z]{26}$/),
      principal_id: id,
      role_id: worker,
      role_name: 'Worker',
      project_id: admin.principal.project_id,
      created_at: new Date(vault.clock.now).toISOString().replace('.000', ''),
    });
    const byAdmin = await admin.call('roles.create-assignment', { principal_id: id, role_name: 'VIEWER' });
    expect(byAdmin).toMatchObject({ role_name: 'Viewer', granted_by: admin.principal.id });

    const listed = async (input: object) => (await vault.owner('roles.list-assignments', input)).items;
    expect(await listed({ principal_id: 'holder' })).toEqual([byOwner, byAdmin]);
    expect(await listed({ principal_id: id, role_id: 'viewer' })).toEqual([byAdmin]);
    expect(await listed({ role_id: worker })).toEqual([byOwner]);
    expect((await listed({})).length).toBeGreaterThan(2);

    await admin.call('roles.delete-assignment', { id: byOwner.id });
    expect(await listed({ principal_id: id })).toEqual([byAdmin]);
    await expectRefused(vault, () => vault.owner('roles.delete-assignment', { id: byOwner.id }), 'not_found');
  });

  test.each([
    [{ principal_id: 'assigned' }, 'invalid_input', '"role_id" is required'],
    [
      { principal_id: 'assigned', role_id: 'Viewer', role_name: 'Viewer' },
      'invalid_input',
      '"role_id" and "role_name" exclude each other',
    ],
    [{ role_id: 'Viewer' }, 'invalid_input', '"principal_id" is required'],
    [{ principal_id: 'nobody', role_id: 'Viewer' }, 'not_found', 'no principal "nobody" in project "default"'],
    [{ principal_id: 'assigned', role_id: 'nothing' }, 'not_found', 'no role "nothing" in project "default"'],
    [{ principal_id: 'assigned', role_id: idLike }, 'not_found', `no role "${idLike}" in project "default"`],
    [{ principal_id: 'assigned', role_id: 'wORKER' }, 'already_exists', '"assigned" has the role "Worker" already'],
    [{ principal_id: 'assigned', role_name: 'Worker' }, 'already_exists', '"assigned" has the role "Worker" already'],
  ])('refuses %j', async (input, code, message) => {
    await vault.owner('principals.create', { name: 'assigned', role_ids: ['Worker'] }).catch(() => undefined);
    const error = await expectRefused(vault, () => vault.owner('roles.create-assignment', input as never), code);
    expect(error.message).toBe(message);
  });

  test.each(['nothing', 'ras_00000000000000000000000000', idLike])('there is none "%s" to end', async (id) => {
    await expectRefused(vault, () => vault.owner('roles.delete-assignment', { id }), 'not_found');
  });
});
