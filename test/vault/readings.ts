import { expect } from 'vitest';
import type { Session } from '../../src/generated/types.ts';
import type { Call } from '../../src/operations.ts';
import { useSecrets } from '../../src/use/resolve.ts';
import { finishScrub } from '../../src/vault/scrub.ts';
import { type Client, makeVault, minute, outcome, type TestVault } from '../core/world.ts';

const fakePassword = 'a-fake-password';

/** All that can be asked about a vault, and what was answered: an answer, or the code of a refusal. */
export type Readings = ReadonlyMap<string, unknown>;

export interface Furnished {
  vault: TestVault;
  clients: Readonly<Record<string, Client>>;
  read(): Promise<Readings>;
}

/** A vault with one of everything that works and one of everything that does not. */
export const furnish = async (): Promise<Furnished> => {
  const vault = await makeVault();
  const { owner } = vault;
  const tags = { env: 'prod', team: 'core' };
  await owner('projects.create', { name: 'Other', description: 'another' });
  await owner('projects.create', { name: 'Frozen' });
  await owner('roles.create', { name: 'big', permissions: ['mobius.*', 'actions.execute.*'], tags });
  await owner('roles.create', { name: 'small', permissions: ['mobius.project.view'] });
  await owner('roles.create', { project: 'other', name: 'big', permissions: ['mobius.*'] });
  const clients = {
    boss: await vault.client('boss', ['big']),
    weak: await vault.client('weak', ['small', 'Viewer']),
    bare: await vault.client('bare'),
    revoked: await vault.client('revoked', ['big']),
    expired: await vault.client('expired', ['Owner']),
    disabled: await vault.client('disabled', ['Owner']),
    off: await vault.client('off', ['big']),
    gone: await vault.client('gone', ['big']),
    stranger: await vault.client('stranger', ['big'], 'other'),
    frozen: await vault.client('frozen', ['Owner'], 'frozen'),
  };
  await owner('principals.update', { id: 'weak', tags, owner_id: 'boss' });
  await owner('principals.update', { id: 'boss', tags, metadata: { a: 1 } });
  await owner('api-keys.update', { id: 'boss', tags });
  await owner('api-keys.update', { id: 'weak', tags: { env: 'test' } });
  await owner('api-keys.revoke', { id: 'revoked' });
  await owner('api-keys.update', { id: 'disabled', state: 'disabled' });
  await owner('principals.update', { id: 'off', state: 'disabled' });
  await owner('api-keys.revoke', { id: 'gone' });
  await owner('principals.delete', { id: 'gone' });
  await owner('projects.archive', { id: 'frozen' });
  const brief = await owner('api-keys.create', {
    name: 'brief',
    principal_id: 'expired',
    expires_at: new Date(vault.clock.now + minute).toISOString(),
  });
  await owner('api-keys.revoke', { id: 'expired' });
  clients.expired = { ...clients.expired, key: brief.key, keyId: brief.id, call: vault.as(brief.key) };
  await owner('api-keys.create', {
    name: 'lasting',
    principal_id: 'weak',
    expires_at: new Date(vault.clock.now + 10 * minute).toISOString(),
  });
  await owner('api-keys.create', { name: 'old', principal_id: 'boss' });
  await owner('api-keys.rotate', { id: 'old', grace_seconds: 1_000_000 });
  const { rotation, lock = '' } = await owner('rotations.start', { subject: 'api-keys/lasting', holder: 'a test' });
  const going = { rotation: rotation?.id ?? '', lock };
  await owner('rotations.issue', going);
  await owner('rotations.advance', { ...going, step: 'delivering', release: true });
  await owner('rotations.set', { subject: 'api-keys/lasting', every_seconds: 3600 });
  vault.clock.now += 2 * minute;
  await clients.boss.call('secrets.create', { name: 'openai', values: { api_key: 'fake-1', org: 'o' }, tags });
  for (const api_key of ['fake-2', 'fake-3']) await owner('secrets.update', { secret: 'openai', values: { api_key } });
  await owner('secrets.destroy-version', { secret: 'openai', version: 1 });
  await finishScrub(vault.vault.file);
  await owner('secrets.create', { name: 'db/prod', values: { password: 'fake' }, expires_at: '2030-01-01T00:00:00Z' });
  await clients.boss.call('secrets.update', {
    secret: 'db/prod',
    values: { password: 'fake-staged' },
    stage: true,
    max_versions: 9,
    destroy_after_seconds: 86_400,
  });
  await clients.boss.call('secrets.update', { secret: 'db/prod', values: { password: 'fake-now' } });

  const ofSecret = await owner('rotations.start', { subject: 'secrets/db/prod', holder: 'a test' });
  await owner('rotations.issue', {
    rotation: ofSecret.rotation?.id ?? '',
    lock: ofSecret.lock ?? '',
    values: { password: 'fake-next' },
  });
  await owner('rotations.set', { subject: 'secrets/openai', every_seconds: 3600 });
  await owner('rotations.abort', {
    rotation: (await owner('rotations.start', { subject: 'secrets/openai', holder: 'a test' })).rotation?.id ?? '',
    take_over: true,
  });

  await owner('users.create', { email: 'ada@example.test', password: fakePassword, administrator: true, name: 'Ada' });
  await owner('users.create', { email: 'bob@example.test', password: fakePassword, role_ids: ['Worker'] });
  const stranger = vault.core.as({ kind: 'nobody', from: { ip: '203.0.113.7' } });
  const sessions: Session[] = [];
  for (const email of ['ada@example.test', 'bob@example.test']) {
    sessions.push(await stranger('auth.login', { email, password: fakePassword }));
    await stranger('auth.device-code', { mobius_label: `of ${email}` });
  }
  await outcome(stranger('auth.login', { email: 'bob@example.test', password: 'a-wrong-password' }));
  const metered = await owner(
    'api-keys.create',
    { name: 'metered', principal_id: 'boss', rate_limit: '1000000/86400s' },
    { idempotencyKey: 'a-fake-key' },
  );
  await vault.as(metered.key)('auth.whoami', {});
  const lent = await clients.boss.call('tokens.create', { count: 2, name: 'lent', request_limit: 9 });
  const { items: personal } = await vault.as(sessions[0]?.access_token ?? '')('tokens.create', {});
  const [working, ended] = lent.items;
  await owner('tokens.verify', { token: working?.token ?? '' });
  await owner('tokens.revoke', { id: ended?.id ?? '' });

  // One minute after the other somebody looks what is over.
  await vault.core.settle('due');

  // Not the checked calls of the vault: this asks some thousand times.
  const as = (key: string): Call => vault.core.as({ kind: 'bearer', text: key });
  const ask = vault.core.as({ kind: 'owner' });
  const weak = as(clients.weak.key);
  const asked: [string, () => Promise<unknown>][] = [
    ['projects', () => ask('projects.list', { include_archived: true })],
    ['principals', () => ask('principals.list', { include_disabled: true })],
    ['principals in use', () => ask('principals.list', {})],
    ['principals by tag', () => ask('principals.list', { include_disabled: true, tag: ['env:prod'] })],
    ['roles', () => ask('roles.list', {})],
    ['roles by tag', () => ask('roles.list', { tag: ['team:*'] })],
    ['assignments', () => ask('roles.list-assignments', {})],
    ['keys', () => ask('api-keys.list', {})],
    ['keys by tag', () => ask('api-keys.list', { tag: ['env:*'] })],
    ['keys in other', () => ask('api-keys.list', { project: 'other' })],
    ['principals in other', () => ask('principals.list', { project: 'other' })],
    ['rotations', () => ask('rotations.list', {})],
    ['rotations that ended', () => ask('rotations.list', { include_ended: true })],
    ['what is due', () => ask('rotations.due', { include_later: true })],
    ['what is due in other', () => ask('rotations.due', { project: 'other', include_later: true })],
    ['rotations in other', () => ask('rotations.list', { project: 'other', include_ended: true })],
    ['secrets', () => ask('secrets.list', {})],
    ['secrets by tag', () => ask('secrets.list', { tag: ['team:core'] })],
    ['may weak manage', () => ask('permissions.check', { principal_id: 'weak', permission: 'mobius.access.manage' })],
    ['may boss manage', () => ask('permissions.check', { principal_id: 'boss', permission: 'mobius.access.manage' })],
    ['weak lists', () => weak('principals.list', {})],
    ['weak renames', () => weak('projects.update', { id: 'default', name: 'Mine' })],
    ['users', () => ask('users.list', {})],
    ['tokens', () => ask('tokens.list', {})],
    ['tokens that ended', () => ask('tokens.list', { include_ended: true })],
    ...[...lent.items, ...personal].map(({ token }, at): [string, () => Promise<unknown>] => [
      `token ${at}`,
      () => ask('tokens.inspect', { token }),
    ]),
    // Counts nothing, for it may not: but a token that was revoked would say so first.
    ['what a token may', () => ask('tokens.verify', { token: ended?.token ?? '', permission: 'mobius.keys.issue' })],
    ...sessions.map(({ access_token: token }, at): [string, () => Promise<unknown>] => [
      `who is signed in ${at}`,
      () => as(token)('auth.whoami', {}),
    ]),
    ['revoked switched on', () => ask('api-keys.update', { id: clients.revoked.keyId, state: 'active' })],
  ];
  for (const secret of ['openai', 'db/prod']) {
    asked.push([`secret ${secret}`, () => ask('secrets.get', { secret })]);
    asked.push([`versions of ${secret}`, () => ask('secrets.list-versions', { secret })]);
    const target = async () => ({ call: ask, project: 'default', close: async () => undefined });
    asked.push([`values of ${secret}`, () => useSecrets(target, { texts: {}, secrets: [secret] })]);
  }
  for (const id of ['default', 'other', 'frozen']) asked.push([`project ${id}`, () => ask('projects.get', { id })]);
  for (const id of ['big', 'small']) asked.push([`role ${id}`, () => ask('roles.get', { id })]);
  for (const state of ['active', 'retiring', 'revoked', 'expired', 'disabled'] as const) {
    asked.push([`${state} keys`, () => ask('api-keys.list', { state })]);
  }
  for (const [name, { key }] of Object.entries(clients))
    asked.push([`who is ${name}`, () => as(key)('auth.whoami', {})]);
  // One of each kind is enough here; lists read all the others.
  for (const name of ['boss', 'weak', 'revoked', 'off', 'gone', 'stranger'] as const) {
    const { key, keyId, principal } = clients[name];
    asked.push([`verify ${name}`, () => ask('api-keys.verify', { key })]);
    asked.push([`key ${name}`, () => ask('api-keys.get', { id: keyId })]);
    asked.push([`principal ${name}`, () => ask('principals.get', { id: principal.id })]);
  }
  asked.push(['key named boss', () => ask('api-keys.get', { id: 'boss' })]);
  asked.push(['principal named boss', () => ask('principals.get', { id: 'boss' })]);

  return {
    vault,
    clients,
    async read() {
      const found = new Map<string, unknown>();
      for (const [question, read] of asked) {
        const { code, ...rest } = await outcome(read());
        found.set(question, code ?? ('output' in rest ? rest.output : undefined));
      }
      return found;
    },
  };
};

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** An answer that claims no more than the one before: the same, or a list of which something is missing. */
const claimsNoMore = (before: unknown, after: unknown): boolean => {
  if (same(before, after)) return true;
  if (Array.isArray(before) && Array.isArray(after)) {
    return after.every((item) => before.some((one) => claimsNoMore(one, item)));
  }
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) return false;
  const [was, is] = [before as Record<string, unknown>, after as Record<string, unknown>];
  return Object.keys(is).every((name) => {
    if (name === 'has_more' || name === 'next_cursor' || name === 'last_used_at') return true;
    if (['valid', 'allowed'].includes(name) && is[name] === false) return true;
    if (name === 'code' && is.valid === false) return true;
    return name in was && claimsNoMore(was[name], is[name]);
  });
};

const refusals = ['damaged', 'not_found', 'unauthorized', 'permission_denied', 'conflict'];

/** Whatever was done to the file: nobody gets more than before, and what is not answered is refused in good order. */
export const expectNoMore = (before: Readings, after: Readings, what: string): void => {
  for (const [question, answer] of after) {
    const was = before.get(question);
    if (typeof answer === 'string') expect(refusals, `${what}: ${question}`).toContain(answer);
    else if (typeof was === 'string' || !claimsNoMore(was, answer)) {
      expect({ what, question, answer }).toEqual({ what, question, answer: was });
    }
  }
};

export const damagedIn = (readings: Readings): string[] =>
  [...readings].flatMap(([question, answer]) => (answer === 'damaged' ? [question] : []));
