import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatKey, parseKey } from '../../src/core/key-format.ts';
import { day, expectRefused, makeVault, minute, refusal, type TestVault } from './world.ts';

let vault: TestVault;
beforeAll(async () => {
  vault = await makeVault();
  await vault.owner('principals.create', { name: 'worker', role_ids: ['Worker'] });
  await vault.owner('principals.create', { name: 'nobody in particular' });
  await vault.owner('principals.create', { name: 'off', role_ids: ['Worker'] });
  await vault.owner('principals.update', { id: 'off', state: 'disabled' });
});
afterAll(() => vault.close());

const idLike = 'key_00000000000000000000000000';
const never = formatKey('mbx_', new Uint8Array(32).fill(7));
const iso = (time: number): string => new Date(time).toISOString();

describe('create', () => {
  test('answers the key this once', async () => {
    const { id: worker } = await vault.owner('principals.get', { id: 'worker' });
    const made = await vault.owner('api-keys.create', {
      name: 'ci',
      principal_id: 'worker',
      expires_at: '2026-06-02T14:00:00+02:00',
      tags: { env: 'ci' },
    });
    expect(made).toEqual({
      id: expect.stringMatching(/^key_[0-9a-z]{26}$/),
      name: 'ci',
      state: 'active',
      principal_id: worker,
      key: expect.stringMatching(/^mbx_[0-9A-Za-z]{49}$/),
      key_prefix: made.key.slice(0, 8),
      key_suffix: made.key.slice(-3),
      project_id: expect.stringMatching(/^prj_/),
      expires_at: '2026-06-02T12:00:00Z',
      tags: { env: 'ci' },
      created_at: '2026-06-01T12:00:00Z',
      updated_at: '2026-06-01T12:00:00Z',
    });
    expect(parseKey(made.key)).toMatchObject({ ok: true });
    const { key, ...rest } = made;
    expect(await vault.owner('api-keys.get', { id: 'ci' })).toEqual(rest);
    expect(await vault.owner('api-keys.get', { id: made.id })).toEqual(rest);
    expect(await vault.as(key)('auth.whoami', {})).toEqual({
      kind: 'api-key',
      name: 'worker',
      principal_id: worker,
      key_id: made.id,
      key_name: 'ci',
      project: 'default',
      roles: ['Worker'],
      permissions: expect.arrayContaining(['mobius.work.execute']),
      expires_at: '2026-06-02T12:00:00Z',
    });
  });

  test('takes the last moment that there is', async () => {
    const input = { name: 'for ever', principal_id: 'worker', expires_at: '9999-12-31T23:59:59.999Z' };
    expect(await vault.owner('api-keys.create', input)).toMatchObject({ expires_at: input.expires_at });
  });

  test('takes a prefix, and a principal without roles where that is meant', async () => {
    const made = await vault.owner('api-keys.create', {
      name: 'own',
      principal_id: 'nobody in particular',
      prefix: 'acme_live_',
      allow_unassigned_principal: true,
    });
    expect(made.key).toMatch(/^acme_live_[0-9A-Za-z]{49}$/);
    expect(await vault.as(made.key)('auth.whoami', {})).toMatchObject({ roles: [], permissions: [] });
  });

  test.each([
    ['an empty name', { name: '' }, 'invalid_input', '"name" must not be empty'],
    ['no name', { name: undefined }, 'invalid_input', '"name" is required'],
    ['a name like an id', { name: idLike }, 'invalid_input', '"name" must not have the shape of an id'],
    ['no principal', { principal_id: undefined }, 'invalid_input', '"principal_id" is required'],
    ['an unknown principal', { principal_id: 'none' }, 'not_found', 'no principal "none" in project "default"'],
    ['a principal in another case', { principal_id: 'WORKER' }, 'not_found', undefined],
    ['a role as principal', { principal_id: 'role_00000000007000800000000001' }, 'not_found', undefined],
    ['a disabled principal', { principal_id: 'off' }, 'conflict', 'the principal "off" is disabled'],
    ['a principal without roles', { principal_id: 'nobody in particular' }, 'principal_has_no_roles', undefined],
    [
      'an expiry that is now',
      { expires_at: '2026-06-01T12:00:00Z' },
      'invalid_input',
      '"expires_at" must be in the future',
    ],
    ['an expiry in the past', { expires_at: '2026-06-01T13:59:59+02:00' }, 'invalid_input', undefined],
    ['an expiry without a zone', { expires_at: '2027-01-01T00:00:00' }, 'invalid_input', undefined],
    [
      'an expiry after the last year',
      { expires_at: '9999-12-31T23:59:59-01:00' },
      'invalid_input',
      '"expires_at" must be before the year 10000',
    ],
    ['a day that is none', { expires_at: '2027-02-29T00:00:00Z' }, 'invalid_input', undefined],
    ['a prefix without its underscore', { prefix: 'acme' }, 'invalid_input', undefined],
    ['a prefix of twelve characters', { prefix: 'acme_live_x_' }, 'invalid_input', undefined],
    ['a state', { state: 'disabled' }, 'invalid_input', 'unknown field "state"'],
    ['a key of one’s own', { key: never }, 'invalid_input', 'unknown field "key"'],
  ])('refuses %s', async (_, change, code, message) => {
    const input = { name: 'new', principal_id: 'worker', ...change };
    const error = await expectRefused(vault, () => vault.owner('api-keys.create', input as never), code);
    if (message !== undefined) expect(error.message).toBe(message);
  });

  test('a name is taken until its key is revoked, disabled and expired ones included', async () => {
    const input = { name: 'taken', principal_id: 'worker', expires_at: iso(vault.clock.now + minute) };
    const { id } = await vault.owner('api-keys.create', input);
    const taken = async (): Promise<void> => {
      const again = { ...input, expires_at: iso(vault.clock.now + day) };
      const error = await expectRefused(vault, () => vault.owner('api-keys.create', again), 'already_exists');
      expect(error.message).toBe('an api key named "taken" already exists in project "default"');
      expect(error.details).toEqual({ resource: 'api key', field: 'name', name: 'taken' });
    };
    await taken();
    await vault.owner('api-keys.update', { id, state: 'disabled' });
    await taken();
    vault.clock.now += minute;
    await taken();
    await vault.owner('api-keys.revoke', { id });
    const next = await vault.owner('api-keys.create', { name: 'taken', principal_id: 'worker' });
    expect(next.id).not.toBe(id);
    expect((await vault.owner('api-keys.get', { id: 'taken' })).id).toBe(next.id);
    expect((await vault.owner('api-keys.get', { id })).state).toBe('revoked');
  });
});

describe('update', () => {
  test('a disabled key is refused until it is active again; either twice is fine', async () => {
    const { key, id } = await vault.owner('api-keys.create', { name: 'switched', principal_id: 'worker' });
    const call = vault.as(key);
    for (let i = 0; i < 2; i++) {
      expect(await vault.owner('api-keys.update', { id: 'switched', state: 'disabled' })).toMatchObject({
        state: 'disabled',
      });
    }
    expect((await refusal(call('auth.whoami', {}))).code).toBe('unauthorized');
    for (let i = 0; i < 2; i++) {
      expect(await vault.owner('api-keys.update', { id, state: 'active' })).toMatchObject({ state: 'active' });
    }
    expect(await call('auth.whoami', {})).toMatchObject({ key_name: 'switched' });
    expect((await vault.owner('api-keys.update', { id, tags: { a: 'b' } })).tags).toEqual({ a: 'b' });
    expect((await vault.owner('api-keys.update', { id, state: 'active' })).tags).toEqual({ a: 'b' });
  });

  test('an expired key stays expired, whatever is changed of it', async () => {
    const expires_at = iso(vault.clock.now + minute);
    const { key, id } = await vault.owner('api-keys.create', { name: 'over', principal_id: 'worker', expires_at });
    vault.clock.now += minute;
    for (const change of [{ tags: { a: 'b' } }, { state: 'disabled' as const }, { state: 'active' as const }]) {
      expect(await vault.owner('api-keys.update', { id, ...change })).toMatchObject({ state: 'expired' });
      expect((await refusal(vault.as(key)('auth.whoami', {}))).code).toBe('unauthorized');
    }
    await vault.owner('api-keys.revoke', { id });
    expect(await vault.owner('api-keys.get', { id })).toMatchObject({ state: 'revoked', tags: { a: 'b' } });
  });

  test('what is revoked stays as it is', async () => {
    const { id } = await vault.owner('api-keys.create', { name: 'final', principal_id: 'worker' });
    await vault.owner('api-keys.revoke', { id });
    for (const change of [{ state: 'active' as const }, { tags: {} }, {}]) {
      const error = await expectRefused(vault, () => vault.owner('api-keys.update', { id, ...change }), 'conflict');
      expect(error.message).toBe('the api key "final" is revoked, which is final');
    }
    await expectRefused(vault, () => vault.owner('api-keys.update', { id: 'final' }), 'not_found');
  });

  test.each([
    [{ id: 'nothing' }, 'not_found'],
    [{ id: idLike }, 'not_found'],
    [{ id: 'standing', state: 'revoked' }, 'invalid_input'],
    [{ id: 'standing', expires_at: '2030-01-01T00:00:00Z' }, 'invalid_input'],
    [{ id: 'standing', principal_id: 'off' }, 'invalid_input'],
    [{ id: 'standing', tags: { 'mobius:a': 'b' } }, 'invalid_input'],
  ])('refuses %j', async (input, code) => {
    await vault.owner('api-keys.create', { name: 'standing', principal_id: 'worker' }).catch(() => undefined);
    await expectRefused(vault, () => vault.owner('api-keys.update', input as never), code);
  });
});

describe('revoke', () => {
  test('holds at once and for good; again is fine and changes nothing', async () => {
    const { key, id } = await vault.owner('api-keys.create', { name: 'gone', principal_id: 'worker' });
    await vault.as(key)('auth.whoami', {});
    await vault.owner('api-keys.revoke', { id: 'gone' });
    expect((await refusal(vault.as(key)('auth.whoami', {}))).code).toBe('unauthorized');
    const state = vault.state();
    vault.clock.now += minute;
    await vault.owner('api-keys.revoke', { id });
    expect(vault.state()).toEqual(state);
    await expectRefused(vault, () => vault.owner('api-keys.revoke', { id: 'gone' }), 'not_found');
    await expectRefused(vault, () => vault.owner('api-keys.revoke', { id: idLike }), 'not_found');
  });

  test('a key may revoke itself, which is the last that it does', async () => {
    const operator = await vault.client('operator', ['Operator']);
    await operator.call('api-keys.revoke', { id: operator.keyId });
    expect((await refusal(operator.call('auth.whoami', {}))).code).toBe('unauthorized');
  });
});

describe('list', () => {
  test('by principal and state', async () => {
    const { handle: project } = await vault.owner('projects.create', { name: 'Listed' });
    for (const name of ['p', 'q']) await vault.owner('principals.create', { project, name, role_ids: ['Viewer'] });
    const expires_at = iso(vault.clock.now + minute);
    for (const name of ['p1', 'p2', 'p3']) await vault.owner('api-keys.create', { project, name, principal_id: 'p' });
    for (const name of ['q1', 'q2', 'q3']) {
      await vault.owner('api-keys.create', { project, name, principal_id: 'q', expires_at });
    }
    for (const id of ['p2', 'q2']) await vault.owner('api-keys.update', { project, id, state: 'disabled' });
    for (const id of ['p3', 'q3']) await vault.owner('api-keys.revoke', { project, id });
    vault.clock.now += minute;
    const names = async (input: object): Promise<string[]> =>
      (await vault.owner('api-keys.list', { project, ...input })).items.map(({ name }) => name);
    expect(await names({})).toEqual(['p1', 'p2', 'p3', 'q1', 'q2', 'q3']);
    expect(await names({ principal_id: 'q' })).toEqual(['q1', 'q2', 'q3']);
    const byState = { active: ['p1'], disabled: ['p2'], expired: ['q1', 'q2'], revoked: ['p3', 'q3'], retiring: [] };
    for (const [state, expected] of Object.entries(byState)) expect(await names({ state }), state).toEqual(expected);
    expect(await names({ principal_id: 'p', state: 'expired' })).toEqual([]);
    // A list tells of each key what the key itself tells.
    for (const item of (await vault.owner('api-keys.list', { project })).items) {
      expect(await vault.owner('api-keys.get', { project, id: item.id })).toEqual(item);
    }
  });

  test.each([
    [{ state: 'gone' }, 'invalid_input'],
    [{ limit: 0 }, 'invalid_input'],
    [{ limit: 201 }, 'invalid_input'],
    [{ cursor: '' }, 'invalid_input'],
    [{ cursor: 'not one' }, 'invalid_input'],
    [{ cursor: btoa("' or 1 = 1 --") }, 'invalid_input'],
    [{ tag: ['env'] }, 'invalid_input'],
    [{ tag: 'env:x' }, 'invalid_input'],
    [{ principal_id: 'none' }, 'not_found'],
  ])('refuses %j', async (input, code) => {
    await expectRefused(vault, () => vault.owner('api-keys.list', input as never), code);
  });
});

describe('verify', () => {
  test('tells why a key does not work', async () => {
    const { key, id, principal_id } = await vault.owner('api-keys.create', {
      name: 'asked about',
      principal_id: 'worker',
      expires_at: iso(vault.clock.now + day),
    });
    const about = {
      key_id: id,
      principal_id,
      project: 'default',
      name: 'asked about',
      expires_at: iso(vault.clock.now + day).replace('.000', ''),
    };
    const { permissions } = await vault.as(key)('auth.whoami', {});
    const verify = (permission?: string, text = key) =>
      vault.owner('api-keys.verify', { key: text, ...(permission === undefined ? {} : { permission }) });
    expect(await verify()).toEqual({ valid: true, code: 'VALID', ...about, permissions });
    expect(await verify(undefined, `${key}.default`)).toEqual({ valid: true, code: 'VALID', ...about, permissions });
    // It may be told to the next one as well.
    const told = await verify();
    expect([told, told.permissions].map(Object.isFrozen)).toEqual([true, true]);
    expect(await verify('mobius.secrets.use')).toEqual({ valid: true, code: 'VALID', ...about, permissions });
    expect(await verify('mobius.keys.issue')).toEqual({
      valid: false,
      code: 'INSUFFICIENT_PERMISSIONS',
      ...about,
      permissions,
    });
    expect(await verify('mobius.secrets.*')).toMatchObject({ valid: false, code: 'INSUFFICIENT_PERMISSIONS' });

    await vault.owner('api-keys.update', { id, state: 'disabled' });
    expect(await verify()).toEqual({ valid: false, code: 'DISABLED', ...about });
    await vault.owner('api-keys.update', { id, state: 'active' });
    await vault.owner('principals.update', { id: 'worker', state: 'disabled' });
    expect(await verify()).toEqual({ valid: false, code: 'DISABLED', ...about });
    await vault.owner('principals.update', { id: 'worker', state: 'active' });
    await vault.owner('projects.archive', { id: 'default' });
    expect(await verify()).toEqual({ valid: false, code: 'DISABLED', ...about });
    await vault.owner('projects.restore', { id: 'default' });
    vault.clock.now += day;
    expect(await verify('mobius.keys.issue')).toEqual({ valid: false, code: 'EXPIRED', ...about });
    await vault.owner('api-keys.revoke', { id });
    expect(await verify()).toEqual({ valid: false, code: 'REVOKED', ...about });
  });

  test('says the same of every key that is none here', async () => {
    const { key } = await vault.owner('api-keys.create', { name: 'here', principal_id: 'worker' });
    await vault.owner('projects.create', { name: 'There' });
    const { key: theirs } = await vault.client('theirs', ['Worker'], 'there');
    const mistyped = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`;
    for (const text of [
      never,
      theirs,
      mistyped,
      `${key}.there`,
      `${theirs}.default`,
      `${theirs}.there`,
      'mbx_',
      'x',
      ' ',
    ]) {
      expect(await vault.owner('api-keys.verify', { key: text }), text).toEqual({ valid: false, code: 'NOT_FOUND' });
    }
  });

  test.each([
    [{ key: '' }, '"key" must not be empty'],
    [{ key: 'x'.repeat(257) }, '"key" must be at most 256 characters'],
    [{ key: never, permission: 'mobius.nothing' }, '"permission" names no permission: "mobius.nothing"'],
    [{ key: never, ip: '300.1.1.1' }, undefined],
    [{}, '"key" is required'],
  ])('refuses %j, and never says the key', async (input, message) => {
    const error = await expectRefused(vault, () => vault.owner('api-keys.verify', input as never), 'invalid_input');
    if (message !== undefined) expect(error.message).toBe(message);
    expect(JSON.stringify([error.message, error.details, error.hint])).not.toContain(never);
  });
});
