import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectRefused, makeVault, minute, refusal, type TestVault } from './world.ts';

let vault: TestVault;
beforeAll(async () => {
  vault = await makeVault();
  await vault.owner('projects.create', { name: 'Other' });
});
afterAll(() => vault.close());

const idLike = 'prin_00000000000000000000000000';

describe('create', () => {
  test('answers all that was given', async () => {
    const boss = await vault.owner('principals.create', { name: 'Boss' });
    const given = {
      name: 'acme-ci',
      description: 'builds',
      metadata: { a: [1, { b: null }] },
      tags: { env: 'prod' },
    };
    const made = await vault.owner('principals.create', { ...given, owner_id: 'Boss', role_ids: ['worker', 'VIEWER'] });
    const [viewer, worker] = await Promise.all(['Viewer', 'Worker'].map((id) => vault.owner('roles.get', { id })));
    expect(made).toEqual({
      ...given,
      id: expect.stringMatching(/^prin_[0-9a-z]{26}$/),
      kind: 'service',
      state: 'active',
      handle: 'svc:acme-ci',
      owner_id: boss.id,
      project_id: boss.project_id,
      role_ids: [worker?.id, viewer?.id],
      created_at: '2026-06-01T12:00:00Z',
      updated_at: '2026-06-01T12:00:00Z',
    });
    expect(await vault.owner('principals.get', { id: 'acme-ci' })).toEqual(made);
    expect(await vault.owner('principals.get', { id: made.id })).toEqual(made);
  });

  test('gives no handle to a name that can be none', async () => {
    expect(await vault.owner('principals.create', { name: 'Größe/1 ✓' })).not.toHaveProperty('handle');
  });

  test('makes a first key in the same step, named as its principal where no name is given', async () => {
    const made = await vault.owner('principals.create', { name: 'keyed', role_ids: ['Worker'], with_key: {} });
    expect(made.api_key).toMatchObject({ name: 'keyed', principal_id: made.id, state: 'active' });
    const named = await vault.owner('principals.create', {
      name: 'keyed-2',
      role_ids: ['Worker'],
      with_key: { name: 'first', expires_at: '2026-06-02T00:00:00Z' },
    });
    expect(named.api_key).toMatchObject({ name: 'first', expires_at: '2026-06-02T00:00:00Z' });
    expect(await vault.as(named.api_key?.key ?? '')('auth.whoami', {})).toMatchObject({ principal_id: named.id });
  });

  test('the same role by name and by id is one assignment', async () => {
    const { id } = await vault.owner('roles.get', { id: 'Worker' });
    const made = await vault.owner('principals.create', { name: 'once', role_ids: ['Worker', id, 'wORKER'] });
    expect(made.role_ids).toEqual([id]);
  });

  test.each([
    ['an empty name', { name: '' }, 'invalid_input', '"name" must not be empty'],
    ['a name like an id', { name: idLike }, 'invalid_input', '"name" must not have the shape of an id'],
    ['a name like another thing’s id', { name: idLike.replace('prin', 'role') }, 'invalid_input', undefined],
    ['a name of 129 characters', { name: 'a'.repeat(129) }, 'invalid_input', '"name" must be at most 128 characters'],
    ['a lone surrogate', { name: 'a\ud800' }, 'invalid_input', undefined],
    ['no role where roles are named', { name: 'n', role_ids: [] }, 'invalid_input', '"role_ids" must not be empty'],
    ['a role twice', { name: 'n', role_ids: ['Worker', 'Worker'] }, 'invalid_input', undefined],
    [
      'an unknown role',
      { name: 'n', role_ids: ['Viewer', 'Wroker'] },
      'not_found',
      'no role "Wroker" in project "default"',
    ],
    ['an unknown role id', { name: 'n', role_ids: ['role_7zzzzzzzzzzzzzzzzzzzzzzzzz'] }, 'not_found', undefined],
    ['a principal as role', { name: 'n', role_ids: [idLike] }, 'not_found', undefined],
    ['an unknown owner', { name: 'n', owner_id: 'nobody' }, 'not_found', 'no principal "nobody" in project "default"'],
    ['a reserved tag', { name: 'n', tags: { 'mobius:x': '1' } }, 'invalid_input', undefined],
    [
      'nine tags',
      { name: 'n', tags: Object.fromEntries([...'123456789'].map((k) => [k, ''])) },
      'invalid_input',
      undefined,
    ],
    ['a tag that is no text', { name: 'n', tags: { a: 1 } }, 'invalid_input', undefined],
    ['metadata that is a list', { name: 'n', metadata: [] }, 'invalid_input', undefined],
    ['a kind', { name: 'n', kind: 'user' }, 'invalid_input', 'unknown field "kind"'],
    ['a state', { name: 'n', state: 'disabled' }, 'invalid_input', 'unknown field "state"'],
    ['a key and no role for it', { name: 'n', with_key: {} }, 'principal_has_no_roles', undefined],
    [
      'a key that has expired',
      { name: 'n', role_ids: ['Worker'], with_key: { expires_at: '2026-06-01T12:00:00Z' } },
      'invalid_input',
      undefined,
    ],
    [
      'a key with a name like an id',
      { name: 'n', role_ids: ['Worker'], with_key: { name: idLike } },
      'invalid_input',
      undefined,
    ],
  ])('refuses %s, and leaves nothing behind', async (_, input, code, message) => {
    const error = await expectRefused(vault, () => vault.owner('principals.create', input as never), code);
    if (message !== undefined) expect(error.message).toBe(message);
  });

  test('a name is taken once in a project, in this spelling', async () => {
    await vault.owner('principals.create', { name: 'taken' });
    const error = await expectRefused(
      vault,
      () => vault.owner('principals.create', { name: 'taken' }),
      'already_exists',
    );
    expect(error.message).toBe('a principal named "taken" already exists in project "default"');
    expect(error.details).toEqual({ resource: 'principal', field: 'name', name: 'taken' });
    const other = await vault.owner('principals.create', { name: 'taken', project: 'other' });
    const upper = await vault.owner('principals.create', { name: 'Taken' });
    expect((await vault.owner('principals.get', { id: 'Taken' })).id).toBe(upper.id);
    expect((await vault.owner('principals.get', { id: 'taken', project: 'other' })).id).toBe(other.id);
  });

  test('a taken name of its first key leaves no principal behind', async () => {
    const holder = await vault.client('holder', ['Viewer']);
    await vault.owner('api-keys.create', { name: 'the key', principal_id: holder.principal.id });
    const input = { name: 'latecomer', role_ids: ['Viewer'], with_key: { name: 'the key' } };
    const error = await expectRefused(vault, () => vault.owner('principals.create', input), 'already_exists');
    expect(error.message).toBe('an api key named "the key" already exists in project "default"');
  });
});

describe('what stands in another project', () => {
  test('is not there, whatever names it', async () => {
    const role = await vault.owner('roles.create', {
      project: 'other',
      name: 'theirs',
      permissions: ['mobius.keys.*'],
    });
    const stranger = await vault.client('stranger', [role.id], 'other');
    const [assignment] = (
      await vault.owner('roles.list-assignments', { project: 'other', principal_id: stranger.principal.id })
    ).items;
    const mine = await vault.client('mine', ['Owner']);
    const foreign = stranger.principal.id;
    const attempts: readonly [string, () => Promise<unknown>][] = [
      ['principals.get', () => mine.call('principals.get', { id: foreign })],
      ['principals.get by name', () => mine.call('principals.get', { id: 'stranger' })],
      ['principals.update', () => mine.call('principals.update', { id: foreign, state: 'disabled' })],
      ['principals.delete', () => mine.call('principals.delete', { id: foreign })],
      ['principals.create owner_id', () => mine.call('principals.create', { name: 'n', owner_id: foreign })],
      ['principals.create role_ids', () => mine.call('principals.create', { name: 'n', role_ids: [role.id] })],
      ['principals.create role name', () => mine.call('principals.create', { name: 'n', role_ids: ['theirs'] })],
      ['principals.update owner_id', () => mine.call('principals.update', { id: 'mine', owner_id: foreign })],
      ['principals.update role_ids', () => mine.call('principals.update', { id: 'mine', role_ids: [role.id] })],
      ['roles.get', () => mine.call('roles.get', { id: role.id })],
      ['roles.update', () => mine.call('roles.update', { id: role.id, permissions: ['mobius.*'] })],
      ['roles.delete', () => mine.call('roles.delete', { id: role.id })],
      ['assign a foreign role', () => mine.call('roles.create-assignment', { principal_id: 'mine', role_id: role.id })],
      [
        'assign to a foreigner',
        () => mine.call('roles.create-assignment', { principal_id: foreign, role_id: 'Viewer' }),
      ],
      ['assignments of a foreigner', () => mine.call('roles.list-assignments', { principal_id: foreign })],
      ['assignments of a foreign role', () => mine.call('roles.list-assignments', { role_id: role.id })],
      ['delete-assignment', () => mine.call('roles.delete-assignment', { id: assignment?.id ?? '' })],
      ['permissions.check', () => mine.call('permissions.check', { principal_id: foreign, permission: 'mobius.*' })],
      ['api-keys.create', () => mine.call('api-keys.create', { name: 'k', principal_id: foreign })],
      ['api-keys.get', () => mine.call('api-keys.get', { id: stranger.keyId })],
      ['api-keys.update', () => mine.call('api-keys.update', { id: stranger.keyId, state: 'disabled' })],
      ['api-keys.revoke', () => mine.call('api-keys.revoke', { id: stranger.keyId })],
      ['api-keys.list', () => mine.call('api-keys.list', { principal_id: foreign })],
    ];
    for (const [what, attempt] of attempts) {
      const { message } = await expectRefused(vault, attempt, 'not_found');
      expect(message, what).toMatch(/ in project "default"$/);
    }
    // The same holds for the owner of all, whose calls name a project.
    await expectRefused(vault, () => vault.owner('principals.get', { id: foreign }), 'not_found');
    expect(await mine.call('api-keys.verify', { key: stranger.key })).toEqual({ valid: false, code: 'NOT_FOUND' });
    expect(await stranger.call('auth.whoami', {})).toMatchObject({ project: 'other', permissions: ['mobius.keys.*'] });
  });
});

describe('update', () => {
  test('changes what was given and nothing else', async () => {
    const made = await vault.owner('principals.create', {
      name: 'changing',
      description: 'old',
      tags: { a: '1' },
      metadata: { a: 1 },
      role_ids: ['Viewer'],
    });
    vault.clock.now += minute;
    const changed = await vault.owner('principals.update', { id: 'changing', metadata: { b: 2 } });
    expect(changed).toEqual({ ...made, metadata: { b: 2 }, updated_at: '2026-06-01T12:01:00Z' });
    expect(await vault.owner('principals.update', { id: 'changing', description: '' })).not.toHaveProperty(
      'description',
    );
    expect((await vault.owner('principals.update', { id: 'changing', tags: {} })).tags).toEqual({});
    expect((await vault.owner('principals.update', { id: 'changing', role_ids: [] })).role_ids).toEqual([]);
    const { id: worker } = await vault.owner('roles.get', { id: 'Worker' });
    const roles = await vault.owner('principals.update', { id: 'changing', role_ids: ['worker', worker, 'Viewer'] });
    expect(roles.role_ids).toHaveLength(2);
    expect(await vault.owner('principals.get', { id: made.id })).toEqual(roles);
  });

  test('replacing roles leaves those that stay as they were granted', async () => {
    await vault.owner('principals.create', { name: 'staying', role_ids: ['Viewer', 'Worker'] });
    const assigned = async () =>
      (await vault.owner('roles.list-assignments', { principal_id: 'staying' })).items.map((item) => [
        item.role_name,
        item.id,
      ]);
    const before = new Map((await assigned()) as [string, string][]);
    await vault.owner('principals.update', { id: 'staying', role_ids: ['Worker', 'Operator'] });
    const after = new Map((await assigned()) as [string, string][]);
    expect([...after.keys()].sort()).toEqual(['Operator', 'Worker']);
    expect(after.get('Worker')).toBe(before.get('Worker'));
  });

  test('disabling refuses its keys at once and enabling takes them again; doing either twice is fine', async () => {
    const { call, principal } = await vault.client('switched', ['Viewer']);
    const since = (): unknown => vault.rows('select disabled_at from principals where id = ?', principal.id)[0];
    await call('auth.whoami', {});
    expect(await vault.owner('principals.update', { id: 'switched', state: 'disabled' })).toMatchObject({
      state: 'disabled',
    });
    const first = since();
    expect((await refusal(call('auth.whoami', {}))).code).toBe('unauthorized');
    vault.clock.now += minute;
    await vault.owner('principals.update', { id: 'switched', state: 'disabled' });
    expect(since()).toEqual(first);
    await vault.owner('principals.update', { id: 'switched', state: 'active' });
    await vault.owner('principals.update', { id: 'switched', state: 'active' });
    expect(await call('auth.whoami', {})).toMatchObject({ name: 'switched' });
  });

  test.each([
    [{ id: 'nobody' }, 'not_found'],
    [{ id: idLike }, 'not_found'],
    [{ id: 'default-one', name: 'another' }, 'invalid_input'],
    [{ id: 'default-one', state: 'archived' }, 'invalid_input'],
    [{ id: 'default-one', role_ids: ['Viewer', 'nothing'] }, 'not_found'],
    [{ id: 'default-one', owner_id: 'nobody', tags: { a: 'b' } }, 'not_found'],
    [{ id: 'default-one', with_key: {} }, 'invalid_input'],
    [{ id: 'default-one', description: 'x'.repeat(1025) }, 'invalid_input'],
    [{ id: 'default-one', description: 'a\u001b[31m' }, 'invalid_input'],
    [{ id: 'default-one', metadata: JSON.parse('{"a":{"__proto__":{"admin":true}}}') }, 'invalid_input'],
  ])('refuses %j', async (input, code) => {
    await vault.owner('principals.create', { name: 'default-one', role_ids: ['Worker'] }).catch(() => undefined);
    await expectRefused(vault, () => vault.owner('principals.update', input as never), code);
  });
});

describe('list', () => {
  test('leaves out the disabled unless they are asked for, the deleted always, and those of other projects', async () => {
    const { handle: project } = await vault.owner('projects.create', { name: 'Listed' });
    for (const name of ['a', 'b', 'c', 'd']) await vault.owner('principals.create', { project, name });
    await vault.owner('principals.update', { project, id: 'b', state: 'disabled' });
    await vault.owner('principals.delete', { project, id: 'c' });
    const names = async (input: object): Promise<string[]> =>
      (await vault.owner('principals.list', { project, ...input })).items.map(({ name }) => name);
    expect(await names({})).toEqual(['a', 'd']);
    expect(await names({ include_disabled: true })).toEqual(['a', 'b', 'd']);
    expect(await names({ include_disabled: true, limit: 2 })).toEqual(['a', 'b']);
    expect(await names({ kind: 'service' })).toEqual(['a', 'd']);
    expect(await names({ kind: 'user' })).toEqual([]);
  });

  test.each([{ kind: 'robot' }, { limit: 0 }, { limit: 201 }, { limit: 1.5 }, { cursor: 'x' }, { tag: ['x'] }])(
    'refuses %o',
    async (input) => {
      await expectRefused(vault, () => vault.owner('principals.list', input as never), 'invalid_input');
    },
  );
});

describe('delete', () => {
  test('not while a key of it works or could work again', async () => {
    const { keyId } = await vault.client('busy', ['Viewer']);
    const refused = async (keys: number): Promise<void> => {
      const error = await expectRefused(vault, () => vault.owner('principals.delete', { id: 'busy' }), 'conflict');
      expect(error.details).toEqual({ reason: 'active_keys', name: 'busy', keys });
    };
    await refused(1);
    await vault.owner('api-keys.update', { id: keyId, state: 'disabled' });
    await refused(1);
    const expires = new Date(vault.clock.now + minute).toISOString();
    await vault.owner('api-keys.create', { name: 'brief', principal_id: 'busy', expires_at: expires });
    await refused(2);
    await vault.owner('api-keys.revoke', { id: keyId });
    await refused(1);
    vault.clock.now += minute;
    await vault.owner('principals.delete', { id: 'busy' });
  });

  test('takes its roles and tags away, keeps its keys’ past, and its name is free again', async () => {
    const { principal, call, keyId } = await vault.client('leaving', ['Admin']);
    await vault.owner('principals.update', { id: 'leaving', tags: { a: 'b' } });
    await vault.owner('api-keys.revoke', { id: keyId });
    await vault.owner('principals.delete', { id: principal.id });
    for (const id of ['leaving', principal.id]) {
      await expectRefused(vault, () => vault.owner('principals.get', { id }), 'not_found');
      await expectRefused(vault, () => vault.owner('principals.update', { id, state: 'active' }), 'not_found');
      await expectRefused(vault, () => vault.owner('principals.delete', { id }), 'not_found');
      await expectRefused(vault, () => vault.owner('api-keys.create', { name: 'n', principal_id: id }), 'not_found');
      await expectRefused(vault, () => vault.owner('principals.create', { name: 'n', owner_id: id }), 'not_found');
    }
    expect(vault.rows('select 1 from tags where resource_id = ?', principal.id)).toEqual([]);
    expect(vault.rows('select 1 from role_assignments where principal_id = ?', principal.id)).toEqual([]);
    expect(await vault.owner('api-keys.get', { id: keyId })).toMatchObject({
      state: 'revoked',
      principal_id: principal.id,
    });
    expect((await refusal(call('auth.whoami', {}))).code).toBe('unauthorized');

    const next = await vault.owner('principals.create', { name: 'leaving' });
    expect(next.id).not.toBe(principal.id);
    expect(next.role_ids).toEqual([]);
  });
});
