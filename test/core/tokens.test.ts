import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MobiusError } from '../../src/errors.ts';
import type { Token, TokenCreated } from '../../src/generated/types.ts';
import type { Call, Input } from '../../src/operations.ts';
import * as signing from '../../src/store/signing-keys.ts';
import { day, expectRefused, makeVault, minute, outcome, refusal, type TestVault } from './world.ts';

let vault: TestVault;
beforeEach(async () => {
  vault = await makeVault();
});
afterEach(() => vault.close());

const fakePassword = 'a-fake-password';

const mint = async (call: Call, wish: Input<'tokens.create'> = {}): Promise<TokenCreated> => {
  const { items } = await call('tokens.create', wish);
  const [made] = items;
  if (made === undefined) throw new Error('no token was made');
  return made;
};

const codeOf = async (token: string, more: { permission?: string } = {}): Promise<string> =>
  (await vault.owner('tokens.verify', { token, ...more })).code;

const signIn = async (email: string, more: { administrator?: true; role_ids?: [string] }): Promise<Call> => {
  await vault.owner('users.create', { email, password: fakePassword, ...more });
  const nobody = vault.core.as({ kind: 'nobody', from: { ip: '203.0.113.7' } });
  return vault.as((await nobody('auth.login', { email, password: fakePassword })).access_token);
};

describe('what a token may is what it was made for and its maker may', () => {
  const roles: readonly { made: [string, ...string[]]; now: [string, ...string[]]; left: string[] }[] = [
    // A part of what was lent, and a part of what the maker has: each in a wildcard of the other.
    {
      made: ['mobius.*'],
      now: ['mobius.secrets.view'],
      left: ['mobius.secrets.view', 'mobius.tokens.issue'],
    },
    { made: ['mobius.secrets.view'], now: ['mobius.*'], left: ['mobius.secrets.view'] },
    { made: ['actions.execute.*'], now: ['actions.execute.deploy.*'], left: ['actions.execute.deploy.*'] },
    { made: ['actions.execute.deploy.*'], now: ['actions.execute.*'], left: ['actions.execute.deploy.*'] },
    { made: ['mobius.secrets.*'], now: ['mobius.keys.verify'], left: [] },
    { made: ['actions.execute.deploy'], now: ['actions.execute.dep'], left: [] },
  ];

  test.each(roles)('$made lent by one who has $now', async ({ made, now, left }) => {
    await vault.owner('roles.create', { name: 'lender', permissions: [...made, 'mobius.tokens.issue'] });
    const { call } = await vault.client('lender', ['lender']);
    const { token, permissions } = await mint(call, { permissions: made });
    expect(permissions).toEqual(made);
    await vault.owner('roles.update', { id: 'lender', permissions: [...now, 'mobius.tokens.issue'] });
    expect((await vault.owner('tokens.verify', { token })).permissions).toEqual(left);
    expect((await vault.as(token)('auth.whoami', {})).permissions).toEqual(left);
    const lost = left.includes('mobius.tokens.issue') ? 'VALID' : 'INSUFFICIENT_PERMISSIONS';
    expect(await codeOf(token, { permission: 'mobius.tokens.issue' })).toBe(lost);
  });

  test('it lends no more than that, with a wildcard neither', async () => {
    const { call } = await vault.client('lender', ['Operator']);
    for (const permission of ['mobius.*', 'mobius.access.manage', 'actions.execute.*', 'mobius.secrets.*.x']) {
      const { code } = await refusal(mint(call, { permissions: [permission] }));
      expect([permission, code]).toEqual([permission, code === 'invalid_input' ? code : 'permission_denied']);
    }
  });

  test('it makes, shows and revokes neither tokens nor keys, in no other step either', async () => {
    const { call, keyId } = await vault.client('lender', ['Owner']);
    const lent = await mint(call);
    const bearer = vault.as(lent.token);
    const tried: (() => Promise<unknown>)[] = [
      () => bearer('tokens.create', {}),
      () => bearer('tokens.list', {}),
      () => bearer('tokens.get', { id: lent.id }),
      () => bearer('tokens.inspect', { token: lent.token }),
      () => bearer('tokens.revoke', { id: lent.id }),
      () => bearer('tokens.revoke-all', {}),
      () => bearer('tokens.rotate-signing-key', {}),
      () => bearer('api-keys.create', { name: 'more', principal_id: 'lender' }),
      () => bearer('api-keys.list', {}),
      () => bearer('api-keys.get', { id: keyId }),
      () => bearer('api-keys.update', { id: keyId, state: 'disabled' }),
      () => bearer('api-keys.revoke', { id: keyId }),
      () => bearer('principals.create', { name: 'more', role_ids: ['Viewer'], with_key: {} }),
    ];
    for (const attempt of tried) expect(await refusal(attempt())).toMatchObject({ code: 'forbidden' });
    expect((await vault.owner('tokens.get', { id: lent.id })).remaining).toBe(5000);
    expect((await bearer('principals.list', {})).items.map(({ name }) => name)).toEqual(['lender']);
  });
});

describe('it ends', () => {
  test('to the second of its exp, and begins up to five seconds early for a clock that goes behind', async () => {
    vault.clock.now += 1_400;
    const began = Math.floor(vault.clock.now / 1000) * 1000;
    const { token } = await mint(vault.owner, { expires_in_seconds: 60 });
    const at = async (ms: number): Promise<string> => {
      vault.clock.now = began + ms;
      const bearer = await outcome(vault.as(token)('auth.whoami', {}));
      const code = await codeOf(token);
      expect(bearer.code).toBe(code === 'VALID' ? undefined : 'unauthorized');
      return code;
    };
    expect(await at(-5_001)).toBe('DISABLED');
    expect(await at(-5_000)).toBe('VALID');
    expect(await at(0)).toBe('VALID');
    expect(await at(59_999)).toBe('VALID');
    expect(await at(60_000)).toBe('EXPIRED');
    expect(await at(60_000 + day)).toBe('EXPIRED');
  });

  test('with the key that made it, to whose end it is cut', async () => {
    const { principal } = await vault.client('lender', ['Operator']);
    const ends = (ms: number) => ({ expires_at: new Date(vault.clock.now + ms).toISOString() });
    const soon = { name: 'soon', principal_id: principal.id, ...ends(90_500) };
    const { key } = await vault.owner('api-keys.create', soon);
    const { token, expires_at: end } = await mint(vault.as(key));
    expect(Date.parse(end)).toBe(Math.floor((vault.clock.now + 90_500) / 1000) * 1000);
    vault.clock.now += 90_200;
    expect(await codeOf(token)).toBe('EXPIRED');
    expect(await refusal(mint(vault.as(key)))).toMatchObject({ code: 'conflict' });
  });

  test('with the login that made it, and with the person', async () => {
    const ada = await signIn('ada@example.test', { role_ids: ['Operator'] });
    const first = await mint(ada);
    expect(first).toMatchObject({ owner: 'ada@example.test', credential_id: expect.stringMatching(/^cred_/) });
    await vault.owner('users.disable', { id: 'ada@example.test' });
    // Whoever is let in again signs in again.
    expect(await codeOf(first.token)).toBe('REVOKED');
    await vault.owner('users.enable', { id: 'ada@example.test' });
    expect(await codeOf(first.token)).toBe('REVOKED');
    const again = await signIn('bob@example.test', { administrator: true });
    const { token } = await mint(again);
    expect(await codeOf(token)).toBe('VALID');
    await again('auth.logout', {});
    expect(await codeOf(token)).toBe('REVOKED');
  });

  test("with an administrator's part in the project, where they have one", async () => {
    const ada = await signIn('ada@example.test', { administrator: true, role_ids: ['Viewer'] });
    const { token, principal_id: id } = await mint(ada);
    expect(id).toMatch(/^prin_/);
    await vault.owner('tokens.revoke-all', { principal_id: 'ada@example.test' });
    expect(await codeOf(token)).toBe('REVOKED');
  });

  test('with its project, and does not come back in one of the same handle', async () => {
    const { handle } = await vault.owner('projects.create', { name: 'Passing' });
    const { token } = await mint(vault.owner, { project: handle });
    const ask = async () => (await vault.owner('tokens.verify', { project: handle, token })).code;
    await vault.owner('projects.archive', { id: handle });
    expect(await ask()).toBe('DISABLED');
    await vault.owner('projects.delete', { id: handle });
    await vault.owner('projects.create', { name: 'Passing' });
    expect(await ask()).toBe('NOT_FOUND');
    expect(await refusal(vault.as(token)('principals.list', { project: handle }))).toMatchObject({
      code: 'unauthorized',
    });
  });

  test('with all others, whatever the clocks of those who made them, and whatever is off meanwhile', async () => {
    const { call, principal } = await vault.client('lender', ['Operator']);
    vault.clock.now += 3_600_000;
    const ahead = await mint(call, { expires_in_seconds: 86_400 });
    vault.clock.now -= 3_600_000;
    await vault.owner('principals.update', { id: principal.id, state: 'disabled' });
    await vault.owner('tokens.revoke-all', { principal_id: principal.id });
    await vault.owner('principals.update', { id: principal.id, state: 'active' });
    const after = await mint(call, { expires_in_seconds: 86_400 });
    expect(await codeOf(after.token)).toBe('VALID');
    vault.clock.now += 3_600_000;
    expect(await codeOf(ahead.token)).toBe('REVOKED');
    expect(await codeOf(after.token)).toBe('VALID');
  });
});

describe('what it does and is refused is told under its own id', () => {
  const last = () =>
    vault.rows<{ credential_id: string; principal_id: string; resource_type: string }>(
      'select credential_id, principal_id, resource_type from audit_log order by seq desc limit 1',
    )[0];

  test('a change', async () => {
    const { call, principal } = await vault.client('lender', ['Owner']);
    const { token, id } = await mint(call);
    await vault.as(token)('roles.create', { name: 'made by a token', permissions: ['mobius.work.execute'] });
    expect(last()).toEqual({ credential_id: id, principal_id: principal.id, resource_type: 'role' });
  });

  test('a refusal', async () => {
    const { call, principal } = await vault.client('lender', ['Operator']);
    const { token, id } = await mint(call, { permissions: ['mobius.project.view'] });
    await refusal(vault.as(token)('secrets.list', {}));
    await vault.core.settle();
    expect(last()).toEqual({ credential_id: id, principal_id: principal.id, resource_type: 'refusal' });
  });
});

test('what needs a person is not for a token of theirs either', async () => {
  const ada = await signIn('ada@example.test', { administrator: true });
  const { token } = await mint(ada);
  const error = await refusal(vault.as(token)('auth.decide-device', { user_code: 'BCDF-GHJK', approve: true }));
  expect(error.message).toBe("this needs a person who is logged in: a token can't do it");
  // Nor does it reach above its project, whoever made it.
  expect((await refusal(vault.as(token)('projects.create', { name: 'More' }))).code).toBe('permission_denied');
  expect((await vault.as(token)('projects.list', {})).items.map(({ handle }) => handle)).toEqual(['default']);
});

test('the networks of the key hold for what was made with it', async () => {
  const { principal } = await vault.client('lender', ['Operator']);
  const held = { name: 'held', principal_id: principal.id, allow_ips: ['203.0.113.0/24'] };
  const { key } = await vault.owner('api-keys.create', held);
  const from = (text: string, ip: string) => vault.core.as({ kind: 'bearer', text, from: { ip } });
  const { token } = await mint(from(key, '203.0.113.7'));
  expect(await refusal(from(token, '198.51.100.1')('auth.whoami', {}))).toMatchObject({ code: 'forbidden' });
  expect(await from(token, '203.0.113.8')('auth.whoami', {})).toMatchObject({ kind: 'token' });
});

test('a token whose permissions would not fit in the head of a request is not made', async () => {
  const long = Array.from({ length: 64 }, (_, i) => `actions.execute.${`step-${i}-`.padEnd(100, 'x')}`);
  const error = await refusal(mint(vault.owner, { permissions: long as [string, ...string[]] }));
  expect(error).toMatchObject({ code: 'invalid_input', details: { field: 'permissions' } });
  expect((await vault.owner('tokens.list', {})).items).toEqual([]);
});

test('minting takes those away that ended an hour ago', async () => {
  await vault.owner('tokens.create', { count: 25, expires_in_seconds: 60 });
  vault.clock.now += 61 * minute;
  await mint(vault.owner);
  expect(vault.rows<{ n: number }>('select count(*) as n from tokens')).toEqual([{ n: 1 }]);
});

test('an old signing key verifies until all that it signed is over, and can sign nothing more', async () => {
  const { token } = await mint(vault.owner, { expires_in_seconds: 86_400 });
  const { id } = await vault.owner('tokens.rotate-signing-key', {});
  const kids = async () => (await vault.core.publicKeys()).map(({ kid }) => kid);
  expect(await kids()).toHaveLength(2);
  const { db, sealer } = vault.vault;
  const rows = await db.tx('read', (tx) => signing.all({ db: tx, sealer }));
  expect(rows.map(({ plain }) => plain.private_key === undefined)).toEqual([true, false]);
  vault.clock.now += day - 1;
  expect(await codeOf(token)).toBe('VALID');
  for (const hours of [0, 2]) {
    vault.clock.now += hours * 3_600_000;
    await vault.core.settle('due');
  }
  expect(await kids()).toEqual([id]);
});

test('an answer that is not given again says what was made', async () => {
  const options = { idempotencyKey: 'a-fake-key' };
  const { items } = await vault.owner('tokens.create', { count: 2 }, options);
  vault.clock.now += 11 * minute;
  const error = await refusal(vault.owner('tokens.create', { count: 2 }, options));
  for (const { id } of items) expect(error.message).toContain(id);
});

test('the same request again under its key costs a token nothing, another costs one', async () => {
  const { call } = await vault.client('lender', ['Owner']);
  const { token, id } = await mint(call, { request_limit: 2 });
  const left = async () => (await vault.owner('tokens.get', { id })).remaining;
  const make = () => vault.as(token)('roles.create', { name: 'once', permissions: ['mobius.work.execute'] }, again);
  const again = { idempotencyKey: 'a-fake-key' };
  const first = await make();
  expect(await make()).toEqual(first);
  expect(await left()).toBe(1);
  await expectRefused(
    vault,
    () => vault.as(token)('roles.create', { name: 'once', permissions: ['mobius.work.execute'] }),
    'already_exists',
  );
  expect(await left()).toBe(1);
});

describe('one who has nothing left', () => {
  test('uses up nothing of the rate of the key', async () => {
    const { principal } = await vault.client('lender', ['Operator']);
    const held = { name: 'held', principal_id: principal.id, rate_limit: '3/60s' };
    const { key } = await vault.owner('api-keys.create', held);
    const { token } = await mint(vault.as(key), { request_limit: 1 });
    await vault.as(token)('auth.whoami', {});
    for (let i = 0; i < 5; i++) {
      expect(await refusal(vault.as(token)('auth.whoami', {}))).toMatchObject({
        details: { reason: 'usage_exceeded' },
      });
    }
    expect(await vault.as(key)('auth.whoami', {})).toMatchObject({ kind: 'api-key' });
  });
});

describe('many of one token at once', () => {
  const remainingOf = async (tokens: readonly string[]): Promise<(number | string)[]> => {
    const answers = await Promise.all(tokens.map((token) => vault.owner('tokens.verify', { token })));
    return answers.map(({ code, remaining }) => (code === 'VALID' ? (remaining ?? Number.NaN) : code));
  };

  test('each is told what it left, and those beyond the limit are refused, also where it is remembered', async () => {
    const [one, other] = [
      await mint(vault.owner, { request_limit: 11 }),
      await mint(vault.owner, { request_limit: 100 }),
    ];
    expect(await codeOf(one.token)).toBe('VALID');
    const mixed = Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? one.token : other.token));
    const left = await remainingOf(mixed);
    expect(left.filter((_, n) => n % 2 === 0)).toEqual([
      9,
      8,
      7,
      6,
      5,
      4,
      3,
      2,
      1,
      0,
      ...Array(5).fill('USAGE_EXCEEDED'),
    ]);
    expect(left.filter((_, n) => n % 2 === 1)).toEqual(Array.from({ length: 15 }, (_, n) => 99 - n));
    expect((await vault.owner('tokens.get', { id: one.id })).remaining).toBe(0);
    expect((await vault.owner('tokens.get', { id: other.id })).remaining).toBe(85);
  });

  test('one that is remembered is refused once it is revoked, and tells what is left without being counted', async () => {
    const { token, id } = await mint(vault.owner, { request_limit: 9, permissions: ['mobius.secrets.view'] });
    expect(await remainingOf([token, token])).toEqual([8, 7]);
    const lacking = { token, permission: 'mobius.keys.verify' };
    for (let i = 0; i < 2; i++) {
      const answer = await vault.owner('tokens.verify', lacking);
      expect(answer).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS', remaining: 7 });
    }
    await vault.owner('tokens.revoke', { id });
    expect(await remainingOf([token, token])).toEqual(['REVOKED', 'REVOKED']);
  });

  test('one that is remembered is known no longer than its row is kept', async () => {
    const { token, id } = await mint(vault.owner, { expires_in_seconds: 60 });
    expect(await remainingOf([token, token])).toEqual([4999, 4998]);
    vault.clock.now += 2 * minute;
    expect(await vault.owner('tokens.verify', { token })).toMatchObject({ code: 'EXPIRED', token_id: id });
    vault.clock.now += 60 * minute;
    expect(await vault.owner('tokens.verify', { token })).toEqual({ valid: false, code: 'EXPIRED' });
  });

  test('who waits is told where it cannot be counted', async () => {
    const { token } = await mint(vault.owner);
    expect(await codeOf(token)).toBe('VALID');
    const { db } = vault.vault;
    const { tx } = db;
    db.tx = async (mode, body) => {
      if (mode === 'count') throw new MobiusError('service_unavailable', 'a fake fault');
      return tx.call(db, mode, body) as never;
    };
    const refused = await Promise.allSettled([codeOf(token), codeOf(token)]);
    expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    db.tx = tx;
    expect(await codeOf(token)).toBe('VALID');
  });
});

const shown: Record<Token['state'], string> = {
  active: 'VALID',
  spent: 'USAGE_EXCEEDED',
  revoked: 'REVOKED',
  expired: 'EXPIRED',
  disabled: 'DISABLED',
};
const bearerOf: Record<string, string | undefined> = { active: undefined, spent: 'rate_limit_exceeded' };

test('what the list leaves out, what it shows, and what happens to who comes with it, are one', async () => {
  const bob = await signIn('bob@example.test', { role_ids: ['Admin'] });
  const ada = await signIn('ada@example.test', { administrator: true });
  const makers = [vault.owner, bob, ada];
  for (const name of ['one', 'two']) makers.push((await vault.client(name, ['Operator'])).call);
  const ends = new Date(vault.clock.now + 20 * minute).toISOString();
  const brief = await vault.owner('api-keys.create', { name: 'brief', principal_id: 'two', expires_at: ends });
  makers.push(vault.as(brief.key));
  const made = new Map<string, string>();
  const nth = (n: number): string => [...made.keys()][n % Math.max(1, made.size)] ?? '';

  const people = ['one', 'two', 'bob@example.test'];
  const seldom = fc.integer({ min: 0, max: 9 }).map((n) => n === 0);
  const move = fc.oneof(
    fc.record({ mint: fc.nat(makers.length - 1), seconds: fc.constantFrom(60, 600, 3600) }),
    fc.record({ tick: fc.integer({ min: 0, max: 200_000 }) }),
    fc.record({ revoke: fc.nat(50) }),
    fc.record({ spend: fc.nat(50) }),
    fc.record({ all: fc.constantFrom(...people, undefined), seldom }),
    fc.record({ principal: fc.constantFrom(...people), off: fc.boolean() }),
    fc.record({ key: fc.constantFrom('one', 'two'), off: fc.boolean() }),
    fc.record({ user: fc.constant('bob@example.test'), off: fc.boolean() }),
    fc.record({ archived: fc.boolean() }),
    fc.record({ drop: seldom }),
  );
  const act = async (one: Record<string, unknown>): Promise<unknown> => {
    const { mint: by, seconds, tick, revoke, spend, principal, key, user, off } = one as Record<string, never>;
    const state = off ? 'disabled' : 'active';
    if (by !== undefined) {
      const token = await mint(makers[by] ?? vault.owner, { expires_in_seconds: seconds ?? 60, request_limit: 3 });
      return made.set(token.id, token.token);
    }
    if (tick !== undefined) vault.clock.now += tick;
    if (revoke !== undefined) return vault.owner('tokens.revoke', { id: nth(revoke) });
    if (spend !== undefined) return vault.owner('tokens.verify', { token: made.get(nth(spend)) ?? '' });
    if (principal !== undefined) return vault.owner('principals.update', { id: principal, state });
    if (key !== undefined) return vault.owner('api-keys.update', { id: key, state });
    if (user !== undefined) return vault.owner(off ? 'users.disable' : 'users.enable', { id: user });
    if ('archived' in one)
      return vault.owner(one.archived ? 'projects.archive' : 'projects.restore', { id: 'default' });
    if (one.drop === true) return vault.owner('tokens.rotate-signing-key', { drop_old: true });
    if (one.seldom === true) {
      return vault.owner('tokens.revoke-all', one.all === undefined ? {} : { principal_id: String(one.all) });
    }
    return undefined;
  };

  const states = new Set<string>();
  for (const one of fc.sample(move, { numRuns: 500, seed: 11 })) {
    await outcome(Promise.resolve(act(one)));
    if (!('tick' in one) && !('mint' in one)) continue;
    const listed = (await vault.owner('tokens.list', { limit: 200 })).items.map(({ id }) => id);
    for (const { id, state } of (await vault.owner('tokens.list', { limit: 200, include_ended: true })).items) {
      states.add(state);
      const token = made.get(id) ?? '';
      expect({ id, state, listed: listed.includes(id) }).toEqual({
        id,
        state,
        listed: state === 'active' || state === 'spent',
      });
      const { code: bearer } = await outcome(vault.as(token)('tokens.verify', { token: 'none' }));
      const expected = state in bearerOf ? bearerOf[state] : 'unauthorized';
      // One that may not verify is refused for that, and costs nothing.
      expect([id, state, bearer === 'permission_denied' ? undefined : bearer]).toEqual([id, state, expected]);
      const found = await vault.owner('tokens.get', { id });
      const { code } = await vault.owner('tokens.verify', { token, permission: 'mobius.audit.view' });
      const verified = code === 'INSUFFICIENT_PERMISSIONS' ? 'VALID' : code;
      // Whose signing key was dropped is none of ours any more.
      const dropped = code === 'NOT_FOUND' && ['revoked', 'expired'].includes(found.state);
      expect([id, found.state, dropped ? shown[found.state] : verified]).toEqual([id, found.state, shown[found.state]]);
    }
  }
  expect([...states].sort()).toEqual(['active', 'disabled', 'expired', 'revoked', 'spent']);
}, 120_000);
