import type { Call, Input, Name } from '../../src/operations.ts';

/** A good input for an operation, after making what it needs. Its script shows an operation that has none here. */
export type Examples = { readonly [K in Name]?: (owner: Call) => Promise<Input<K>> };

let count = 0;
const fresh = (stem: string): string => `${stem}-${++count}`;

const principal = async (owner: Call, roleIds: [string, ...string[]] = ['Viewer']): Promise<string> =>
  (await owner('principals.create', { name: fresh('principal'), role_ids: roleIds })).id;

const role = async (owner: Call): Promise<string> =>
  (await owner('roles.create', { name: fresh('role'), permissions: ['mobius.project.view'] })).id;

const key = async (owner: Call, more: { expires_at?: string } = {}): Promise<{ id: string; key: string }> =>
  owner('api-keys.create', { name: fresh('key'), principal_id: await principal(owner), ...more });

const secret = async (owner: Call, ...versions: Record<string, string>[]): Promise<string> => {
  const [first = { key: fresh('value') }, ...others] = versions;
  const { name } = await owner('secrets.create', { name: fresh('secret'), values: first });
  for (const values of others) await owner('secrets.update', { secret: name, values });
  return name;
};

const token = async (owner: Call): Promise<{ id: string; token: string }> => {
  const { items } = await owner('tokens.create', { name: fresh('token') });
  const [made] = items;
  if (made === undefined) throw new Error('no token was made');
  return made;
};

const twoVersions = (owner: Call): Promise<string> => secret(owner, { key: 'one' }, { key: 'two' });

const project = async (owner: Call, archived: boolean): Promise<string> => {
  const { id } = await owner('projects.create', { name: fresh('project') });
  if (archived) await owner('projects.archive', { id });
  return id;
};

const fakePassword = 'a-fake-password';
const user = async (owner: Call): Promise<string> =>
  (await owner('users.create', { email: `${fresh('user')}@example.test`, password: fakePassword })).email;

const holder = 'cron of ada on build-1, process 4711';
interface Going {
  rotation: string;
  lock: string;
}
const begun = async (owner: Call, subject: `${'api-keys' | 'secrets'}/${string}`): Promise<Going> => {
  const { rotation, lock = '' } = await owner('rotations.start', { subject, holder });
  return { rotation: rotation?.id ?? '', lock };
};
const issued = async (owner: Call): Promise<Going> => {
  const going = await begun(owner, `api-keys/${(await key(owner)).id}`);
  await owner('rotations.issue', going);
  return going;
};
const scheduled = async (owner: Call): Promise<string> => {
  const subject = `api-keys/${(await key(owner)).id}`;
  await owner('rotations.set', { subject, every_seconds: 86_400 });
  return subject;
};

const rich = { description: 'what it is for\nin two lines', tags: { env: 'production', 'a:b': '', 'team x': 'c:d' } };

export const examples = {
  'audit-logs.list': async (owner) => ({ resource_type: 'secret', resource_id: await secret(owner), limit: 3 }),
  'audit-logs.list-all': async () => ({ action: 'vault.*', created_after: '2026-01-01T00:00:00Z' }),
  'audit-logs.anchor': async () => ({}),
  'audit-logs.verify': async () => ({ limit: 5 }),
  'audit-logs.compare': async (owner) => ({ anchors: [await owner('audit-logs.anchor', {})] }),

  'auth.whoami': async () => ({}),
  'auth.login': async (owner) => ({ email: await user(owner), password: fakePassword, label: 'a test' }),
  'auth.list-credentials': async () => ({ include_ended: true }),

  'users.create': async () => ({
    email: `${fresh('ada')}@example.test`,
    password: fakePassword,
    name: 'Ada',
    administrator: true,
    role_ids: ['Viewer'],
  }),
  'users.list': async () => ({ limit: 3 }),
  'users.disable': async (owner) => ({ id: await user(owner) }),
  'users.enable': async (owner) => {
    const id = await user(owner);
    await owner('users.disable', { id });
    return { id };
  },
  'users.set-password': async (owner) => ({ id: await user(owner), password: `${fakePassword}-2` }),

  'projects.create': async () => ({ name: fresh('Project'), description: rich.description }),
  'projects.get': async () => ({ id: 'default' }),
  'projects.list': async () => ({ include_archived: true }),
  'projects.update': async () => ({ id: 'default', name: fresh('Another name'), description: rich.description }),
  'projects.archive': async (owner) => ({ id: await project(owner, false) }),
  'projects.restore': async (owner) => ({ id: await project(owner, true) }),
  'projects.delete': async (owner) => ({ id: await project(owner, true) }),

  'principals.create': async (owner) => ({
    name: fresh('principal'),
    ...rich,
    owner_id: await principal(owner),
    metadata: { nested: { list: [1, 'two', null, true] }, ключ: '値' },
    role_ids: ['viewer'],
  }),
  'principals.get': async (owner) => ({ id: await principal(owner) }),
  'principals.list': async (owner) => {
    await principal(owner);
    return { kind: 'service', include_disabled: true, limit: 200 };
  },
  'principals.update': async (owner) => ({
    id: await principal(owner),
    ...rich,
    state: 'disabled',
    owner_id: await principal(owner),
    metadata: {},
    role_ids: [],
  }),
  'principals.delete': async (owner) => ({ id: await principal(owner) }),

  'secrets.create': async () => ({
    name: `db/${fresh('secret')}`,
    values: { password: 'fake-password', ключ: '値' },
    ...rich,
    expires_at: '2027-01-01T00:00:00Z',
    max_versions: 3,
    destroy_after_seconds: 86_400,
  }),
  'secrets.get': async (owner) => ({ secret: await secret(owner) }),
  'secrets.list': async (owner) => {
    await secret(owner);
    return { match: 'secret-*', limit: 200 };
  },
  'secrets.update': async (owner) => ({
    secret: await twoVersions(owner),
    values: { other: 'three' },
    merge: true,
    if_version: 2,
    name: fresh('renamed'),
    ...rich,
    expires_at: 'never',
    max_versions: 1,
    destroy_after_seconds: 60,
  }),
  'secrets.delete': async (owner) => ({ secret: await twoVersions(owner) }),
  'secrets.list-versions': async (owner) => ({ secret: await twoVersions(owner) }),
  'secrets.get-version': async (owner) => ({ secret: await twoVersions(owner), version: 'latest' }),
  'secrets.enable-version': async (owner) => ({ secret: await twoVersions(owner), version: 1 }),
  'secrets.disable-version': async (owner) => ({ secret: await twoVersions(owner), version: 2 }),
  'secrets.destroy-version': async (owner) => ({ secret: await twoVersions(owner), version: 1 }),
  'secrets.rollback': async (owner) => ({ secret: await twoVersions(owner), version: 1 }),
  'secrets.use': async (owner) => ({
    references: [`${await secret(owner, { key: 'x' })}.key`],
    recipient: 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=',
  }),

  'roles.create': async () => ({ name: fresh('role'), permissions: ['mobius.project.view'], ...rich }),
  'roles.get': async (owner) => ({ id: await role(owner) }),
  'roles.list': async (owner) => {
    await role(owner);
    return { limit: 3 };
  },
  'roles.update': async (owner) => ({ id: await role(owner), permissions: ['mobius.secrets.view'], ...rich }),
  'roles.delete': async (owner) => ({ id: await role(owner) }),
  'roles.create-assignment': async (owner) => ({ principal_id: await principal(owner), role_id: await role(owner) }),
  'roles.list-assignments': async (owner) => ({ principal_id: await principal(owner), role_id: 'Viewer' }),
  'roles.delete-assignment': async (owner) => {
    const { id } = await owner('roles.create-assignment', {
      principal_id: await principal(owner),
      role_id: await role(owner),
    });
    return { id };
  },

  'permissions.list': async () => ({}),
  'permissions.check': async (owner) => ({ principal_id: await principal(owner), permission: 'mobius.secrets.view' }),

  'api-keys.create': async (owner) => ({
    name: fresh('key'),
    principal_id: await principal(owner),
    expires_at: '2027-01-01T00:00:00.5+02:00',
    tags: rich.tags,
    prefix: 'acme_',
  }),
  'api-keys.get': async (owner) => ({ id: (await key(owner)).id }),
  'api-keys.list': async (owner) => {
    await key(owner);
    return { limit: 2, state: 'active' };
  },
  'api-keys.update': async (owner) => ({ id: (await key(owner)).id, tags: rich.tags, state: 'disabled' }),
  'api-keys.revoke': async (owner) => ({ id: (await key(owner)).id }),
  'api-keys.rotate': async (owner) => ({ id: (await key(owner)).id, name: fresh('key') }),
  'api-keys.verify': async (owner) => ({
    key: (await key(owner)).key,
    permission: 'mobius.project.view',
    ip: '203.0.113.7',
  }),

  'tokens.create': async () => ({
    name: fresh('token'),
    expires_in_seconds: 60,
    count: 25,
    request_limit: 1_000_000,
    permissions: ['mobius.project.view', 'actions.execute.*'],
  }),
  'tokens.list': async (owner) => {
    await token(owner);
    return { limit: 3, include_ended: true, expires_before: '2027-01-01T00:00:00Z' };
  },
  'tokens.get': async (owner) => ({ id: (await token(owner)).id.toUpperCase() }),
  'tokens.inspect': async (owner) => ({ token: (await token(owner)).token }),
  'tokens.revoke': async (owner) => ({ id: (await token(owner)).id }),
  'tokens.revoke-all': async (owner) => ({ principal_id: await principal(owner) }),
  'tokens.rotate-signing-key': async () => ({ drop_old: true }),

  'rotations.start': async (owner) => ({
    subject: `api-keys/${(await key(owner, { expires_at: '2027-01-01T00:00:00Z' })).id}`,
    holder,
    grace_seconds: 3600,
    name: fresh('key'),
    expires_at: '2027-01-01T00:00:00Z',
    if_expires_within_seconds: 366 * 86_400,
    if_unused_for_seconds: 60,
    if_older_than_seconds: 1,
    take_over: true,
  }),
  // Of a key there would be two rows: that there is another one, and how far the rotation came.
  'rotations.issue': async (owner) => ({
    ...(await begun(owner, `secrets/${await secret(owner, { key: 'x', other: 'y' })}`)),
    values: { key: 'z' },
    merge: true,
  }),
  'rotations.advance': async (owner) => ({ ...(await issued(owner)), step: 'delivering', release: true }),
  'rotations.finish': async (owner) => {
    const going = await issued(owner);
    await owner('rotations.advance', { ...going, step: 'verified' });
    return going;
  },
  'rotations.abort': async (owner) => ({ ...(await issued(owner)), withdrawn: true }),
  'rotations.get': async (owner) => ({ rotation: (await issued(owner)).rotation }),
  'rotations.list': async (owner) => {
    const subject = `api-keys/${(await key(owner)).id}` as const;
    await begun(owner, subject);
    return { subject, include_ended: true, limit: 3 };
  },
  'rotations.set': async (owner) => ({ subject: await scheduled(owner), every_seconds: 3600, grace_seconds: 0 }),
  'rotations.unset': async (owner) => ({ subject: await scheduled(owner) }),
  'rotations.due': async (owner) => {
    await scheduled(owner);
    return { within_seconds: 60, include_later: true, limit: 3 };
  },
} satisfies Examples;
