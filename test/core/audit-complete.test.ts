import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { coreOver } from '../../src/calls/local.ts';
import { operations } from '../../src/generated/operations.ts';
import type { Call, Name } from '../../src/operations.ts';
import { entries, faultsOf, storedEntries } from './chain.ts';
import { examples } from './examples.ts';
import { day, makeVault, refusal, type TestVault } from './world.ts';

/** What an operation leaves in the audit log that no example of the owner shows: another caller is needed, or none. */

const password = 'a-fake-password';
const grant_type = 'urn:ietf:params:oauth:grant-type:device_code';

let vault: TestVault;
let stranger: Call;
let count = 0;
beforeAll(async () => {
  vault = await makeVault();
  stranger = coreOver(vault.world, vault.vault, { openRegistration: true }).as({
    kind: 'nobody',
    from: { ip: '203.0.113.7' },
  });
});
afterAll(() => vault.close());

const person = async () => {
  const email = `ada-${++count}@example.test`;
  const { id } = await vault.owner('users.create', { email, password, role_ids: ['Viewer'] });
  const session = await stranger('auth.login', { email, password });
  return { id, email, session, call: vault.as(session.access_token) };
};
const deviceCode = () => stranger('auth.device-code', { mobius_label: 'a test', mobius_client: 'mobius' });

type Prepared = { act(): Promise<unknown>; leaves: readonly string[] };

const cases = {
  // Which role the principal got stands in its entry.
  'auth.register': async () => ({
    act: () => stranger('auth.register', { email: `new-${++count}@example.test`, password, name: 'Ada' }),
    leaves: ['user', 'project', 'principal', 'api_key', 'session'],
  }),
  'auth.refresh': async () => {
    const { session } = await person();
    const act = () => stranger('auth.refresh', { refresh_token: session.refresh_token });
    return { act, leaves: ['session'] };
  },
  'auth.logout': async () => {
    const { call } = await person();
    return { act: () => call('auth.logout', {}), leaves: ['session'] };
  },
  'auth.revoke-credential': async () => {
    const { call, session } = await person();
    return { act: () => call('auth.revoke-credential', { id: session.credential_id }), leaves: ['session'] };
  },
  // Whoever asks for codes is a stranger, who could fill the log; they lead to nothing until somebody confirms one.
  'auth.device-code': async () => ({ act: deviceCode, leaves: [] }),
  // What is written is that somebody looked for a code, so that nobody can try them all.
  'auth.show-device': async () => {
    const { call } = await person();
    const { user_code } = await deviceCode();
    return { act: () => call('auth.show-device', { user_code }), leaves: [] };
  },
  'auth.decide-device': async () => {
    const { call } = await person();
    const { user_code } = await deviceCode();
    return { act: () => call('auth.decide-device', { user_code, approve: true }), leaves: ['device_login'] };
  },
  'auth.device-token': async () => {
    const { call } = await person();
    const { user_code, device_code } = await deviceCode();
    await call('auth.decide-device', { user_code, approve: true });
    return { act: () => stranger('auth.device-token', { grant_type, device_code }), leaves: ['session'] };
  },
  'tokens.verify': async () => {
    const { items } = await vault.owner('tokens.create', { name: `token ${++count}` });
    return { act: () => vault.owner('tokens.verify', { token: items[0]?.token ?? '' }), leaves: [] };
  },
} satisfies { readonly [K in Name]?: () => Promise<Prepared> };

const addedBy = async (act: () => Promise<unknown>) => {
  const before = entries(vault).length;
  await act();
  await vault.core.settle();
  expect(faultsOf(vault.vault, storedEntries(vault))).toEqual([]);
  return entries(vault).slice(before);
};

test('every operation is shown, here or by an example', () => {
  const pruning = 'audit-logs.prune';
  const shown = [...Object.keys(examples), ...Object.keys(cases), pruning];
  expect(shown.sort()).toEqual(Object.keys(operations).sort());
});

describe.each(Object.entries(cases))('%s', (name, prepare) => {
  test('leaves the entries that it should', async () => {
    const { act, leaves }: Prepared = await prepare();
    const added = await addedBy(act);
    expect(added.map(({ resource_type }) => resource_type).sort()).toEqual([...leaves].sort());
    for (const { action } of added) expect(action).toBe(name);
  });
});

test('a refresh token that comes twice ends the session, which has its entry though the call is refused', async () => {
  const { session } = await person();
  await stranger('auth.refresh', { refresh_token: session.refresh_token });
  const added = await addedBy(() => refusal(stranger('auth.refresh', { refresh_token: session.refresh_token })));
  expect(added.map(({ action, resource_id, plain }) => [action, resource_id, plain.changes?.reason])).toContainEqual([
    'auth.refresh',
    session.credential_id,
    'refresh_token_used_twice',
  ]);
});

test('pruning has its entry where something was removed, and none where nothing was', async () => {
  const one = await makeVault();
  try {
    one.clock.now += day;
    const before = new Date(one.clock.now).toISOString();
    await one.owner('projects.update', { id: 'default', name: 'Another' });
    const nothing = storedEntries(one);
    await one.owner('audit-logs.prune', { before: '2000-01-01T00:00:00Z' });
    expect(storedEntries(one)).toEqual(nothing);
    await one.owner('audit-logs.prune', { before });
    expect(entries(one).map(({ seq, action, plain }) => [seq, action, plain.changes?.removed])).toEqual([
      [3, 'projects.update', undefined],
      [4, 'audit-logs.prune', 2],
    ]);
  } finally {
    await one.close();
  }
});
