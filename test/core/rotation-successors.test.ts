import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Call } from '../../src/operations.ts';
import { useSecrets } from '../../src/use/resolve.ts';
import { open, storedEntries } from './chain.ts';
import { begin, made, reasonOf, rotate } from './rotation-world.ts';
import { expectRefused, makeVault, minute, refusal, type TestVault } from './world.ts';

/** What becomes of successors: one that somebody may have works until a later one is verified. */

let vault: TestVault;
let owner: Call;
let count = 0;
beforeAll(async () => {
  vault = await makeVault();
  owner = vault.owner;
  await owner('principals.create', { name: 'worker', role_ids: ['Worker'] });
});
afterAll(() => vault.close());

const iso = (time: number): string => new Date(time).toISOString().replace('.000', '');
const newKey = async (more: { expires_at?: string; principal_id?: string } = {}) => {
  const name = `key-${++count}`;
  const { id, key } = await owner('api-keys.create', { name, principal_id: 'worker', ...more });
  return { name, id, key, subject: `api-keys/${name}` };
};
const states = async (...keys: { id: string }[]): Promise<string[]> => {
  const found: string[] = [];
  for (const { id } of keys) found.push((await owner('api-keys.get', { id })).state);
  return found;
};
const lastChanges = () => {
  const row = storedEntries(vault).at(-1);
  if (row === undefined) throw new Error('nothing was noted');
  return open(vault.vault, row).changes;
};

describe('of a key', () => {
  test('that nobody can have goes as soon as there is another', async () => {
    const old = await newKey();
    const going = await begin(owner, old.subject);
    const first = made(await going.issue());
    const second = made(await going.issue());
    expect(lastChanges()).toMatchObject({ step: 'issued', successor_id: second.id, taken_back: [first.id] });
    expect(await states(old, first, second)).toEqual(['active', 'revoked', 'active']);
    await going.abort();
    expect(lastChanges()).toMatchObject({ step: 'aborted', taken_back: [second.id] });
    expect(await states(old, first, second)).toEqual(['active', 'revoked', 'revoked']);
  });

  test('that somebody may have stays through any number of others, and stops when one of them is in its place', async () => {
    const old = await newKey();
    const going = await begin(owner, old.subject, { grace_seconds: 60 });
    const keys: { id: string }[] = [];
    for (const step of ['delivering', 'delivered', 'verified'] as const) {
      keys.push(made(await going.issue()));
      await going.advance(step);
    }
    const last = made(await going.issue());
    expect(await states(old, ...keys, last)).toEqual(Array(5).fill('active'));
    expect((await going.advance()).superseded).toEqual(keys.map(({ id }) => id));
    await going.bring();
    await going.finish();
    expect(lastChanges()).toMatchObject({
      taken_back: keys.map(({ id }) => id),
      retires_at: iso(vault.clock.now + minute),
    });
    expect(await states(old, ...keys, last)).toEqual(['retiring', 'revoked', 'revoked', 'revoked', 'active']);
    expect((await owner('api-keys.get', { id: old.name })).id).toBe(last.id);
  });

  test('is not made without end', async () => {
    const old = await newKey();
    const going = await begin(owner, old.subject);
    for (let n = 0; n < 26; n++) {
      await going.issue();
      await going.advance('delivering');
    }
    expect((await expectRefused(vault, () => going.issue(), 'conflict')).details.reason).toBe('most_successors');
    await going.advance('verified');
    await going.finish();
    const { items } = await owner('api-keys.list', { state: 'active', limit: 200 });
    expect(items.filter(({ rotated_from }) => rotated_from === old.id)).toHaveLength(1);
  });

  test('given up before anybody can have it', async () => {
    const old = await newKey();
    const begun = await begin(owner, old.subject);
    await begun.abort();
    expect(lastChanges()).toMatchObject({ step: 'aborted' });
    expect(await reasonOf(owner('rotations.abort', { rotation: begun.rotation }))).toBe('rotation_ended');
    expect((await owner('rotations.get', { rotation: begun.rotation })).step).toBe('aborted');
  });

  test('given up when somebody may have it only where that is said', async () => {
    const old = await newKey();
    for (const step of ['delivering', 'delivered', 'verified'] as const) {
      const going = await begin(owner, old.subject);
      const next = made(await going.issue());
      await going.advance(step);
      const error = await expectRefused(vault, () => going.abort(), 'conflict');
      expect(error.details.reason).toBe('maybe_delivered');
      await going.abort({ even_if_delivered: true });
      expect(await states(old, next)).toEqual(['active', 'revoked']);
      const again = await begin(owner, old.subject);
      const other = made(await again.issue());
      await again.advance(step);
      await again.abort({ withdrawn: true });
      expect(await states(old, other)).toEqual(['active', 'revoked']);
    }
  });

  test('taken back from whoever had it, beside others that somebody may have', async () => {
    const old = await newKey();
    const going = await begin(owner, old.subject);
    const first = made(await going.issue());
    await going.advance('delivering');
    const second = made(await going.issue());
    expect((await going.abort({ withdrawn: true })).step).toBe('begun');
    expect(lastChanges()).toMatchObject({ step: 'begun', taken_back: [second.id] });
    expect(await states(old, first, second)).toEqual(['active', 'active', 'revoked']);
    expect((await going.abort({ withdrawn: true })).step).toBe('begun');
    expect(await reasonOf(going.abort())).toBe('maybe_delivered');
    // Nobody is at it now.
    const next = await begin(owner, old.subject, { holder: 'two' });
    expect(next.rotation).toBe(going.rotation);
    const third = made(await next.issue());
    expect(await reasonOf(next.abort())).toBe('maybe_delivered');
    await next.bring();
    await next.finish();
    expect(await states(old, first, third)).toEqual(['revoked', 'revoked', 'active']);
  });

  test('all of them, where that is said', async () => {
    const old = await newKey();
    const going = await begin(owner, old.subject);
    const first = made(await going.issue());
    await going.advance('delivered');
    const second = made(await going.issue());
    expect((await going.abort({ withdrawn: true, even_if_delivered: true })).step).toBe('aborted');
    expect(await states(old, first, second)).toEqual(['active', 'revoked', 'revoked']);
  });

  test('without the lock only where nobody is at it, or who gives it up says so', async () => {
    const old = await newKey();
    const going = await begin(owner, old.subject);
    await going.issue();
    const { rotation } = going;
    expect(await reasonOf(owner('rotations.abort', { rotation }))).toBe('rotation_held');
    expect(await reasonOf(owner('rotations.abort', { rotation, lock: 'another' }))).toBe('rotation_lost');
    await owner('rotations.abort', { rotation, take_over: true });
    const next = await begin(owner, old.subject);
    vault.clock.now += minute;
    await owner('rotations.abort', { rotation: next.rotation });
  });

  test('in the place of one that ended meanwhile', async () => {
    const revoked = await newKey();
    const going = await begin(owner, revoked.subject, { grace_seconds: 3600 });
    const next = made(await going.issue());
    await going.bring();
    await owner('api-keys.revoke', { id: revoked.id });
    expect(lastChanges()).toEqual({ taken_back: [next.id] });
    expect(await reasonOf(going.finish())).toBe('rotation_ended');
    expect(await states(revoked, next)).toEqual(['revoked', 'revoked']);

    const expired = await newKey({ expires_at: iso(vault.clock.now + minute) });
    const late = await begin(owner, expired.subject, { grace_seconds: 3600 });
    const after = made(await late.issue());
    await late.bring();
    vault.clock.now += minute - 1;
    await late.finish();
    expect(await states(expired, after)).toEqual(['retiring', 'active']);
    vault.clock.now += 1;
    // The grace prolongs nothing.
    expect((await owner('api-keys.verify', { key: expired.key })).code).toBe('EXPIRED');

    const disabled = await newKey();
    const off = await begin(owner, disabled.subject, { grace_seconds: 3600 });
    const other = made(await off.issue());
    await off.bring();
    await owner('api-keys.update', { id: disabled.id, state: 'disabled' });
    expect(await states(disabled, other)).toEqual(['disabled', 'disabled']);
    expect(await reasonOf(off.finish())).toBe('successor_gone');
    await owner('api-keys.update', { id: disabled.id, state: 'active' });
    await off.finish();
    expect(await states(disabled, other)).toEqual(['retiring', 'active']);
  });

  test('not made of one that does not work', async () => {
    const old = await newKey();
    const going = await begin(owner, old.subject);
    await owner('api-keys.update', { id: old.id, state: 'disabled' });
    expect(await reasonOf(going.issue())).toBe('key_disabled');
    await going.abort();
    expect(await reasonOf(begin(owner, old.subject))).toBe('key_disabled');
    await owner('api-keys.revoke', { id: old.id });
    expect(await reasonOf(begin(owner, `api-keys/${old.id}`))).toBe('key_revoked');
    await owner('principals.create', { name: 'switched off', role_ids: ['Worker'] });
    const theirs = await newKey({ principal_id: 'switched off' });
    const of = await begin(owner, theirs.subject);
    await owner('principals.update', { id: 'switched off', state: 'disabled' });
    expect(await reasonOf(of.issue())).toBe('principal_disabled');
    await of.abort();
  });

  test('that was revoked meanwhile takes no place', async () => {
    const old = await newKey();
    const going = await begin(owner, old.subject);
    const next = made(await going.issue());
    await going.bring();
    await owner('api-keys.revoke', { id: next.id });
    expect((await expectRefused(vault, () => going.finish(), 'conflict')).details.reason).toBe('successor_gone');
    const other = made(await going.issue());
    await going.bring();
    await going.finish();
    expect(await states(old, next, other)).toEqual(['revoked', 'revoked', 'active']);
  });

  test('is not rotated by itself: whoever asks for it goes on with the one before', async () => {
    const old = await newKey();
    const going = await begin(owner, old.subject);
    const next = made(await going.issue());
    await going.advance('delivering', { release: true });
    for (const id of [old.id, next.id]) {
      const error = await expectRefused(vault, () => owner('api-keys.rotate', { id }), 'conflict');
      expect(error.details).toMatchObject({ reason: 'rotation_open', id: going.rotation });
    }
    const again = await begin(owner, `api-keys/${next.id}`);
    expect(again.rotation).toBe(going.rotation);
    await again.abort({ even_if_delivered: true });
  });

  test('ends with the one before, and is one too many, where a contract says so', async () => {
    const end = iso(vault.clock.now + 60 * minute);
    const old = await newKey({ expires_at: end });
    vault.clock.now += minute;
    const next = await rotate(vault.core.as({ kind: 'owner' }, { sameEnd: true }), old.subject);
    expect((await owner('api-keys.get', { id: next.id })).expires_at).toBe(end);
    await owner('principals.create', { name: 'of few', role_ids: ['Worker'] });
    const only = await newKey({ principal_id: 'of few' });
    const call = vault.core.as({ kind: 'owner' }, { mostKeys: 1 });
    const going = await begin(call, only.subject);
    expect(await reasonOf(going.issue())).toBe('most_keys');
    await going.abort();
    expect((await call('api-keys.rotate', { id: only.id })).name).toBe(only.name);
    expect(await states(only)).toEqual(['revoked']);
  });
});

describe('of a secret', () => {
  const newSecret = async (values: Record<string, string> = { password: 'fake-1', user: 'u' }): Promise<string> => {
    const { name } = await owner('secrets.create', { name: `db/${++count}`, values });
    return name;
  };
  const valuesOf = async (secret: string): Promise<string> => {
    const target = async () => ({ call: owner, project: 'default', close: async () => undefined });
    return JSON.stringify(await useSecrets(target, { texts: {}, secrets: [secret] }));
  };
  const versions = async (secret: string): Promise<string[]> =>
    (await owner('secrets.list-versions', { secret })).items.map(
      ({ version, state, staged }) => `${version} ${state}${staged === true ? ' staged' : ''}`,
    );

  test('is staged, and in use when it was verified', async () => {
    const name = await newSecret();
    const going = await begin(owner, `secrets/${name}`);
    const { rotation } = await going.issue({ values: { password: 'fake-2' }, merge: true });
    expect(rotation).toMatchObject({ subject: `secrets/${name}`, from_version: 1, version: 2 });
    expect(rotation).not.toHaveProperty('sha256');
    expect(await versions(name)).toEqual(['2 DISABLED staged', '1 ENABLED']);
    expect(await reasonOf(going.finish())).toBe('not_verified');
    await going.bring();
    await going.finish();
    expect(lastChanges()).toEqual({ subject_id: rotation.subject_id, step: 'done', version: 2 });
    expect(await versions(name)).toEqual(['2 ENABLED', '1 DISABLED']);
    expect(await valuesOf(name)).toContain('fake-2');
    expect(JSON.stringify(storedEntries(vault).map((row) => open(vault.vault, row)))).not.toMatch(/fake-[12]/);
  });

  test('that somebody may have set stays until a later one is in use, with the values kept before it', async () => {
    const name = await newSecret();
    const going = await begin(owner, `secrets/${name}`);
    await going.issue({ values: { password: 'a' } });
    await going.issue({ values: { password: 'b' } });
    await going.advance('delivering');
    await going.issue({ values: { password: 'c' } });
    expect(await versions(name)).toEqual(['4 DISABLED staged', '3 DISABLED staged', '2 DESTROYED', '1 ENABLED']);
    await going.bring();
    expect((await going.finish()).superseded).toEqual(['3']);
    expect(await versions(name)).toEqual(['4 ENABLED', '3 DESTROYED', '2 DESTROYED', '1 DISABLED']);
  });

  test('with one version kept at most', async () => {
    const name = await newSecret();
    await owner('secrets.update', { secret: name, max_versions: 1 });
    const going = await begin(owner, `secrets/${name}`);
    await going.issue({ values: { password: 'a' } });
    expect(await versions(name)).toEqual(['2 DISABLED staged', '1 ENABLED']);
    await going.bring();
    await going.finish();
    expect(await versions(name)).toEqual(['2 ENABLED', '1 DESTROYED']);
  });

  test('does not undo what somebody put to use meanwhile', async () => {
    const name = await newSecret();
    const going = await begin(owner, `secrets/${name}`);
    await going.issue({ values: { password: 'a' } });
    await going.bring();
    await owner('secrets.update', { secret: name, values: { password: 'by hand' } });
    const error = await expectRefused(vault, () => going.finish(), 'conflict');
    expect(error.message).toBe(`version 3 of the secret "${name}" was put to use meanwhile, so version 2 was not`);
    expect(error.details.reason).toBe('other_in_use');
    await owner('secrets.enable-version', { secret: name, version: 2 });
    await going.finish();
    expect(await versions(name)).toEqual(['3 DISABLED', '2 ENABLED', '1 DISABLED']);
  });

  test('given up, it is destroyed, but not what was in use meanwhile', async () => {
    const name = await newSecret();
    const going = await begin(owner, `secrets/${name}`);
    await going.issue({ values: { password: 'a' } });
    await going.advance('delivering');
    await going.issue({ values: { password: 'b' } });
    await owner('secrets.enable-version', { secret: name, version: 2 });
    await owner('secrets.enable-version', { secret: name, version: 1 });
    await going.abort({ even_if_delivered: true });
    expect(await versions(name)).toEqual(['3 DESTROYED', '2 DISABLED', '1 ENABLED']);
  });

  test('refuses what is for keys, values that are the same, and one that has nothing in use', async () => {
    const name = await newSecret();
    const subject = `secrets/${name}`;
    for (const more of [
      { name: 'x' },
      { expires_at: '2030-01-01T00:00:00Z' },
      { if_unused_for_seconds: 1 },
      { grace_seconds: 1 },
    ]) {
      expect((await refusal(begin(owner, subject, more))).code).toBe('invalid_input');
    }
    const going = await begin(owner, subject, { grace_seconds: 0 });
    expect((await refusal(going.issue())).code).toBe('invalid_input');
    expect(await reasonOf(going.issue({ values: { password: 'fake-1', user: 'u' } }))).toBe('values_unchanged');
    await going.issue({ values: { password: 'n' } });
    await going.bring();
    await owner('secrets.destroy-version', { secret: name, version: 2 });
    expect(await reasonOf(going.finish())).toBe('successor_gone');
    await going.abort({ withdrawn: true });
    await owner('secrets.disable-version', { secret: name, version: 1 });
    expect(await reasonOf(begin(owner, subject))).toBe('none_enabled');
  });

  test('goes with the secret, and so does its schedule', async () => {
    const name = await newSecret();
    const subject = `secrets/${name}` as const;
    await owner('rotations.set', { subject, every_seconds: 3600 });
    const going = await begin(owner, subject);
    await going.issue({ values: { password: 'n' } });
    await owner('secrets.delete', { secret: name });
    expect(await owner('rotations.get', { rotation: going.rotation })).toMatchObject({ step: 'aborted' });
    expect(await reasonOf(going.finish())).toBe('rotation_ended');
    const { items } = await owner('rotations.due', { include_later: true, limit: 200 });
    expect(items.map(({ subject: one }) => one)).not.toContain(subject);
  });
});
