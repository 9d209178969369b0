import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Call } from '../../src/operations.ts';
import { day, makeVault, minute, refusal, type TestVault } from './world.ts';

let vault: TestVault;
let call: Call;
beforeEach(async () => {
  vault = await makeVault();
  ({ call } = await vault.client('admin', ['Admin']));
});
afterEach(() => vault.close());

const key = 'one-request';
const create = (name: string, idempotencyKey = key, by = call) =>
  by('api-keys.create', { name, principal_id: 'admin' }, { idempotencyKey });

test('the same request is done once and answered twice, the raw key included', async () => {
  const first = await create('ci');
  const audited = vault.state().audit_log?.length;
  const second = await create('ci');
  expect(second).toEqual(first);
  expect(vault.state().audit_log).toHaveLength(audited ?? -1);
  await vault.as(second.key)('auth.whoami', {});
});

test('of ten at once one is done', async () => {
  const all = await Promise.all(Array.from({ length: 10 }, () => create('ci')));
  expect(new Set(all.map(({ key: raw }) => raw)).size).toBe(1);
});

test('the order of the fields is not the request', async () => {
  const first = await call(
    'roles.create',
    { name: 'r', permissions: ['mobius.project.view'] },
    { idempotencyKey: key },
  );
  const again = { permissions: ['mobius.project.view'], name: 'r' } as const;
  expect(
    await call('roles.create', { ...again, permissions: ['mobius.project.view'] }, { idempotencyKey: key }),
  ).toEqual(first);
});

test('another request under the same key is a conflict', async () => {
  await create('ci');
  const error = await refusal(create('other'));
  expect([error.code, error.details]).toEqual(['conflict', { reason: 'idempotency_key_reused' }]);
});

test('another caller’s key of the same text is another one', async () => {
  const other = await vault.client('other', ['Admin']);
  const first = await create('ci');
  const second = await create('ci-2', key, other.call);
  expect(second.id).not.toBe(first.id);
});

test('a value that is shown once is given again for ten minutes, and then named', async () => {
  const { id } = await create('ci');
  vault.clock.now += 10 * minute - 1;
  expect((await create('ci')).id).toBe(id);
  vault.clock.now += 1;
  const late = await refusal(create('ci'));
  expect([late.code, late.details]).toEqual(['conflict', { reason: 'already_done', id }]);
  expect(late.message).toContain(id);
  vault.clock.now += 61_000;
  await vault.core.settle('due');
  expect(vault.rows<{ sealed: unknown }>('select sealed from answers')).toEqual([{ sealed: null }]);
  expect((await refusal(create('ci'))).details).toEqual({ reason: 'already_done', id });
});

test('any other answer is given again for a day; then the key is free', async () => {
  const role = () => call('roles.create', { name: 'r', permissions: ['mobius.project.view'] }, { idempotencyKey: key });
  const { id } = await role();
  vault.clock.now += day - 1;
  expect((await role()).id).toBe(id);
  vault.clock.now += 1;
  expect((await refusal(role())).code).toBe('already_exists');
});

test('a request that failed was not done, and can be sent again under its key', async () => {
  const attempt = () => call('api-keys.create', { name: 'ci', principal_id: 'later' }, { idempotencyKey: key });
  expect((await refusal(attempt())).code).toBe('not_found');
  await vault.owner('principals.create', { name: 'later', role_ids: ['Viewer'] });
  await attempt();
});

test('what answers nothing is answered with nothing again', async () => {
  const { id } = await create('ci');
  const revoke = () => call('api-keys.revoke', { id }, { idempotencyKey: 'another' });
  expect([await revoke(), await revoke()]).toEqual([undefined, undefined]);
});

test('what may be asked again is not kept: values of secrets would fill the file', async () => {
  await vault.owner('secrets.create', { name: 's', values: { key: 'a-fake-value' } });
  const recipient = 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=';
  await call('secrets.use', { references: ['s.key'], recipient }, { idempotencyKey: key });
  expect(vault.rows('select id from answers')).toEqual([]);
});

test('a revoked credential gets no stored answer', async () => {
  const leaver = await vault.client('leaver', ['Admin']);
  await create('ci', key, leaver.call);
  await vault.owner('api-keys.revoke', { id: leaver.keyId });
  expect((await refusal(create('ci', key, leaver.call))).code).toBe('unauthorized');
});

test('neither the key, nor the credential, nor the answer is in the file in the clear', async () => {
  const client = await vault.client('c', ['Admin']);
  const { key: raw } = await create('ci', 'a-fake-idempotency-key', client.call);
  const stored = JSON.stringify(vault.state());
  for (const text of ['a-fake-idempotency-key', client.key, raw]) expect(stored).not.toContain(text);
});
