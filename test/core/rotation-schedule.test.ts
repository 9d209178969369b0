import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Call, Input } from '../../src/operations.ts';
import { begin, reasonOf, rotate, type Subject } from './rotation-world.ts';
import { day, makeVault, minute, outcome, refusal, type TestVault } from './world.ts';

/** When something is due, by a condition that was given or by a schedule. */

let vault: TestVault;
let project: string;
let count = 0;
beforeAll(async () => {
  vault = await makeVault();
});
afterAll(() => vault.close());

const hour = 60 * minute;
const iso = (time: number): string => new Date(time).toISOString().replace('.000', '');

beforeEach(async () => {
  project = (await vault.owner('projects.create', { name: `Project ${++count}` })).handle;
  await vault.owner('principals.create', { project, name: 'worker', role_ids: ['Worker'] });
});

const newKey = async (lifeMs?: number) =>
  vault.owner('api-keys.create', {
    project,
    name: `key ${++count}`,
    principal_id: 'worker',
    ...(lifeMs === undefined ? {} : { expires_at: iso(vault.clock.now + lifeMs) }),
  });
const set = (subject: string, every_seconds: number, grace_seconds?: number) =>
  vault.owner('rotations.set', {
    project,
    subject: subject as Subject,
    every_seconds,
    ...(grace_seconds === undefined ? {} : { grace_seconds }),
  });
const due = async (more: Partial<Input<'rotations.due'>> = {}) =>
  (await vault.owner('rotations.due', { project, ...more })).items;

describe('conditions', () => {
  type Conditions = Pick<
    Input<'rotations.start'>,
    'if_older_than_seconds' | 'if_expires_within_seconds' | 'if_unused_for_seconds'
  >;
  const ask = async (subject: string, conditions: Conditions) => {
    const {
      due: isDue,
      reason,
      rotation,
    } = await vault.owner('rotations.start', {
      project,
      subject: subject as Subject,
      holder: 'h',
      ...conditions,
    });
    if (rotation !== undefined)
      await vault.owner('rotations.abort', { project, rotation: rotation.id, take_over: true });
    return isDue ? 'due' : reason;
  };

  test('of age', async () => {
    const subject = `api-keys/${(await newKey()).id}`;
    vault.clock.now += 2 * day - 1;
    expect(await ask(subject, { if_older_than_seconds: 172_800 })).toBe('it is 1d old');
    vault.clock.now += 1;
    expect(await ask(subject, { if_older_than_seconds: 172_800 })).toBe('due');
  });

  test('of its end', async () => {
    const lasting = `api-keys/${(await newKey()).id}`;
    const brief = `api-keys/${(await newKey(3 * hour)).id}`;
    const condition = { if_expires_within_seconds: 7200 };
    expect(await ask(lasting, condition)).toBe('it never expires');
    expect(await ask(brief, condition)).toBe('it expires in 3h');
    vault.clock.now += hour;
    expect(await ask(brief, condition)).toBe('due');
  });

  test('of its last use', async () => {
    const { id, key } = await newKey();
    const condition = { if_unused_for_seconds: 3600 };
    vault.clock.now += 30 * minute;
    expect(await ask(`api-keys/${id}`, condition)).toBe('it is 30m old');
    await vault.as(key)('auth.whoami', {});
    await vault.core.settle();
    vault.clock.now += hour - 1;
    expect(await ask(`api-keys/${id}`, condition)).toBe('it was used 59m ago');
    vault.clock.now += minute;
    expect(await ask(`api-keys/${id}`, condition)).toBe('due');
  });

  test('any of several, and none that isn’t there', async () => {
    const subject = `api-keys/${(await newKey(3 * hour)).id}`;
    const conditions = { if_older_than_seconds: 60, if_expires_within_seconds: 60, if_unused_for_seconds: 3600 };
    expect(await ask(subject, conditions)).toBe('it is 0s old, it expires in 3h, it is 0s old');
    expect((await vault.owner('rotations.list', { project, include_ended: true })).items).toEqual([]);
    vault.clock.now += minute;
    expect(await ask(subject, conditions)).toBe('due');
    expect(await ask(subject, {})).toBe('due');
  });

  test('of a secret: from the version that is in use', async () => {
    const { name } = await vault.owner('secrets.create', { project, name: 'db', values: { a: 'b' } });
    vault.clock.now += hour;
    await vault.owner('secrets.update', { project, secret: name, values: { a: 'c' } });
    expect(await ask('secrets/db', { if_older_than_seconds: 3600 })).toBe('it is 0s old');
    vault.clock.now += hour;
    expect(await ask('secrets/db', { if_older_than_seconds: 3600 })).toBe('due');
  });

  test('what was begun goes on whatever they say', async () => {
    const { id } = await newKey();
    const subject = `api-keys/${id}` as const;
    const first = await vault.owner('rotations.start', { project, subject, holder: 'h' });
    vault.clock.now += minute;
    const again = await vault.owner('rotations.start', {
      project,
      subject,
      holder: 'h',
      if_older_than_seconds: 86_400,
    });
    expect(again).toMatchObject({ due: true, resumed: true, rotation: { id: first.rotation?.id } });
    expect(again.lock).not.toBe(first.lock);
  });
});

describe('a schedule', () => {
  const everyMonth = 30 * 86_400;
  const dueAt = async (lifeMs: number | undefined, every: number, grace?: number): Promise<number> => {
    const begun = vault.clock.now;
    const policy = await set(`api-keys/${(await newKey(lifeMs)).id}`, every, grace);
    return Date.parse(policy.due_at) - begun;
  };

  test('is due by age, before the end, and not in the first half of a short life', async () => {
    expect(await dueAt(undefined, everyMonth)).toBe(30 * day);
    expect(await dueAt(365 * day, everyMonth)).toBe(30 * day);
    expect(await dueAt(10 * day, everyMonth)).toBe(9 * day);
    expect(await dueAt(10 * day, everyMonth, 0)).toBe(9 * day);
    expect(await dueAt(10 * day, everyMonth, 3 * 86_400)).toBe(7 * day);
    expect(await dueAt(10 * day, everyMonth, 9 * 86_400)).toBe(5 * day);
    expect(await dueAt(hour, everyMonth)).toBe(30 * minute);
  });

  test('lists what is due, what is due soon, and all, page by page', async () => {
    const keys: string[] = [];
    for (const hours of [1, 2, 3, 4, 5]) {
      const { id } = await newKey();
      keys.push(id);
      await set(`api-keys/${id}`, hours * 3600);
    }
    const found = async (more: Partial<Input<'rotations.due'>> = {}) =>
      (await due(more)).map(({ subject_id }) => keys.indexOf(subject_id) + 1);
    expect(await found()).toEqual([]);
    vault.clock.now += 2 * hour;
    expect(await found()).toEqual([1, 2]);
    expect((await due()).map((one) => one.due)).toEqual([true, true]);
    expect(await found({ within_seconds: 3600 })).toEqual([1, 2, 3]);
    expect((await due({ within_seconds: 3600 })).map((one) => one.due)).toEqual([true, true, false]);
    expect(await found({ include_later: true })).toEqual([1, 2, 3, 4, 5]);
    for (const limit of [1, 2, 3]) {
      const walked: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await vault.owner('rotations.due', {
          project,
          include_later: true,
          limit,
          ...(cursor === undefined ? {} : { cursor }),
        });
        expect(page.has_more).toBe(page.next_cursor !== undefined);
        walked.push(...page.items.map(({ subject_id }) => subject_id));
        cursor = page.next_cursor;
      } while (cursor !== undefined);
      expect(walked).toEqual(keys);
    }
    const { handle } = await vault.owner('projects.create', { name: `Empty ${count}` });
    expect((await vault.owner('rotations.due', { project: handle, include_later: true })).items).toEqual([]);
  });

  test('gives its grace to a rotation that says none, and goes on with what comes of it', async () => {
    const { id } = await newKey();
    await set(`api-keys/${id}`, everyMonth, 600);
    const here: Call = (name, input, options) => vault.owner(name, { project, ...input }, options);
    const going = await begin(here, `api-keys/${id}`);
    expect((await due({ include_later: true }))[0]).toMatchObject({ rotation_id: going.rotation });
    await going.abort();
    vault.clock.now += hour;
    const next = await rotate(here, `api-keys/${id}`);
    const retires = iso(vault.clock.now + 600_000);
    expect(await here('api-keys.get', { id })).toMatchObject({ retires_at: retires });
    const policies = await due({ include_later: true });
    expect(policies).toHaveLength(1);
    expect(policies[0]).toMatchObject({
      subject_id: next.id,
      grace_seconds: 600,
      last_rotated_at: iso(vault.clock.now),
      due_at: iso(vault.clock.now + 30 * day),
    });
    expect(policies[0]).not.toHaveProperty('rotation_id');
    await rotate(here, `api-keys/${next.id}`, { grace_seconds: 0 });
    expect(await here('api-keys.get', { id: next.id })).toMatchObject({ state: 'revoked' });
  });

  test('is changed, and taken away; a second time that is fine', async () => {
    const { id, name } = await newKey();
    const subject = `api-keys/${name}` as const;
    expect(await set(`api-keys/${id}`, 3600)).toMatchObject({ subject, every_seconds: 3600, grace_seconds: 86_400 });
    expect(await set(subject, 7200, 5)).toMatchObject({ every_seconds: 7200, grace_seconds: 5 });
    expect(await due({ include_later: true })).toHaveLength(1);
    for (let n = 0; n < 2; n++) await vault.owner('rotations.unset', { project, subject });
    expect(await due({ include_later: true })).toEqual([]);
  });

  test('goes with a key that is revoked, and with the principal of one that expired', async () => {
    const [revoked, expired] = [await newKey(), await newKey(minute)];
    for (const { id } of [revoked, expired]) await set(`api-keys/${id}`, 3600);
    const subject = `api-keys/${expired.id}` as const;
    const open = await vault.owner('rotations.start', { project, subject, holder: 'h' });
    await vault.owner('api-keys.revoke', { project, id: revoked.id });
    expect((await due({ include_later: true })).map(({ subject_id }) => subject_id)).toEqual([expired.id]);
    vault.clock.now += minute;
    await vault.owner('principals.delete', { project, id: 'worker' });
    expect(await due({ include_later: true })).toEqual([]);
    const rotation = open.rotation?.id ?? '';
    expect((await vault.owner('rotations.get', { project, rotation })).step).toBe('aborted');
  });

  test('of a secret has no grace', async () => {
    await vault.owner('secrets.create', { project, name: 'db/prod', values: { a: 'b' } });
    expect((await outcome(set('secrets/db/prod', 3600, 1))).code).toBe('invalid_input');
    expect(await set('secrets/db/prod', 3600)).toMatchObject({ subject: 'secrets/db/prod', grace_seconds: 0 });
    await vault.owner('secrets.update', { project, secret: 'db/prod', name: 'db/new' });
    expect((await due({ include_later: true }))[0]?.subject).toBe('secrets/db/new');
  });

  test.each([
    [{ subject: 'api-keys/nowhere', every_seconds: 3600 }, 'not_found'],
    [{ subject: 'secrets/nowhere', every_seconds: 3600 }, 'not_found'],
    [{ subject: 'api-keys/@me', every_seconds: 3600 }, 'not_found'],
    [{ subject: 'principals/worker', every_seconds: 3600 }, 'invalid_input'],
    [{ subject: 'worker', every_seconds: 3600 }, 'invalid_input'],
    [{ subject: 'api-keys/x', every_seconds: 3599 }, 'invalid_input'],
    [{ subject: 'api-keys/x', every_seconds: 3600, grace_seconds: -1 }, 'invalid_input'],
  ])('refuses %j', async (input, code) => {
    expect((await refusal(vault.owner('rotations.set', { project, ...input } as never))).code).toBe(code);
  });

  test('not for what does not work', async () => {
    const { id } = await newKey();
    await vault.owner('api-keys.update', { project, id, state: 'disabled' });
    expect(await reasonOf(set(`api-keys/${id}`, 3600))).toBe('key_disabled');
  });
});
