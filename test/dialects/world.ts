import { parseTypeId, uuidText } from '../../src/core/ids.ts';
import { dialectNames } from '../../src/dialects/names.ts';
import type { Session } from '../../src/generated/types.ts';
import type { Call } from '../../src/operations.ts';
import type { ServeOptions } from '../../src/server/serve.ts';
import { makeVault, minute, type TestVault } from '../core/world.ts';
import { type Answered, type Asked, createHttpWorld, exchange, type HttpWorld } from '../http/world.ts';

export const password = 'correct horse battery staple';

/** The UUID that an id of ours has, as other contracts spell it. */
export const uuid = (id: string): string => uuidText(parseTypeId(id)?.uuid ?? new Uint8Array(16));

export const uuids = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Of a person of whom all stands. */
export interface Person {
  id: string;
  email: string;
  session: string;
  refresh: string;
  sessionId: string;
}

export interface Key {
  id: string;
  key: string;
}

/** One of every kind that there is, in every state that it can be in; what works works for hours. */
export interface Credentials {
  /** Of operator `ann` in the project `default`, whose keys and tokens the others here are too. */
  session: string;
  expiredSession: string;
  revokedSession: string;
  refresh: string;
  cli: string;
  key: string;
  expiredKey: string;
  revokedKey: string;
  disabledKey: string;
  token: string;
  expiredToken: string;
  revokedToken: string;
  /** Of people who may less, have their part elsewhere, and may all. */
  viewer: string;
  stranger: string;
  admin: string;
  strangerKey: string;
}

export interface DialectWorld
  extends Pick<HttpWorld, 'vault' | 'port' | 'log' | 'entries' | 'raw' | 'settle' | 'close'> {
  people: Record<'ann' | 'viewer' | 'stranger' | 'admin', Person>;
  credentials: Credentials;
  /** With a credential behind `Bearer`, the rest as it stands. */
  as(name: keyof Credentials): Asked;
  ask(method: string, path: string, asked?: Asked): Promise<Answered>;
  /** The operations as this credential may use them. */
  call(credential: string): Call;
  /** Another access token of somebody's session, where the clock went by the end of the last. */
  renew(): Promise<void>;
}

const accessEnds = 16 * minute;

const logIn = async (vault: TestVault, email: string): Promise<Session> =>
  vault.core.as({ kind: 'nobody' })('auth.login', { email, password });

const cliLogin = async ({ core }: TestVault, call: Call): Promise<string> => {
  const nobody = core.as({ kind: 'nobody' });
  const { device_code, user_code } = await nobody('auth.device-code', { mobius_client: 'a program' });
  await call('auth.decide-device', { user_code, approve: true });
  const grant_type = 'urn:ietf:params:oauth:grant-type:device_code';
  return (await nobody('auth.device-token', { device_code, grant_type })).access_token;
};

type Keys = Pick<Credentials, 'key' | 'expiredKey' | 'revokedKey' | 'disabledKey' | 'strangerKey'>;
type Tokens = Pick<Credentials, 'token' | 'expiredToken' | 'revokedToken'>;

const keysOf = async (vault: TestVault, call: Call, email: string): Promise<Keys> => {
  const make = (name: string, more: object = {}) => call('api-keys.create', { name, principal_id: email, ...more });
  const ends = { expires_at: new Date(vault.clock.now + minute).toISOString() };
  const [key, expired, revoked, disabled] = [
    await make("ann's key"),
    await make("ann's expiring key", ends),
    await make("ann's revoked key"),
    await make("ann's disabled key"),
  ];
  await call('api-keys.revoke', { id: revoked.id });
  await call('api-keys.update', { id: disabled.id, state: 'disabled' });
  const project = 'elsewhere';
  const { id } = await vault.owner('principals.create', { name: 'program', role_ids: ['Operator'], project });
  const { key: strangerKey } = await vault.owner('api-keys.create', { name: 'key', principal_id: id, project });
  return { key: key.key, expiredKey: expired.key, revokedKey: revoked.key, disabledKey: disabled.key, strangerKey };
};

const tokensOf = async ({ as, owner }: TestVault, key: string): Promise<Tokens> => {
  const mint = async (seconds: number) => {
    const { items } = await as(key)('tokens.create', { expires_in_seconds: seconds });
    const [first = { id: '', token: '' }] = items;
    return first;
  };
  const [live, expired, revoked] = [await mint(86_400), await mint(60), await mint(86_400)];
  await owner('tokens.revoke', { id: revoked.id });
  return { token: live.token, expiredToken: expired.token, revokedToken: revoked.token };
};

interface Told {
  status: number;
  body?: unknown;
  type?: string | undefined;
  authenticate?: string | undefined;
  retryAfter?: string | undefined;
  location?: string | undefined;
  allow?: string | undefined;
}

/** What an answer says: all that a client goes by. */
export const told = ({ status, headers, text, body }: Answered): Told => ({
  status,
  body: text === '' ? undefined : (body ?? text),
  type: headers['content-type'],
  authenticate: headers['www-authenticate'],
  retryAfter: headers['retry-after'],
  location: headers.location,
  allow: headers.allow,
});

/** The whole of what is told: a body is JSON, and whoever must show a credential is told how. */
export const says = (status: number, body?: unknown, more: Partial<Told> = {}): Told => ({
  status,
  body,
  type: body === undefined ? undefined : 'application/json; charset=utf-8',
  authenticate: status === 401 ? 'Bearer' : undefined,
  ...more,
});

/** Everything that somebody can show in `Authorization`, but what is accepted. */
export const shown = {
  nothing: () => ({}),
  'an empty header': () => ({ Authorization: '' }),
  'a scheme alone': () => ({ Authorization: 'Bearer' }),
  'another scheme': () => ({ Authorization: 'Basic YW5uOnBhc3N3b3Jk' }),
  'two words': () => ({ Authorization: 'Bearer made up' }),
  'two headers': ({ session }) => ({ Authorization: [`Bearer ${session}`, `Bearer ${session}`] }),
  'a made-up key': () => bearer('mob_made-up'),
  'a key with a letter changed': ({ key }) => bearer(key.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'))),
  'a JWT of nobody': () => bearer('eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.'),
  'a session that was changed': ({ session }) => bearer(session.replace(/.{8}$/, 'AAAAAAAA')),
  'an expired session': ({ expiredSession }) => bearer(expiredSession),
  'a revoked session': ({ revokedSession }) => bearer(revokedSession),
  'a refresh token': ({ refresh }) => bearer(refresh),
  'an API key': ({ key }) => bearer(key),
  'an expired API key': ({ expiredKey }) => bearer(expiredKey),
  'a revoked API key': ({ revokedKey }) => bearer(revokedKey),
  'a disabled API key': ({ disabledKey }) => bearer(disabledKey),
  'a login of the command line': ({ cli }) => bearer(cli),
  'a short-lived token': ({ token }) => bearer(token),
  'an expired token': ({ expiredToken }) => bearer(expiredToken),
  'a revoked token': ({ revokedToken }) => bearer(revokedToken),
} as const satisfies Record<string, (credentials: Credentials) => NonNullable<Asked['headers']>>;

export const bearer = (text: string): { Authorization: string } => ({ Authorization: `Bearer ${text}` });

export type Shown = keyof typeof shown;

/** A server that speaks all three, over a vault in which somebody of every kind has been at work. */
export const createDialectWorld = async (
  address?: string,
  options: Partial<ServeOptions> = {},
): Promise<DialectWorld> => {
  const vault = await makeVault(address);
  const { clock, owner } = vault;
  await owner('projects.create', { handle: 'elsewhere', name: 'Elsewhere' });
  const make = async (name: string, more: object): Promise<Person> => {
    const email = `${name}@example.test`;
    const { id } = await owner('users.create', { email, password, name, ...more });
    const { access_token: session, refresh_token: refresh, credential_id: sessionId } = await logIn(vault, email);
    return { id, email, session, refresh, sessionId };
  };
  const people = {
    ann: await make('ann', { role_ids: ['Operator'] }),
    viewer: await make('viewer', { role_ids: ['Viewer'] }),
    stranger: await make('stranger', { role_ids: ['Operator'], project: 'elsewhere' }),
    admin: await make('admin', { administrator: true }),
  };
  const { ann } = people;
  const call = vault.as(ann.session);
  const keys = await keysOf(vault, call, ann.email);
  const tokens = await tokensOf(vault, keys.key);
  const revoked = await logIn(vault, ann.email);
  const credentials: Credentials = {
    ...keys,
    ...tokens,
    session: '',
    expiredSession: ann.session,
    revokedSession: '',
    refresh: '',
    cli: await cliLogin(vault, call),
    viewer: '',
    stranger: '',
    admin: '',
  };
  const renew = async (): Promise<void> => {
    for (const person of Object.values(people)) {
      const next = await vault.core.as({ kind: 'nobody' })('auth.refresh', { refresh_token: person.refresh });
      Object.assign(person, { session: next.access_token, refresh: next.refresh_token });
    }
    const { viewer, stranger, admin } = people;
    const session = { session: ann.session, refresh: ann.refresh };
    Object.assign(credentials, session, {
      viewer: viewer.session,
      stranger: stranger.session,
      admin: admin.session,
    });
  };
  clock.now += accessEnds;
  await renew();
  const again = await vault.core.as({ kind: 'nobody' })('auth.refresh', { refresh_token: revoked.refresh_token });
  await vault.as(again.access_token)('auth.logout', {});
  credentials.revokedSession = again.access_token;
  const http = await createHttpWorld({ dialects: dialectNames, openRegistration: true, ...options }, { vault });
  const { port, log, entries, raw, settle, close } = http;
  return {
    vault,
    port,
    log,
    entries,
    raw,
    settle,
    close,
    people,
    credentials,
    as: (name) => ({ key: credentials[name] }),
    ask: (...asked) => exchange({ port }, ...asked),
    call: (credential) => vault.as(credential),
    renew,
  };
};
