import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/core/caller.ts';
import type { Session } from '../../src/generated/types.ts';
import type { Call } from '../../src/operations.ts';
import { entries, faultsOf, storedEntries } from './chain.ts';
import { day, expectRefused, makeVault, minute, refusal, type TestVault } from './world.ts';

const password = 'a-fake-password';
const grant = 'urn:ietf:params:oauth:grant-type:device_code';

let vault: TestVault;
beforeEach(async () => {
  vault = await makeVault();
});
afterEach(async () => {
  expect(faultsOf(vault.vault, storedEntries(vault))).toEqual([]);
  await vault.close();
});

const stranger = (ip = '203.0.113.7'): Call => vault.core.as({ kind: 'nobody', from: { ip } });

const person = async (email: string, more: { administrator?: boolean; role_ids?: [string] } = {}): Promise<string> =>
  (await vault.owner('users.create', { email, password, ...more })).id;

const signIn = async (email: string): Promise<Session & { call: Call }> => {
  const session = await stranger()('auth.login', { email, password });
  return { ...session, call: vault.as(session.access_token) };
};

describe('signing in', () => {
  test('gives tokens that act as the person, and a verifier of another make takes them', async () => {
    const id = await person('ada@example.test', { administrator: true });
    const { access_token: token, call, credential_id } = await signIn('ADA@example.test');
    expect(await call('auth.whoami', {})).toMatchObject({
      kind: 'user',
      email: 'ada@example.test',
      user_id: id,
      administrator: true,
      credential_id,
    });
    const keys = createLocalJWKSet({ keys: (await vault.core.publicKeys()) as never });
    const options = { algorithms: ['EdDSA'], typ: 'session+jwt', currentDate: new Date(vault.clock.now) };
    const { payload } = await jwtVerify(token, keys, options);
    expect(payload).toMatchObject({ sub: id, sid: credential_id });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(900);
  });

  test('is refused in the same words whatever is wrong', async () => {
    await person('ada@example.test');
    await person('off@example.test');
    await vault.owner('users.disable', { id: 'off@example.test' });
    const tries: [string, string][] = [
      ['ada@example.test', 'a-wrong-password'],
      ['nobody@example.test', password],
      ['off@example.test', password],
    ];
    for (const [email, tried] of tries) {
      const error = await refusal(stranger()('auth.login', { email, password: tried }));
      expect([error.code, error.message, error.details]).toEqual([
        'unauthorized',
        'the login was not accepted',
        { credential: 'login' },
      ]);
    }
  });

  test('an access token ends after 15 minutes, to the second', async () => {
    await person('ada@example.test', { role_ids: ['Viewer'] });
    const { call } = await signIn('ada@example.test');
    vault.clock.now += 15 * minute - 1000;
    await call('principals.list', {});
    vault.clock.now += 1000;
    expect((await refusal(call('principals.list', {}))).code).toBe('unauthorized');
  });

  test.each([
    ['another algorithm', { alg: 'none' }],
    ['another type', { typ: 'at+jwt' }],
    ['another key', { kid: 'sig_01h455vb4pex5vsknk084sn02q' }],
    ['a critical extension', { crit: ['exp'] }],
  ])('a token whose head names %s is none', async (_, change) => {
    await person('ada@example.test', { administrator: true });
    const { access_token: token } = await signIn('ada@example.test');
    const [head = '', body = '', signature = ''] = token.split('.');
    const changed = { ...JSON.parse(Buffer.from(head, 'base64url').toString()), ...change };
    const forged = `${Buffer.from(JSON.stringify(changed)).toString('base64url')}.${body}.${signature}`;
    expect((await refusal(vault.as(forged)('auth.whoami', {}))).code).toBe('unauthorized');
    const claims = { ...JSON.parse(Buffer.from(body, 'base64url').toString()), exp: 4_000_000_000 };
    const longer = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
    expect((await refusal(vault.as(longer)('auth.whoami', {}))).code).toBe('unauthorized');
  });
});

describe('what ends a session ends it at once', () => {
  const ways: [string, (call: Call, session: Session) => Promise<unknown>][] = [
    ['logging out', (call) => call('auth.logout', {})],
    ['revoking it', (call, { credential_id: id }) => call('auth.revoke-credential', { id })],
    ['disabling the user', () => vault.owner('users.disable', { id: 'ada@example.test' })],
    ['a new password', () => vault.owner('users.set-password', { id: 'ada@example.test', password: `${password}-2` })],
  ];
  test.each(ways)('%s', async (_, end) => {
    await person('ada@example.test', { administrator: true });
    const session = await signIn('ada@example.test');
    await session.call('projects.list', {});
    await end(session.call, session);
    expect((await refusal(session.call('projects.list', {}))).code).toBe('unauthorized');
    const { refresh_token } = session;
    expect((await refusal(stranger()('auth.refresh', { refresh_token }))).code).toBe('unauthorized');
  });

  test('another person can end none of mine', async () => {
    await person('ada@example.test', { role_ids: ['Owner'] });
    await person('bob@example.test', { role_ids: ['Owner'] });
    const { credential_id: id } = await signIn('ada@example.test');
    const bob = await signIn('bob@example.test');
    await expectRefused(vault, () => bob.call('auth.revoke-credential', { id }), 'not_found');
    expect((await bob.call('auth.list-credentials', {})).items.map((one) => one.id)).toEqual([bob.credential_id]);
  });
});

describe('refreshing', () => {
  test('gives a new pair, and the token that was used is none any more', async () => {
    await person('ada@example.test', { administrator: true });
    const first = await signIn('ada@example.test');
    vault.clock.now += 20 * minute;
    const second = await stranger()('auth.refresh', { refresh_token: first.refresh_token });
    expect(second.credential_id).toBe(first.credential_id);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    await vault.as(second.access_token)('auth.whoami', {});
  });

  test('a token that comes a second time ends the session, for thief and owner alike', async () => {
    await person('ada@example.test', { administrator: true });
    const first = await signIn('ada@example.test');
    const second = await stranger()('auth.refresh', { refresh_token: first.refresh_token });
    await refusal(stranger()('auth.refresh', { refresh_token: first.refresh_token }));
    expect((await refusal(vault.as(second.access_token)('auth.whoami', {}))).code).toBe('unauthorized');
    expect((await refusal(stranger()('auth.refresh', { refresh_token: second.refresh_token }))).code).toBe(
      'unauthorized',
    );
    const last = entries(vault).at(-1);
    expect(last).toMatchObject({ action: 'auth.refresh', resource_id: first.credential_id });
    expect(last?.plain.changes).toEqual({ revoked: true, reason: 'refresh_token_used_twice' });
  });

  test('of two at once one is given, and the session ends', async () => {
    await person('ada@example.test', { administrator: true });
    const { refresh_token } = await signIn('ada@example.test');
    const both = await Promise.allSettled([1, 2].map(() => stranger()('auth.refresh', { refresh_token })));
    expect(both.filter(({ status }) => status === 'fulfilled').length).toBeLessThan(2);
  });

  test('a session that nobody refreshed for 30 days is over', async () => {
    await person('ada@example.test', { administrator: true });
    const { refresh_token } = await signIn('ada@example.test');
    vault.clock.now += 30 * day - 1;
    const next = await stranger()('auth.refresh', { refresh_token });
    vault.clock.now += 30 * day;
    const late = stranger()('auth.refresh', { refresh_token: next.refresh_token });
    expect((await refusal(late)).code).toBe('unauthorized');
  });

  test('a made-up token is none, and ends nobody’s session', async () => {
    await person('ada@example.test', { administrator: true });
    const { refresh_token, call } = await signIn('ada@example.test');
    for (const text of [refresh_token.replace(/.$/, 'x'), 'mbr_', 'x', refresh_token.replace('mbr_', 'mbx_')]) {
      expect((await refusal(stranger()('auth.refresh', { refresh_token: text }))).code).toBe('unauthorized');
    }
    await call('auth.whoami', {});
  });
});

describe('guessing', () => {
  const guess = (call: Call): Promise<unknown> =>
    call('auth.login', { email: 'ada@example.test', password: 'a-wrong-password' });

  test('five wrong passwords lock one source out of one account, for longer each time', async () => {
    await person('ada@example.test', { administrator: true });
    await person('bob@example.test');
    for (let i = 0; i < 5; i++) expect((await refusal(guess(stranger()))).code).toBe('unauthorized');
    const locked = await refusal(stranger()('auth.login', { email: 'ada@example.test', password }));
    expect([locked.code, locked.details]).toEqual(['rate_limit_exceeded', { retry_after_seconds: 30 }]);
    // Neither another source nor another account.
    await stranger('203.0.113.8')('auth.login', { email: 'ada@example.test', password });
    await stranger()('auth.login', { email: 'bob@example.test', password });
    vault.clock.now += 30_000;
    await refusal(guess(stranger()));
    expect((await refusal(guess(stranger()))).details).toEqual({ retry_after_seconds: 60 });
    vault.clock.now += minute;
    await stranger()('auth.login', { email: 'ada@example.test', password });
    for (let i = 0; i < 4; i++) await refusal(guess(stranger()));
    await stranger()('auth.login', { email: 'ada@example.test', password });
  });

  test('of many at once no more are looked at than one after the other', async () => {
    await person('ada@example.test');
    const all = await Promise.all(Array.from({ length: 20 }, () => refusal(guess(stranger()))));
    expect(all.filter(({ code }) => code === 'unauthorized')).toHaveLength(5);
    expect(all.filter(({ code }) => code === 'rate_limit_exceeded')).toHaveLength(15);
  });

  test('an address is one account however it is written, and whether there is one or not', async () => {
    await person('ada@example.test');
    const spellings = ['ada@example.test', 'ADA@example.test', '\uff41da@example.test'];
    for (const there of [true, false]) {
      const codes: string[] = [];
      for (const spelling of [...spellings, ...spellings]) {
        const email = there ? spelling : spelling.replace('example', 'elsewhere');
        // From two sources: accounts of one may be counted together.
        const from = stranger(there ? '203.0.113.7' : '198.51.100.7');
        codes.push((await refusal(from('auth.login', { email, password: 'a-wrong-password' }))).code);
      }
      expect(codes).toEqual([...Array(5).fill('unauthorized'), 'rate_limit_exceeded']);
    }
  });

  test('ever new addresses from one source fill no table', async () => {
    const tried = Array.from({ length: 6 }, (_, n) => n);
    for (const n of tried) await refusal(stranger()('auth.login', { email: `x${n}@example.test`, password }));
    const rows = vault.rows<{ n: number }>('select count(*) as n from attempts')[0]?.n ?? 0;
    expect(rows).toBeLessThanOrEqual(6);
    vault.clock.now += 2 * 3_600_000;
    await vault.core.settle('due');
    expect(vault.rows('select id from attempts')).toEqual([]);
  });

  test('one who has a /64 of IPv6 is one source', async () => {
    await person('ada@example.test');
    for (let i = 0; i < 5; i++) await refusal(guess(stranger(`2001:db8:0:1::${i}`)));
    expect((await refusal(guess(stranger('2001:db8:0:1:ffff::9')))).code).toBe('rate_limit_exceeded');
    expect((await refusal(guess(stranger('2001:db8:0:2::1')))).code).toBe('unauthorized');
  });

  test('a valid key is served however much was guessed', async () => {
    await person('ada@example.test');
    const client = await vault.client('worker', ['Worker']);
    for (let i = 0; i < 10; i++) await refusal(guess(stranger()));
    const from = { ip: '203.0.113.7' };
    const wrong: Actor = { kind: 'bearer', text: client.key.replace(/.$/, (last) => (last === 'x' ? 'y' : 'x')), from };
    for (let i = 0; i < 50; i++) await refusal(vault.core.as(wrong)('auth.whoami', {}));
    await vault.core.as({ kind: 'bearer', text: client.key, from })('auth.whoami', {});
  });
});

describe('a user in projects', () => {
  beforeEach(async () => {
    await vault.owner('projects.create', { name: 'Second' });
    await vault.owner('projects.create', { name: 'Third' });
    await person('bob@example.test', { role_ids: ['Worker'] });
    await vault.owner('principals.create', {
      name: 'bob',
      user_id: 'bob@example.test',
      role_ids: ['Admin'],
      project: 'second',
    });
  });

  test('may in each what their roles there say, and sees no other', async () => {
    const { call } = await signIn('bob@example.test');
    expect((await call('projects.list', {})).items.map(({ handle }) => handle)).toEqual(['default', 'second']);
    expect((await refusal(call('principals.create', { name: 'x' }))).code).toBe('permission_denied');
    await call('principals.create', { name: 'x', project: 'second' });
    const hidden = await refusal(call('principals.list', { project: 'third' }));
    const missing = await refusal(call('principals.list', { project: 'nowhere' }));
    expect([hidden.code, hidden.message]).toEqual(['not_found', 'no project "third"']);
    expect([missing.code, missing.message]).toEqual(['not_found', 'no project "nowhere"']);
    expect((await refusal(call('projects.get', { id: 'third' }))).code).toBe('not_found');
    expect((await refusal(call('projects.update', { id: 'default', name: 'x' }))).code).toBe('permission_denied');
    await call('projects.update', { id: 'second', name: 'x' });
    expect((await refusal(call('projects.create', { name: 'x' }))).code).toBe('permission_denied');
    expect((await refusal(call('users.list', {}))).code).toBe('permission_denied');
    expect(await call('auth.whoami', {})).toMatchObject({ projects: ['default', 'second'], administrator: false });
  });

  test('a change of roles, a disabled or deleted principal hold from the next call', async () => {
    const { call } = await signIn('bob@example.test');
    await vault.owner('principals.update', { id: 'bob', role_ids: ['Viewer'], project: 'second' });
    expect((await refusal(call('principals.create', { name: 'x', project: 'second' }))).code).toBe('permission_denied');
    await vault.owner('principals.update', { id: 'bob', state: 'disabled', project: 'second' });
    expect((await refusal(call('principals.list', { project: 'second' }))).code).toBe('not_found');
    await vault.owner('principals.delete', { id: 'bob', project: 'second' });
    expect((await refusal(call('principals.list', { project: 'second' }))).code).toBe('not_found');
  });

  test('what they do is on record as theirs', async () => {
    const { call, credential_id } = await signIn('bob@example.test');
    await call('principals.create', { name: 'x', project: 'second' });
    const entry = entries(vault).at(-1);
    expect(entry).toMatchObject({ action: 'principals.create', credential_id });
    expect(entry?.plain).toMatchObject({ actor_name: 'bob@example.test' });
  });

  test('may change their own password with the old one, and nobody else’s', async () => {
    const { call } = await signIn('bob@example.test');
    await person('ada@example.test');
    const next = `${password}-2`;
    const mine = { id: 'bob@example.test', password: next };
    expect((await refusal(call('users.set-password', mine))).details).toMatchObject({ field: 'current_password' });
    const unknown = { id: 'nobody@example.test', password: next, current_password: password };
    expect((await refusal(call('users.set-password', unknown))).code).toBe('permission_denied');
    const wrong = { ...mine, current_password: 'a-wrong-password' };
    expect((await refusal(call('users.set-password', wrong))).details).toMatchObject({ field: 'current_password' });
    const other = { id: 'ada@example.test', password: next, current_password: password };
    expect((await refusal(call('users.set-password', other))).code).toBe('permission_denied');
    await call('users.set-password', { ...mine, current_password: password });
    await call('auth.whoami', {});
    await stranger()('auth.login', { email: 'bob@example.test', password: next });
  });
});

test('the last administrator can’t be disabled by themselves, only by the owner of the vault', async () => {
  const id = await person('ada@example.test', { administrator: true });
  const { call } = await signIn('ada@example.test');
  await expectRefused(vault, () => call('users.disable', { id }), 'conflict');
  await person('eve@example.test', { administrator: true });
  await call('users.disable', { id: 'eve@example.test' });
  await vault.owner('users.disable', { id });
});

describe('device login', () => {
  beforeEach(() => person('ada@example.test', { administrator: true }));

  const begin = (project?: string) =>
    stranger()('auth.device-code', {
      mobius_label: 'a laptop',
      mobius_client: 'mobius',
      ...(project === undefined ? {} : { mobius_requested_project_handle: project }),
    });
  const poll = (device_code: string) => stranger()('auth.device-token', { grant_type: grant, device_code });
  const oauthOf = async (call: Promise<unknown>): Promise<unknown> => (await refusal(call)).details.oauth;

  test('pending, too fast, confirmed, once', async () => {
    const { device_code, user_code, interval, expires_in } = await begin();
    expect([interval, expires_in]).toEqual([5, 600]);
    expect(user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    expect(await oauthOf(poll(device_code))).toBe('authorization_pending');
    expect(await oauthOf(poll(device_code))).toBe('slow_down');
    const { call } = await signIn('ada@example.test');
    expect(await call('auth.show-device', { user_code: user_code.toLowerCase().replace('-', ' ') })).toMatchObject({
      label: 'a laptop',
      state: 'pending',
      ip_address: '203.0.113.7',
    });
    await call('auth.decide-device', { user_code, approve: true });
    vault.clock.now += 5_000;
    const { access_token: token } = await poll(device_code);
    expect(token).toMatch(/^mbc_/);
    expect(await vault.as(token)('auth.whoami', {})).toMatchObject({ email: 'ada@example.test' });
    await vault.as(token)('users.list', {});
    vault.clock.now += 5_000;
    expect(await oauthOf(poll(device_code))).toBe('invalid_grant');
    expect((await refusal(call('auth.decide-device', { user_code, approve: false }))).code).toBe('conflict');
  });

  test('refused, expired, unknown', async () => {
    const { call } = await signIn('ada@example.test');
    const refusedOne = await begin();
    await call('auth.decide-device', { user_code: refusedOne.user_code, approve: false });
    expect(await oauthOf(poll(refusedOne.device_code))).toBe('access_denied');
    const late = await begin();
    vault.clock.now += 10 * minute;
    expect(await oauthOf(poll(late.device_code))).toBe('expired_token');
    const again = await signIn('ada@example.test');
    const { user_code } = late;
    expect((await refusal(again.call('auth.show-device', { user_code }))).code).toBe('not_found');
    expect(await oauthOf(poll('mbd_nonsense'))).toBe('invalid_grant');
  });

  test('for one project it works there alone, also for an administrator', async () => {
    await vault.owner('projects.create', { name: 'Second' });
    const { device_code, user_code } = await begin('second');
    const { call } = await signIn('ada@example.test');
    await call('auth.decide-device', { user_code, approve: true });
    const { access_token: token, project_handle } = await poll(device_code);
    expect(project_handle).toBe('second');
    const own = vault.as(token);
    await own('principals.create', { name: 'x', project: 'second' });
    expect((await refusal(own('principals.list', { project: 'default' }))).code).toBe('unauthorized');
    expect((await own('projects.list', {})).items.map(({ handle }) => handle)).toEqual(['second']);
    expect((await refusal(own('projects.get', { id: 'default' }))).code).toBe('not_found');
    expect((await refusal(own('users.list', {}))).code).toBe('permission_denied');
    // It is nobody's whole name: it opens nothing in its turn, and sees and ends no other login.
    const inner = await begin();
    for (const about of [
      own('auth.decide-device', { user_code: inner.user_code, approve: true }),
      own('auth.show-device', { user_code: inner.user_code }),
      own('users.set-password', { id: 'ada@example.test', password: `${password}-2`, current_password: password }),
    ]) {
      expect((await refusal(about)).code).toBe('forbidden');
    }
    const { items } = await call('auth.list-credentials', {});
    const [whole] = items.filter(({ kind }) => kind === 'session');
    expect((await own('auth.list-credentials', {})).items).toHaveLength(1);
    expect((await refusal(own('auth.revoke-credential', { id: whole?.id ?? '' }))).code).toBe('not_found');
    expect(await vault.as(`${token}.second`)('principals.list', { project: 'second' })).toBeDefined();
    expect((await refusal(vault.as(`${token}.default`)('principals.list', { project: 'second' }))).code).toBe(
      'unauthorized',
    );
  });

  test('a project that the person has no part in is not there to be asked for', async () => {
    await vault.owner('projects.create', { name: 'Second' });
    await person('bob@example.test', { role_ids: ['Worker'] });
    const { call } = await signIn('bob@example.test');
    for (const handle of ['second', 'nowhere']) {
      const { user_code } = await begin(handle);
      const error = await refusal(call('auth.decide-device', { user_code, approve: true }));
      expect([error.code, error.message]).toEqual(['not_found', `no project "${handle}"`]);
    }
  });

  test('wrong codes are counted, and a right one of one’s own takes no other back', async () => {
    const { call } = await signIn('ada@example.test');
    const { user_code } = await begin();
    for (let i = 0; i < 4; i++) {
      expect((await refusal(call('auth.show-device', { user_code: 'BBBB-BBBB' }))).code).toBe('not_found');
      await call('auth.show-device', { user_code });
    }
    await refusal(call('auth.show-device', { user_code: 'BBBB-BBBB' }));
    expect((await refusal(call('auth.show-device', { user_code }))).code).toBe('rate_limit_exceeded');
  });

  test('what was confirmed and not fetched yet ends with the password, the user and the project', async () => {
    await vault.owner('projects.create', { name: 'Second' });
    await person('bob@example.test', { administrator: true });
    const confirmed = async (project?: string): Promise<string> => {
      const { device_code, user_code } = await begin(project);
      await (await signIn('bob@example.test')).call('auth.decide-device', { user_code, approve: true });
      return device_code;
    };
    const first = await confirmed();
    await vault.owner('users.set-password', { id: 'bob@example.test', password });
    expect(await oauthOf(poll(first))).toBe('access_denied');
    const second = await confirmed('second');
    await vault.owner('projects.archive', { id: 'second' });
    await vault.owner('projects.delete', { id: 'second' });
    expect(await oauthOf(poll(second))).toBe('access_denied');
    const third = await confirmed();
    await vault.owner('users.disable', { id: 'bob@example.test' });
    expect(await oauthOf(poll(third))).toBe('access_denied');
  });

  test('for a project that the person has no part in any more it shows nothing', async () => {
    await vault.owner('projects.create', { name: 'Second' });
    await person('bob@example.test');
    await vault.owner('principals.create', {
      name: 'bob',
      user_id: 'bob@example.test',
      role_ids: ['Viewer'],
      project: 'second',
    });
    const { device_code, user_code } = await begin('second');
    await (await signIn('bob@example.test')).call('auth.decide-device', { user_code, approve: true });
    const own = vault.as((await poll(device_code)).access_token);
    expect((await own('projects.list', {})).items).toHaveLength(1);
    await vault.owner('principals.update', { id: 'bob', state: 'disabled', project: 'second' });
    expect((await own('projects.list', {})).items).toEqual([]);
    expect((await refusal(own('projects.get', { id: 'second' }))).code).toBe('not_found');
  });

  test('a CLI credential ends when nobody used it for 90 days', async () => {
    const { device_code, user_code } = await begin();
    const { call } = await signIn('ada@example.test');
    await call('auth.decide-device', { user_code, approve: true });
    const { access_token: token } = await poll(device_code);
    vault.clock.now += 89 * day;
    await vault.as(token)('auth.whoami', {});
    await vault.core.settle();
    vault.clock.now += 90 * day - 1;
    await vault.as(token)('auth.whoami', {});
    vault.clock.now += 1;
    expect((await refusal(vault.as(token)('auth.whoami', {}))).code).toBe('unauthorized');
  });

  test('one source may have so many waiting, and takes none from another', async () => {
    for (let i = 0; i < 20; i++) await begin();
    const error = await refusal(begin());
    expect([error.code, error.details]).toEqual(['rate_limit_exceeded', { retry_after_seconds: 60 }]);
    await stranger('203.0.113.8')('auth.device-code', { mobius_label: 'another' });
    vault.clock.now += 10 * minute;
    await begin();
  });

  test('the owner of the vault lends nobody their name', async () => {
    const { user_code } = await begin();
    expect((await refusal(vault.owner('auth.decide-device', { user_code, approve: true }))).code).toBe('forbidden');
  });
});

test('no password, token or code stands in the file in the clear', async () => {
  await person('ada@example.test', { administrator: true });
  const session = await signIn('ada@example.test');
  const code = await stranger()('auth.device-code', { mobius_label: 'a laptop' });
  await session.call('auth.decide-device', { user_code: code.user_code, approve: true });
  const { access_token } = await stranger()('auth.device-token', { grant_type: grant, device_code: code.device_code });
  const stored = JSON.stringify(vault.state());
  const texts = [
    password,
    'ada@example',
    session.access_token,
    session.refresh_token,
    code.user_code,
    code.device_code,
  ];
  for (const text of [...texts, access_token, 'a laptop']) {
    expect(stored).not.toContain(text);
    expect(stored).not.toContain(Buffer.from(text).toString('base64').slice(0, -3));
  }
});
