import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addressBytes, isWithin, sourceOf } from '../../src/core/addresses.ts';
import { formatKey } from '../../src/core/key-format.ts';
import { cidr, rateLimit } from '../../src/formats.ts';
import { makeVault, outcome, refusal, type TestVault } from './world.ts';

let vault: TestVault;
beforeEach(async () => {
  vault = await makeVault();
  await vault.owner('principals.create', { name: 'worker', role_ids: ['Owner'] });
});
afterEach(() => vault.close());

const made = (more: { rate_limit?: string; allow_ips?: string[] }) =>
  vault.owner('api-keys.create', { name: 'limited', principal_id: 'worker', ...more });

describe('a rate limit', () => {
  test('lets exactly as many through as it says, however many come at once, and begins anew with its window', async () => {
    const { key } = await made({ rate_limit: '20/60s' });
    const all = await Promise.all(Array.from({ length: 60 }, () => outcome(vault.as(key)('auth.whoami', {}))));
    expect(all.filter(({ code }) => code === undefined)).toHaveLength(20);
    expect(all.filter(({ code }) => code === 'rate_limit_exceeded')).toHaveLength(40);
    vault.clock.now += 59_999;
    expect((await refusal(vault.as(key)('auth.whoami', {}))).details).toEqual({ retry_after_seconds: 1 });
    vault.clock.now += 1;
    await vault.as(key)('auth.whoami', {});
  });

  test('is one over all processes', async () => {
    const { key } = await made({ rate_limit: '10/60s' });
    const handles = await Promise.all([1, 2, 3].map(() => vault.open({ kind: 'bearer', text: key })));
    const all = await Promise.all(
      handles.flatMap(({ call }) => Array.from({ length: 10 }, () => outcome(call('auth.whoami', {})))),
    );
    expect(all.filter(({ code }) => code === undefined)).toHaveLength(10);
  });

  test('counts a request that fails, and one that changes something, once each', async () => {
    const { key } = await made({ rate_limit: '3/60s' });
    await refusal(vault.as(key)('principals.get', { id: 'nobody' }));
    await vault.as(key)('roles.create', { name: 'r', permissions: ['mobius.project.view'] });
    await vault.as(key)('auth.whoami', {});
    expect((await refusal(vault.as(key)('auth.whoami', {}))).code).toBe('rate_limit_exceeded');
  });

  test('verify spends it too, and tells what is left', async () => {
    const { key } = await made({ rate_limit: '2/60s' });
    expect(await vault.owner('api-keys.verify', { key })).toMatchObject({ code: 'VALID', remaining: 1 });
    await vault.as(key)('auth.whoami', {});
    expect(await vault.owner('api-keys.verify', { key })).toMatchObject({
      valid: false,
      code: 'RATE_LIMITED',
      remaining: 0,
    });
  });

  test('counts a request that is wrong in itself', async () => {
    const { key } = await made({ rate_limit: '1/60s' });
    expect((await refusal(vault.as(key)('principals.get', { id: '' }))).code).toBe('invalid_input');
    expect((await refusal(vault.as(key)('auth.whoami', {}))).code).toBe('rate_limit_exceeded');
  });

  test('a key that verifies itself spends one use', async () => {
    const { key } = await made({ rate_limit: '2/60s' });
    expect(await vault.as(key)('api-keys.verify', { key })).toMatchObject({ code: 'VALID', remaining: 1 });
  });

  test('another one, or none, holds from the next request', async () => {
    const { key, id } = await made({ rate_limit: '1/60s' });
    await vault.as(key)('auth.whoami', {});
    await vault.owner('api-keys.update', { id, rate_limit: '2/60s' });
    await vault.as(key)('auth.whoami', {});
    expect((await refusal(vault.as(key)('auth.whoami', {}))).code).toBe('rate_limit_exceeded');
    await vault.owner('api-keys.update', { id, rate_limit: 'none' });
    for (let i = 0; i < 5; i++) await vault.as(key)('auth.whoami', {});
    expect((await vault.owner('api-keys.get', { id })).rate_limit).toBeUndefined();
  });

  test.each(['', '0/60s', '1/0s', '1/86401s', '1/60', '-1/60s', '1e3/60s', '10000000/1s', '1 /60s'])(
    '"%s" is none',
    (text) => expect(rateLimit(text)).toBeDefined(),
  );
  test.each(['1/1s', '9999999/86400s', 'none'])('"%s" is one', (text) => expect(rateLimit(text)).toBeUndefined());
});

test('a key for a person is made by that person, or by who may do all', async () => {
  await vault.owner('users.create', { email: 'bob@example.test', password: 'a-fake-password', role_ids: ['Viewer'] });
  const wish = { name: 'for bob', principal_id: 'bob@example.test' };
  const admin = await vault.client('admin', ['Owner']);
  const error = await refusal(admin.call('api-keys.create', wish));
  expect([error.code, error.details]).toEqual(['forbidden', { reason: 'person' }]);
  await vault.owner('api-keys.create', wish);
});

test('a key with limits hands them on, and lifts none', async () => {
  const { key, id } = await made({ rate_limit: '50/60s', allow_ips: ['127.0.0.0/8'] });
  const call = vault.as(key);
  const free = await call('api-keys.create', {
    name: 'free',
    principal_id: 'worker',
    rate_limit: 'none',
    allow_ips: [],
  });
  expect(free).toMatchObject({ rate_limit: '50/60s', allow_ips: ['127.0.0.0/8'] });
  for (const change of [{ rate_limit: 'none' }, { allow_ips: [] }]) {
    expect((await refusal(call('api-keys.update', { id, ...change }))).code).toBe('forbidden');
  }
  await call('api-keys.update', { id, tags: { a: 'b' } });
});

describe('an allow list', () => {
  const from = (key: string, ip: string) => vault.core.as({ kind: 'bearer', text: key, from: { ip } });

  test('refuses from elsewhere, with the address, and leaves a row about it', async () => {
    const { key, id } = await made({ allow_ips: ['203.0.113.0/24', '2001:db8::/32'] });
    for (const ip of ['203.0.113.7', '::ffff:203.0.113.7', '2001:db8:ffff::1']) await from(key, ip)('auth.whoami', {});
    for (const ip of ['203.0.114.7', '198.51.100.1', '2001:db9::1', '::1']) {
      const error = await refusal(from(key, ip)('auth.whoami', {}));
      expect([error.code, error.message]).toEqual(['forbidden', `the API key may not be used from "${ip}"`]);
    }
    await vault.core.settle();
    const rows = vault.rows<{ credential_id: string }>("select * from audit_log where resource_type = 'refusal'");
    expect(rows.map((row) => row.credential_id)).toEqual([id]);
  });

  test('a key from elsewhere spends no use of its rate', async () => {
    const { key } = await made({ allow_ips: ['203.0.113.7'], rate_limit: '1/60s' });
    await refusal(from(key, '203.0.113.8')('auth.whoami', {}));
    await from(key, '203.0.113.7')('auth.whoami', {});
  });

  test('an empty one is none', async () => {
    const { key, id } = await made({ allow_ips: ['203.0.113.7'] });
    await vault.owner('api-keys.update', { id, allow_ips: [] });
    await from(key, '198.51.100.1')('auth.whoami', {});
  });
});

test('limits that were taken off in the file make the key damaged, not free', async () => {
  const { key, id } = await made({ rate_limit: '1/60s' });
  const other = await vault.owner('api-keys.create', { name: 'free', principal_id: 'worker' });
  vault.edit((file) =>
    file
      .prepare('update api_keys set sealed = (select sealed from api_keys where id = ?) where id = ?')
      .run(other.id, id),
  );
  expect((await refusal(vault.as(key)('auth.whoami', {}))).code).toBe('damaged');
});

test.each(['mbc_', 'mbd_', 'mbr_', 'mbc_x_'])('a key can’t begin with %s, as logins do', async (prefix) => {
  const error = await refusal(vault.owner('api-keys.create', { name: 'k', principal_id: 'worker', prefix }));
  expect([error.code, error.details.field]).toEqual(['invalid_input', 'prefix']);
  expect((await refusal(vault.as(formatKey(prefix, new Uint8Array(32)))('auth.whoami', {}))).code).toBe('unauthorized');
});

describe('addresses', () => {
  test.each<[string, string, boolean]>([
    ['10.1.2.3', '10.0.0.0/8', true],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '10.1.2.2/31', true],
    ['10.1.2.4', '10.1.2.2/31', false],
    ['10.1.2.3', '0.0.0.0/0', true],
    ['::1', '0.0.0.0/0', false],
    ['10.1.2.3', '::/0', false],
    ['::ffff:10.1.2.3', '10.0.0.0/8', true],
    ['2001:db8::1', '2001:db8::/33', true],
    ['2001:db8:8000::1', '2001:db8::/33', false],
    ['fe80::1', 'FE80:0:0:0:0:0:0:1', true],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201', true],
    ['nonsense', '0.0.0.0/0', false],
    ['fe80::1%eth0', 'fe80::/10', false],
  ])('%s in %s: %s', (address, network, expected) => {
    expect(isWithin(address, network)).toBe(expected);
  });

  test('sources: an address of IPv4, a /64 of IPv6', () => {
    expect(sourceOf('203.0.113.7')).toBe(sourceOf('::ffff:203.0.113.7'));
    expect(sourceOf('203.0.113.7')).not.toBe(sourceOf('203.0.113.8'));
    expect(sourceOf('2001:db8::1')).toBe(sourceOf('2001:db8:0:0:ffff::2'));
    expect(sourceOf('2001:db8::1')).not.toBe(sourceOf('2001:db8:0:1::1'));
  });

  test.each(['', '1.2.3', '1.2.3.4.5', ':::', '1::2::3', '12345::', 'g::', '1:2:3:4:5:6:7:8:9'])(
    '"%s" is none',
    (text) => expect(addressBytes(text)).toBeUndefined(),
  );

  test.each(['10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/', '10.0.0.0/08', '::/129', '10.0.0/8', 'x', '1.2.3.4/8/8'])(
    '"%s" is no network',
    (text) => expect(cidr(text)).toBeDefined(),
  );
});
