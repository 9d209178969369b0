import { afterEach, expect, test } from 'vitest';
import type { Globals } from '../../src/cli/command.ts';
import { expiringIn, warnOfExpiring } from '../../src/cli/expiring.ts';
import { MobiusError } from '../../src/errors.ts';
import type { Call, Name } from '../../src/operations.ts';
import { day, makeVault, type TestVault } from '../core/world.ts';
import { fakeIo } from './fake-io.ts';

let vault: TestVault | undefined;

afterEach(async () => {
  await vault?.close();
  vault = undefined;
});

/** The same, and which operations were asked for. */
const noting = (call: Call): { call: Call; asked: Name[] } => {
  const asked: Name[] = [];
  const through: Call = (name, input, options) => {
    asked.push(name);
    return call(name, input, options);
  };
  return { call: through, asked };
};

const owner = { kind: 'owner' as const, name: 'owner', permissions: ['mobius.*'] };

test('counts a hundred of each at most, in one request a noun', async () => {
  vault = await makeVault();
  const { id: principal_id } = await vault.owner('principals.create', { name: 'ci', role_ids: ['Viewer'] });
  const expires_at = new Date(vault.clock.now + day).toISOString();
  const make = (n: number) => vault?.owner('api-keys.create', { name: `key ${n}`, principal_id, expires_at });
  for (let n = 0; n < 100; n++) await make(n);
  const { call, asked } = noting(vault.owner);
  expect(await expiringIn(call, owner, 'default', vault.clock.now)).toEqual({ api_keys: 100, secrets: 0 });
  await make(100);
  expect(await expiringIn(call, owner, 'default', vault.clock.now)).toEqual({ api_keys: 100, secrets: 0, more: true });
  expect(asked.sort()).toEqual(['api-keys.list', 'api-keys.list', 'secrets.list', 'secrets.list']);
});

test.each<[string, Parameters<typeof expiringIn>[1], Name[]]>([
  ['a key that may see nothing', { kind: 'api-key', name: 'ci', permissions: ['mobius.work.execute'] }, []],
  ['a key that sees secrets', { kind: 'api-key', name: 'ci', permissions: ['mobius.secrets.view'] }, ['secrets.list']],
  ['a token, whose every request counts', { kind: 'token', name: 'ci', permissions: ['mobius.*'] }, []],
  ['a person without a part in the project', { kind: 'user', name: 'ada', permissions: [], projects: ['other'] }, []],
  [
    'a person with one',
    { kind: 'user', name: 'ada', permissions: [], projects: ['default'] },
    ['api-keys.list', 'secrets.list'],
  ],
  [
    'an administrator',
    { kind: 'user', name: 'ada', permissions: ['mobius.*'], administrator: true },
    ['api-keys.list', 'secrets.list'],
  ],
])('asks for %s only what they may see', async (_, who, wanted) => {
  vault = await makeVault();
  const { call, asked } = noting(vault.owner);
  await expiringIn(call, who, 'default', vault.clock.now);
  expect(asked.sort()).toEqual(wanted);
});

test('what can not be told is left out, and fails nothing', async () => {
  const failing: Call = (name) =>
    name === 'secrets.list'
      ? Promise.reject(new MobiusError('service_unavailable', 'no'))
      : Promise.resolve({ items: [], has_more: false } as never);
  expect(await expiringIn(failing, owner, 'default', 0)).toEqual({ api_keys: 0 });
  // As a server of another version, or of no version, may answer.
  expect(await expiringIn(async () => ({}) as never, owner, 'default', 0)).toBeUndefined();
});

test('an answer that does not come is not waited for', async () => {
  const hanging: Call = (_, __, options) =>
    new Promise((_done, failed) => options?.signal?.addEventListener('abort', () => failed(new Error('aborted'))));
  const began = performance.now();
  expect(await expiringIn(hanging, owner, 'default', 0)).toBeUndefined();
  expect(performance.now() - began).toBeLessThan(10_000);
});

test.each<[string, string | undefined, string]>([
  ['13 days', 'api-key', 'mobius: warning: the API key "ci" expires in 13 days: mobius api-keys rotate --self\n'],
  ['14 days', 'api-key', ''],
  ['1 hour', 'token', ''],
])('of a credential that ends in %s (%s)', (ends, kind, said) => {
  const { io, stderr } = fakeIo();
  const [count = '', unit] = ends.split(' ');
  const end = new Date(io.now() + Number(count) * (unit === 'hour' ? 3_600_000 : day)).toISOString();
  const globals = { output: 'pretty', quiet: false } as Globals;
  const warn = (line: string) => void io.stderr.write(`mobius: warning: ${line}\n`);
  const who = { kind: kind as 'api-key', name: 'ci', key_name: 'ci', permissions: [], expires_at: end };
  warnOfExpiring({ io, globals, warn }, who);
  expect(stderr()).toBe(said);
  warnOfExpiring({ io, globals: { ...globals, output: 'json' }, warn }, who);
  warnOfExpiring({ io, globals: { ...globals, quiet: true }, warn }, who);
  expect(stderr()).toBe(said);
});

test('the line that lists them leads to where this one looked', () => {
  const { io, stderr } = fakeIo({ env: { MOBIUS_PROJECT: 'acme' } });
  const globals = { output: 'pretty', quiet: false, profile: 'team', vault: 'my vault', project: 'acme' } as Globals;
  const warn = (line: string) => void io.stderr.write(`${line}\n`);
  warnOfExpiring({ io, globals, warn }, owner, { api_keys: 1, secrets: 100, more: true });
  expect(stderr().split('\n')).toEqual([
    "1 API key expires within 14 days: mobius api-keys list --expiring-within 14d --profile team --vault 'my vault'",
    'at least 100 secrets have expired or expire within 14 days: ' +
      "mobius secrets list --expiring-within 14d --profile team --vault 'my vault'",
    '',
  ]);
});
