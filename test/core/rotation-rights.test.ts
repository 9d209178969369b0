import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Call } from '../../src/operations.ts';
import { begin, made, reasonOf, rotate } from './rotation-world.ts';
import { type Client, expectRefused, makeVault, minute, refusal, type TestVault } from './world.ts';

/** Who may rotate what, and what comes of it for whoever does. */

let vault: TestVault;
let owner: Call;
let count = 0;
beforeAll(async () => {
  vault = await makeVault();
  owner = vault.owner;
});
afterAll(() => vault.close());

const iso = (time: number): string => new Date(time).toISOString().replace('.000', '');
const week = 7 * 86_400;

interface Worker extends Client {
  subject: `api-keys/${string}`;
}
const newWorker = async (role = 'Worker'): Promise<Worker> => {
  const client = await vault.client(`worker-${++count}`, [role]);
  return { ...client, subject: `api-keys/${client.principal.name}` };
};
const scheduled = async (grace_seconds = 0): Promise<Worker> => {
  const worker = await newWorker();
  await owner('rotations.set', { subject: worker.subject, every_seconds: week, grace_seconds });
  return worker;
};

describe('a key that rotates itself', () => {
  test('may do so where somebody set a schedule for it, through all steps and with either key', async () => {
    const { call, keyId, key, subject } = await scheduled(3600);
    const going = await begin(call, 'api-keys/@me');
    const next = made(await going.issue());
    await going.advance('delivering', { release: true });
    // It began again with the new one.
    const after = vault.as(next.key);
    const again = await begin(after, 'api-keys/@me', { holder: 'two' });
    expect(again.rotation).toBe(going.rotation);
    const last = made(await again.issue());
    await again.bring();
    await again.finish();
    expect(await owner('api-keys.get', { id: keyId })).toMatchObject({ state: 'retiring', replaced_by: last.id });
    expect((await owner('api-keys.verify', { key: next.key })).code).toBe('REVOKED');
    const { items } = await owner('rotations.due', { include_later: true, limit: 200 });
    expect(items.find((one) => one.subject === subject)).toMatchObject({ subject_id: last.id, grace_seconds: 3600 });
    // The one before has nothing to say any more, the one after has.
    for (const text of ['api-keys/@me', subject]) {
      await expectRefused(vault, () => begin(vault.as(key), text), 'conflict');
    }
    await expectRefused(vault, () => begin(vault.as(key), `api-keys/${last.id}`), 'permission_denied');
    await (await begin(vault.as(last.key), subject)).abort();
  });

  test('not without a schedule, and not any more when it was taken away', async () => {
    const worker = await newWorker();
    await expectRefused(vault, () => begin(worker.call, 'api-keys/@me'), 'permission_denied');
    await expectRefused(vault, () => worker.call('api-keys.rotate', { id: '@me' }), 'permission_denied');
    await owner('rotations.set', { subject: worker.subject, every_seconds: week });
    const going = await begin(worker.call, 'api-keys/@me');
    await going.issue();
    await owner('rotations.unset', { subject: worker.subject });
    for (const step of ['issue', 'advance', 'finish', 'abort'] as const) {
      await expectRefused(vault, () => going[step](), 'permission_denied');
    }
  });

  test('nor anything else than itself, whether that is there or not', async () => {
    const [worker, other] = [await scheduled(), await scheduled()];
    await owner('secrets.create', { name: `s-${count}`, values: { a: 'b' } });
    const denied = async (subject: string) =>
      (await expectRefused(vault, () => begin(worker.call, subject), 'permission_denied')).message;
    const words = 'this needs the permission "mobius.keys.issue" in project "default"';
    for (const one of [other.subject, `api-keys/${other.keyId}`, 'api-keys/nowhere'])
      expect(await denied(one)).toBe(words);
    const ofSecrets = 'this needs the permission "mobius.secrets.manage" in project "default"';
    for (const one of [`secrets/s-${count}`, 'secrets/nowhere']) expect(await denied(one)).toBe(ofSecrets);
    const theirs = await begin(other.call, 'api-keys/@me');
    await theirs.issue();
    const { rotation, lock } = theirs;
    await expectRefused(vault, () => worker.call('rotations.finish', { rotation, lock }), 'permission_denied');
    await expectRefused(
      vault,
      () => worker.call('rotations.abort', { rotation, lock, take_over: true }),
      'permission_denied',
    );
  });

  test('has no say in its schedule, its name, its end or how long the one before goes on', async () => {
    const { call, subject, principal } = await scheduled(60);
    await expectRefused(vault, () => call('rotations.set', { subject, every_seconds: 3600 }), 'permission_denied');
    await expectRefused(vault, () => call('rotations.unset', { subject }), 'permission_denied');
    for (const more of [
      { expires_at: iso(vault.clock.now + minute) },
      { name: 'another' },
      { name: principal.name },
      { grace_seconds: 61 },
    ]) {
      await expectRefused(vault, () => begin(call, subject, more), 'invalid_input');
    }
    const going = await begin(call, subject, { grace_seconds: 30 });
    // Nor when it goes on with what was begun.
    for (const more of [{ expires_at: '2099-01-01T00:00:00Z' }, { name: 'another' }, { grace_seconds: 86_400 }]) {
      await expectRefused(vault, () => begin(call, subject, { ...more, take_over: true }), 'invalid_input');
    }
    await going.abort();
    expect(await rotate(call, subject)).toBeDefined();
  });

  test('lives as long again and no longer, with the limits that it has', async () => {
    const worker = await vault.client(`limited-${++count}`, ['Worker']);
    const expires_at = iso(vault.clock.now + 10 * minute);
    const { key } = await owner('api-keys.create', {
      name: `limited ${count}`,
      principal_id: worker.principal.id,
      expires_at,
      rate_limit: '1000/60s',
      allow_ips: ['127.0.0.1'],
    });
    await owner('rotations.set', { subject: `api-keys/limited ${count}`, every_seconds: week });
    vault.clock.now += 5 * minute;
    const next = await rotate(vault.as(key), 'api-keys/@me');
    expect(await owner('api-keys.get', { id: next.id })).toMatchObject({
      expires_at: iso(vault.clock.now + 10 * minute),
      rate_limit: '1000/60s',
      allow_ips: ['127.0.0.1'],
    });
    const lifting = vault.as(next.key)('api-keys.update', { id: '@me', rate_limit: 'none' });
    expect((await refusal(lifting)).code).toBe('permission_denied');
  });

  test('that was switched off does not come back as its successor', async () => {
    const { call, keyId, subject } = await scheduled();
    const going = await begin(call, 'api-keys/@me');
    const next = made(await going.issue());
    await going.bring();
    await owner('api-keys.update', { id: keyId, state: 'disabled' });
    const { rotation, lock } = going;
    const after = vault.as(next.key);
    await expectRefused(vault, () => after('rotations.finish', { rotation, lock }), 'unauthorized');
    await expectRefused(vault, () => after('rotations.issue', { rotation, lock }), 'unauthorized');
    await owner('api-keys.update', { id: keyId, state: 'active' });
    await owner('api-keys.revoke', { id: keyId });
    await expectRefused(vault, () => after('rotations.finish', { rotation, lock }), 'unauthorized');
    expect((await refusal(owner('rotations.unset', { subject }))).code).toBe('not_found');
  });

  test('not by a token of it', async () => {
    const { subject, keyId, principal } = await newWorker('Operator');
    await owner('rotations.set', { subject, every_seconds: week });
    const { key } = await owner('api-keys.create', { name: `minting ${count}`, principal_id: principal.id });
    const { items } = await vault.as(key)('tokens.create', {});
    const token = vault.as(items[0]?.token ?? '');
    const error = await refusal(begin(token, `api-keys/${keyId}`));
    expect([error.code, error.details.reason]).toEqual(['forbidden', 'token']);
  });
});

describe('whoever may issue keys', () => {
  test('rotates no key that may do more than they', async () => {
    const [operator, boss] = [await newWorker('Operator'), await newWorker('Owner')];
    const going = await begin(operator.call, boss.subject);
    await expectRefused(vault, () => going.issue(), 'permission_denied');
    await going.abort();
    // Nor goes on with what somebody else left, and comes to the raw key.
    const theirs = await begin(boss.call, boss.subject);
    await theirs.issue();
    await theirs.advance('delivering', { release: true });
    const taken = await begin(operator.call, boss.subject, { holder: 'two' });
    await expectRefused(vault, () => taken.issue(), 'permission_denied');
    const peer = await newWorker('Operator');
    expect(await rotate(operator.call, peer.subject)).toBeDefined();
    await taken.abort({ even_if_delivered: true });
  });

  test('rotates no person’s key', async () => {
    const operator = await newWorker('Operator');
    const { email } = await owner('users.create', {
      email: `ada-${count}@example.test`,
      password: 'a-fake-password',
      role_ids: ['Worker'],
    });
    const { items } = await owner('principals.list', { kind: 'user', limit: 200 });
    const person = items.find(({ name }) => name === email);
    const { id } = await owner('api-keys.create', { name: `of ${email}`, principal_id: person?.id ?? '' });
    await owner('rotations.set', { subject: `api-keys/${id}`, every_seconds: week });
    const going = await begin(operator.call, `api-keys/${id}`);
    expect((await expectRefused(vault, () => going.issue(), 'forbidden')).details.reason).toBe('person');
    await going.abort();
  });

  test('hands on limits, and lifts none', async () => {
    const { principal } = await newWorker('Operator');
    const issuer = await owner('api-keys.create', {
      name: `held ${count}`,
      principal_id: principal.id,
      rate_limit: '1000/60s',
    });
    const call = vault.as(issuer.key);
    const free = await newWorker();
    const next = await rotate(call, free.subject);
    expect(await owner('api-keys.get', { id: next.id })).toMatchObject({ rate_limit: '1000/60s' });
    const other = await owner('api-keys.create', {
      name: `other ${count}`,
      principal_id: principal.id,
      rate_limit: '2/60s',
    });
    const going = await begin(call, `api-keys/${other.id}`);
    expect(await reasonOf(going.issue())).toBe('limits');
  });

  test('goes on where the steps of another were left, but not beside them', async () => {
    const [operator, worker] = [await newWorker('Operator'), await scheduled()];
    const going = await begin(worker.call, 'api-keys/@me');
    expect(await reasonOf(begin(operator.call, worker.subject))).toBe('rotation_held');
    await going.issue();
    await begin(operator.call, worker.subject, { take_over: true });
    expect(await reasonOf(going.advance('delivering'))).toBe('rotation_lost');
  });
});

test('who may look sees how far a rotation came, and nobody else does', async () => {
  const [viewer, bare, worker] = [await newWorker('Viewer'), await vault.client(`bare-${++count}`), await scheduled()];
  const going = await begin(worker.call, 'api-keys/@me');
  const { rotation, lock } = going;
  const seen = await viewer.call('rotations.get', { rotation });
  expect(JSON.stringify(seen)).not.toContain(lock);
  expect((await viewer.call('rotations.list', { subject: worker.subject })).items).toEqual([seen]);
  for (const name of ['rotations.list', 'rotations.due'] as const) {
    await expectRefused(vault, () => bare.call(name, {}), 'permission_denied');
  }
  await expectRefused(vault, () => bare.call('rotations.get', { rotation }), 'permission_denied');
  await expectRefused(vault, () => viewer.call('rotations.abort', { rotation, take_over: true }), 'permission_denied');
});
