import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Local } from '../../src/calls/local.ts';
import { type Client, makeVault, minute, refusal, type TestVault } from './world.ts';

let vault: TestVault;
let names = 0;
beforeAll(async () => {
  vault = await makeVault();
});
afterAll(() => vault.close());

const used = async ({ keyId }: Client): Promise<number | undefined> => {
  const { last_used_at } = await vault.owner('api-keys.get', { id: keyId });
  return last_used_at === undefined ? undefined : Date.parse(last_used_at);
};
const client = (roles = ['Viewer']): Promise<Client> => vault.client(`client ${++names}`, roles);
const handle = ({ key }: Client): Promise<Local> => vault.open({ kind: 'bearer', text: key });
const use = async (one: Client): Promise<void> => {
  const local = await handle(one);
  await local.call('auth.whoami', {});
  await local.close();
};

test('is written when the handle is closed, with the time of the last use', async () => {
  const one = await client();
  const local = await handle(one);
  await local.call('auth.whoami', {});
  vault.clock.now += 5;
  const last = vault.clock.now;
  await local.call('principals.list', {});
  vault.clock.now += minute;
  expect(await used(one)).toBeUndefined();
  const audited = vault.state().audit_log;
  await local.close();
  expect(await used(one)).toBe(last);
  expect(vault.state().audit_log).toEqual(audited);
});

test('is written at most once a minute', async () => {
  const one = await client();
  const first = vault.clock.now;
  await use(one);
  vault.clock.now += minute - 1;
  await use(one);
  expect(await used(one)).toBe(first);
  vault.clock.now += 1;
  await use(one);
  expect(await used(one)).toBe(first + minute);
});

test('a server writes the first use at once, the last of each minute after it, and what is left at its end', async () => {
  const one = await client();
  const act = (): Promise<unknown> => vault.core.as({ kind: 'bearer', text: one.key })('auth.whoami', {});
  const first = vault.clock.now;
  await act();
  await vault.core.settle('due');
  expect(await used(one)).toBe(first);
  vault.clock.now += 1000;
  await act();
  const later = vault.clock.now;
  await vault.core.settle('due');
  expect(await used(one)).toBe(first);
  vault.clock.now = first + minute;
  await vault.core.settle('due');
  expect(await used(one)).toBe(later);
  vault.clock.now += 1000;
  await act();
  await vault.core.settle('rest');
  expect(await used(one)).toBe(vault.clock.now);
});

test('of two handles the later use stands, whichever is closed last', async () => {
  const one = await client();
  const [early, late] = [await handle(one), await handle(one)];
  await early.call('auth.whoami', {});
  vault.clock.now += 10 * minute;
  const last = vault.clock.now;
  await late.call('auth.whoami', {});
  await late.close();
  await early.close();
  expect(await used(one)).toBe(last);
  vault.clock.now -= 5 * minute;
  await use(one);
  expect(await used(one)).toBe(last);
  vault.clock.now += 5 * minute;
});

test('a verify that finds it good counts, one that does not does not', async () => {
  const one = await client();
  await vault.owner('api-keys.update', { id: one.keyId, state: 'disabled' });
  await vault.owner('api-keys.verify', { key: one.key });
  await vault.core.settle();
  expect(await used(one)).toBeUndefined();
  await vault.owner('api-keys.update', { id: one.keyId, state: 'active' });
  await vault.owner('api-keys.verify', { key: one.key });
  await vault.core.settle();
  expect(await used(one)).toBe(vault.clock.now);
});

test('a refused call is no use', async () => {
  const one = await client();
  const local = await handle(one);
  await refusal(local.call('principals.create', { name: 'n' }));
  await refusal(local.call('principals.list', { project: 'nowhere' }));
  await vault.owner('principals.update', { id: one.principal.id, state: 'disabled' });
  await refusal(local.call('auth.whoami', {}));
  await local.close();
  expect(await used(one)).toBeUndefined();
});

test('the last thing that a key does may be its own end', async () => {
  const one = await client(['Operator']);
  const local = await handle(one);
  await local.call('api-keys.revoke', { id: one.keyId });
  await local.close();
  expect(await vault.owner('api-keys.get', { id: one.keyId })).toMatchObject({
    state: 'revoked',
    last_used_at: expect.any(String),
  });
});

test('a key whose project is gone by the time that it is written is no fault', async () => {
  const { handle: project } = await vault.owner('projects.create', { name: 'Short-lived' });
  const one = await vault.client('short-lived', ['Viewer'], project);
  const local = await handle(one);
  await local.call('auth.whoami', {});
  await vault.owner('projects.archive', { id: project });
  await vault.owner('projects.delete', { id: project });
  await local.close();
});
