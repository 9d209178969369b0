import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectRefused, makeVault, minute, refusal, type TestVault } from './world.ts';

let vault: TestVault;
beforeAll(async () => {
  vault = await makeVault();
});
afterAll(() => vault.close());

describe('create', () => {
  test('answers the project, its handle made from its name', async () => {
    const made = await vault.owner('projects.create', { name: '  Acme & Söhne, GmbH'.trim(), description: '' });
    expect(made).toEqual({
      id: expect.stringMatching(/^prj_[0-9a-z]{26}$/),
      handle: 'acme-s-hne-gmbh',
      name: 'Acme & Söhne, GmbH',
      created_at: '2026-06-01T12:00:00Z',
      updated_at: '2026-06-01T12:00:00Z',
    });
    expect(await vault.owner('projects.get', { id: made.id })).toEqual(made);
    expect(await vault.owner('projects.get', { id: made.handle })).toEqual(made);
  });

  test('makes a handle of at most 63 characters that ends in no hyphen', async () => {
    const name = `${'a'.repeat(62)} b`;
    expect((await vault.owner('projects.create', { name })).handle).toBe('a'.repeat(62));
  });

  test('asks for a handle where none can be made from the name', async () => {
    const error = await expectRefused(
      vault,
      () => vault.owner('projects.create', { name: '株式会社' }),
      'invalid_input',
    );
    expect(error.message).toBe('"handle" is required: none can be made from the name');
  });

  test.each([
    ['an empty name', { name: '' }, '"name" must not be empty'],
    ['no name', {}, '"name" is required'],
    ['a name like an id', { name: 'prj_00000000000000000000000000' }, '"name" must not have the shape of an id'],
    ['a name with a line end', { name: 'a\nb' }, '"name" must not hold control characters'],
    ['a name in white space', { name: ' a' }, '"name" must not begin or end with white space'],
    ['an empty handle', { name: 'a', handle: '' }, '"handle" must not be empty'],
    ['a handle like an id', { name: 'a', handle: 'prj_00000000000000000000000000' }, undefined],
    ['a handle in upper case', { name: 'a', handle: 'Acme' }, undefined],
    ['a handle with two hyphens together', { name: 'a', handle: 'a--b' }, undefined],
    ['null', { name: null }, '"name" must be text'],
  ])('refuses %s', async (_, input, message) => {
    const error = await expectRefused(vault, () => vault.owner('projects.create', input as never), 'invalid_input');
    if (message !== undefined) expect(error.message).toBe(message);
  });

  test.each([{ name: 'Default' }, { name: 'other', handle: 'default' }])(
    'refuses a taken handle: %o',
    async (input) => {
      const error = await expectRefused(vault, () => vault.owner('projects.create', input), 'already_exists');
      expect(error.message).toBe('a project with the handle "default" already exists');
      expect(error.details).toEqual({ resource: 'project', field: 'handle', name: 'default' });
    },
  );

  test('takes a name that another project has', async () => {
    const one = await vault.owner('projects.create', { name: 'Twin', handle: 'twin-1' });
    const two = await vault.owner('projects.create', { name: 'Twin', handle: 'twin-2' });
    expect(two.id).not.toBe(one.id);
  });
});

describe('update', () => {
  test('changes what was given and nothing else', async () => {
    const made = await vault.owner('projects.create', { name: 'Before', description: 'old' });
    vault.clock.now += minute;
    const renamed = await vault.owner('projects.update', { id: made.handle, name: 'After' });
    expect(renamed).toEqual({ ...made, name: 'After', updated_at: '2026-06-01T12:01:00Z' });
    expect(await vault.owner('projects.update', { id: made.id, description: 'new' })).toEqual({
      ...renamed,
      description: 'new',
    });
    expect(await vault.owner('projects.update', { id: made.id, description: '' })).not.toHaveProperty('description');
    expect((await vault.owner('projects.get', { id: made.id })).name).toBe('After');
  });

  test.each([
    [{ id: 'default', handle: 'other' }, 'unknown field "handle"'],
    [{ id: 'default', name: '' }, '"name" must not be empty'],
    [{ id: '' }, '"id" must not be empty'],
  ])('refuses %o', async (input, message) => {
    const error = await expectRefused(vault, () => vault.owner('projects.update', input as never), 'invalid_input');
    expect(error.message).toBe(message);
  });
});

describe('archive, restore, delete', () => {
  test('a project is archived, left as it is when archived again, and restored', async () => {
    const { handle } = await vault.owner('projects.create', { name: 'To and fro' });
    const archived = await vault.owner('projects.archive', { id: handle });
    expect(archived.archived_at).toBeDefined();
    const state = vault.state();
    vault.clock.now += minute;
    expect(await vault.owner('projects.archive', { id: handle })).toEqual(archived);
    expect(vault.state()).toEqual(state);

    const handles = async (include: boolean): Promise<string[]> =>
      (await vault.owner('projects.list', { include_archived: include })).items.map((project) => project.handle);
    expect(await handles(false)).not.toContain(handle);
    expect(await handles(true)).toContain(handle);

    const restored = await vault.owner('projects.restore', { id: handle });
    expect(restored).not.toHaveProperty('archived_at');
    const after = vault.state();
    expect(await vault.owner('projects.restore', { id: handle })).toEqual(restored);
    expect(vault.state()).toEqual(after);
  });

  test('only an archived project is deleted', async () => {
    const { handle } = await vault.owner('projects.create', { name: 'Alive' });
    const error = await expectRefused(
      vault,
      () => vault.owner('projects.delete', { id: handle }),
      'project_not_archived',
    );
    expect(error.hint).toBe('archive it first: mobius projects archive alive');
  });

  test('deleting takes all that is in it and nothing else, and its handle is free again', async () => {
    const tags = { env: 'test' };
    const fill = async (project: string): Promise<string> => {
      const role = await vault.owner('roles.create', { project, name: 'own', permissions: ['mobius.keys.*'], tags });
      const boss = await vault.owner('principals.create', { project, name: 'boss', role_ids: [role.id], tags });
      const input = { project, name: 'worker', role_ids: [role.id], owner_id: boss.id, tags, with_key: {} };
      const made = await vault.owner('principals.create', input);
      await vault.owner('principals.update', { project, id: boss.id, owner_id: made.id });
      await vault.owner('secrets.create', { project, name: 'db', values: { password: 'a-fake-value' }, tags });
      await vault.owner('secrets.update', { project, secret: 'db', values: { password: 'another-fake-value' } });
      const limits = { name: 'metered', principal_id: made.id, rate_limit: '5/60s' };
      const { key } = await vault.owner('api-keys.create', { project, ...limits });
      await vault.as(key)('auth.whoami', {});
      return made.api_key?.key ?? '';
    };
    const { id: kept } = await vault.owner('projects.create', { name: 'Kept' });
    const keptKey = await fill('kept');
    const counts = (): unknown =>
      vault.rows(
        `select (select count(*) from projects) as projects, (select count(*) from principals) as principals,
         (select count(*) from roles) as roles, (select count(*) from role_assignments) as assignments,
         (select count(*) from api_keys) as keys, (select count(*) from tags) as tags,
         (select count(*) from secrets) as secrets, (select count(*) from secret_versions) as versions,
         (select count(*) from secret_values) as stored, (select count(*) from rate_windows) as windows`,
      );
    const before = counts();

    const { id: gone } = await vault.owner('projects.create', { name: 'Gone' });
    const goneKey = await fill('gone');
    expect(counts()).not.toEqual(before);
    await vault.owner('projects.archive', { id: gone });
    await vault.owner('projects.delete', { id: gone });
    expect(counts()).toEqual(before);

    expect((await refusal(vault.as(goneKey)('auth.whoami', {}))).code).toBe('unauthorized');
    expect(await vault.as(keptKey)('auth.whoami', {})).toMatchObject({ project: 'kept', name: 'worker' });
    for (const id of [gone, 'gone']) {
      await expectRefused(vault, () => vault.owner('projects.get', { id }), 'not_found');
    }
    expect((await vault.owner('projects.create', { name: 'Gone' })).id).not.toBe(gone);
    expect((await vault.owner('projects.get', { id: kept })).handle).toBe('kept');
  });

  test.each(['projects.get', 'projects.update', 'projects.archive', 'projects.restore', 'projects.delete'] as const)(
    '%s of a project that is not there',
    async (name) => {
      for (const id of ['nowhere', 'prj_00000000000000000000000000', 'prin_00000000000000000000000000']) {
        const error = await expectRefused(vault, () => vault.owner(name, { id }), 'not_found');
        expect(error.message).toBe(`no project "${id}"`);
      }
    },
  );
});

describe('seen with a key', () => {
  test('its own project is there and every other one is not', async () => {
    const other = await vault.owner('projects.create', { name: 'Other' });
    const admin = await vault.client('admin', ['Admin']);
    const { items } = await admin.call('projects.list', { include_archived: true });
    expect(items.map(({ handle }) => handle)).toEqual(['default']);
    expect((await admin.call('projects.get', { id: 'default' })).handle).toBe('default');
    for (const id of [other.id, other.handle]) {
      for (const name of ['projects.get', 'projects.update'] as const) {
        const there = await expectRefused(vault, () => admin.call(name, { id }), 'not_found');
        const nowhere = await refusal(admin.call(name, { id: `x${id}`.slice(0, 63) }));
        expect(there.message).toBe(`no project "${id}"`);
        expect(Object.keys(there.details)).toEqual(Object.keys(nowhere.details));
      }
    }
    expect((await admin.call('projects.update', { id: 'default', name: 'By its admin' })).name).toBe('By its admin');
  });
});
