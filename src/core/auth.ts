import { MobiusError, notFound } from '../errors.ts';
import type { CliCredential, WhoAmI } from '../generated/types.ts';
import type { NameOf } from '../operations.ts';
import { endOf } from '../store/api-keys.ts';
import * as principals from '../store/principals.ts';
import * as projects from '../store/projects.ts';
import * as sessions from '../store/sessions.ts';
import type { Store } from '../store/table.ts';
import type { TokenRow } from '../store/tokens.ts';
import * as users from '../store/users.ts';
import { sourceOf } from './addresses.ts';
import { readRefreshToken, sessionMs, startSession, tokensOf } from './auth-tokens.ts';
import { addressOf, type Caller } from './caller.ts';
import { type Context, type Handlers, type Outside, present } from './context.ts';
import {
  asksTooFast,
  beginDeviceLogin,
  decideDeviceLogin,
  deviceAnswer,
  findRequest,
  finishDeviceLogin,
} from './device-login.ts';
import { iso } from './iso.ts';
import { countAttempt, forgetAttempts, uncountAttempt } from './lockout.ts';
import { register } from './register.ts';
import { requireWhole } from './user-book.ts';

const notAccepted = (): MobiusError =>
  new MobiusError('unauthorized', 'the login was not accepted', { credential: 'login' });

const noSession = (): MobiusError =>
  new MobiusError('conflict', 'the owner of the vault has no session to end', { reason: 'no_session' });

/**
 * The request behind a code. Guesses are counted for whoever makes them, before they are looked at; a right one takes
 * its own count back and no more.
 */
const guardedRequest = async ({ tx, now, actor, caller }: Outside, userCode: string) => {
  const target = { what: 'device-code' as const, ip: addressOf(actor), account: caller.user?.id ?? caller.kind };
  return tx('write', async (store) => {
    await countAttempt(store, target, now);
    const row = await findRequest(store, userCode, now);
    if (row !== undefined) await uncountAttempt(store, target, now);
    return row;
  });
};

const noRequest = (): MobiusError =>
  new MobiusError('not_found', 'no login waits for this code', { resource: 'device login' });

const credentialAnswer = async (
  store: Store,
  row: sessions.SessionRow,
  { now, caller }: Context,
): Promise<CliCredential> => {
  const { id, clear, plain, free } = row;
  const project = clear.project_id === null ? undefined : await projects.byId(store, clear.project_id);
  const end = clear.kind === 'cli' ? sessions.idleEnd(row) : clear.expires_at;
  return present({
    id,
    status: sessions.stateOf(row, now),
    label: plain.label,
    kind: clear.kind as sessions.SessionKind,
    project: project?.plain.handle,
    current: caller.session?.id === id ? true : undefined,
    client: plain.client,
    ip_address: plain.ip_address,
    last_used_at: free.last_used_at === null ? undefined : iso(free.last_used_at),
    expires_at: end === null || clear.revoked_at !== null ? undefined : iso(end),
    created_at: iso(clear.created_at),
  });
};

const endSession = async (context: Context, row: sessions.SessionRow): Promise<void> => {
  if (row.clear.revoked_at !== null) return;
  await sessions.update(context, row, { clear: { revoked_at: context.now } });
  await context.changed({ type: 'session', id: row.id, name: row.plain.label });
};

/** An administrator ends everybody's, a person their own; what was given for one project only itself. */
const reaches = ({ caller: { everywhere, user, session } }: Context, row: sessions.SessionRow): boolean => {
  if (everywhere) return true;
  if (session !== undefined && session.clear.project_id !== null) return row.id === session.id;
  return row.clear.user_id === user?.id;
};

const handlesOf = async (store: Store, user: users.UserRow): Promise<string[]> => {
  const handles: string[] = [];
  for (const { clear } of await principals.allOfUser(store, user.id)) {
    const project = await projects.byId(store, clear.project_id);
    if (project !== undefined) handles.push(project.plain.handle);
  }
  return handles.sort();
};

const whoIsToken = ({ name, principal, project, key, permissions }: Caller, { id, clear, plain }: TokenRow): WhoAmI =>
  present({
    kind: 'token' as const,
    name,
    principal_id: principal?.id,
    token_id: id,
    token_name: plain.name,
    key_id: key?.id,
    key_name: key?.plain.name,
    project: project?.plain.handle,
    permissions: [...permissions],
    expires_at: iso(clear.expires_at),
  });

export const handlers: Handlers<NameOf<'auth'>> = {
  'auth.whoami': async (context) => {
    const { kind, name, key, principal, project, roles, user, session, token, everywhere } = context.caller;
    const permissions = [...context.caller.permissions];
    if (kind === 'user' && user !== undefined) {
      return present({
        kind,
        name: user.plain.name ?? user.plain.email,
        email: user.plain.email,
        user_id: user.id,
        administrator: user.clear.administrator_at !== null,
        credential_id: session?.id,
        project: project?.plain.handle,
        projects: everywhere || project !== undefined ? undefined : await handlesOf(context, user),
        permissions,
      });
    }
    if (token !== undefined) return whoIsToken(context.caller, token);
    if (key === undefined) return { kind: 'owner', name, permissions };
    const end = endOf(key);
    return present({
      kind: 'api-key' as const,
      name,
      principal_id: principal?.id,
      key_id: key.id,
      key_name: key.plain.name,
      project: project?.plain.handle,
      roles: roles.map((role) => role.name),
      permissions,
      expires_at: end === null ? undefined : iso(end),
      retires_at: key.clear.retires_at === null ? undefined : iso(key.clear.retires_at),
    });
  },

  'auth.login': {
    async before({ actor, now, passwords, tx }, { email, password, label }) {
      const found = await tx('read', (store) => users.byEmail(store, email));
      const target = { what: 'password' as const, ip: addressOf(actor), account: users.folded(email) };
      await tx('write', (store) => countAttempt(store, target, now));
      const isRight = await passwords
        .matches(password, found?.plain.password, sourceOf(target.ip))
        .catch(async (error: unknown) => {
          // Nobody looked at it, so it was no attempt.
          await tx('write', (store) => uncountAttempt(store, target, now));
          throw error;
        });
      return async (context) => {
        const user = found === undefined ? undefined : await users.byId(context, found.id);
        // The password may have been changed while it was checked.
        const isStill = user?.plain.password.hash === found?.plain.password.hash;
        if (!isRight || !isStill || user === undefined || user.clear.disabled_at !== null) throw notAccepted();
        await forgetAttempts(context, target);
        await users.noteLogin(context, user.id, context.now);
        const session = await startSession(context, user, label ?? 'e-mail and password');
        return tokensOf(context, session);
      };
    },
  },

  'auth.register': {
    async before({ passwords, openRegistration, actor }, input) {
      if (!openRegistration) {
        throw new MobiusError('forbidden', 'this server makes no accounts for who asks', {
          reason: 'registration_closed',
        });
      }
      const password = await passwords.hash(input.password, sourceOf(addressOf(actor)));
      return async (context) => {
        const { session, project, key } = await register(context, input, password);
        return { ...(await tokensOf(context, session)), project, key };
      };
    },
  },

  'auth.refresh': {
    async before({ now, tx, changed }, { refresh_token: text }) {
      // In a transaction of its own: that a session ends because a token came twice stands, though the call fails.
      const isTwice = await tx('write', async (store) => {
        const read = readRefreshToken(store, text);
        const session = read === undefined ? undefined : await sessions.byId(store, read.sessionId);
        if (read === undefined || session === undefined || read.generation >= session.clear.generation) return false;
        if (session.clear.revoked_at === null) {
          await sessions.update(store, session, { clear: { revoked_at: now } });
          const changes = { revoked: true, reason: 'refresh_token_used_twice' };
          await changed(store, { type: 'session', id: session.id, name: session.plain.label, changes });
        }
        return true;
      });
      return async (context) => {
        const read = readRefreshToken(context, text);
        const session = read === undefined ? undefined : await sessions.byId(context, read.sessionId);
        if (isTwice || session === undefined || session.clear.generation !== read?.generation) throw notAccepted();
        if (sessions.stateOf(session, context.now) !== 'active') throw notAccepted();
        const user = await users.byId(context, session.clear.user_id);
        if (user === undefined || user.clear.disabled_at !== null) throw notAccepted();
        const next = await sessions.update(context, session, {
          clear: { generation: session.clear.generation + 1, expires_at: context.now + sessionMs },
        });
        await context.changed({ type: 'session', id: session.id, name: session.plain.label });
        return tokensOf(context, next);
      };
    },
  },

  'auth.logout': async (context) => {
    const { session } = context.caller;
    if (session === undefined) throw noSession();
    await endSession(context, session);
  },

  'auth.device-code': async (context, input) => beginDeviceLogin(context, input, context.publicUrl),

  'auth.device-token': {
    async before({ tx, now }, { device_code: code }) {
      const tooFast = await tx('write', (store) => asksTooFast(store, code, now));
      return async (context) => {
        if (tooFast) throw new MobiusError('bad_request', 'asked again too soon', { oauth: 'slow_down' });
        return finishDeviceLogin(context, code);
      };
    },
  },

  'auth.show-device': {
    async before(outside, { user_code: code }) {
      const row = await guardedRequest(outside, code);
      return async (context) => {
        requireWhole(context);
        if (row === undefined) throw noRequest();
        return deviceAnswer(row);
      };
    },
  },

  'auth.decide-device': {
    async before(outside, { user_code: code, approve }) {
      const known = await guardedRequest(outside, code);
      return async (context) => {
        requireWhole(context);
        const row = known === undefined ? undefined : await findRequest(context, code, context.now);
        if (row === undefined) throw noRequest();
        return decideDeviceLogin(context, row, approve);
      };
    },
  },

  'auth.list-credentials': async (context, { include_ended: withEnded = false }) => {
    const { user } = context.caller;
    if (user === undefined) return { items: [] };
    const rows = (await sessions.ofUser(context, user.id)).filter(
      (row) => reaches(context, row) && (withEnded || sessions.stateOf(row, context.now) === 'active'),
    );
    const items: CliCredential[] = [];
    for (const row of rows) items.push(await credentialAnswer(context, row, context));
    return { items };
  },

  'auth.revoke-credential': async (context, { id }) => {
    const row = await sessions.byId(context, id);
    if (row === undefined || !reaches(context, row)) throw notFound('credential', id);
    await endSession(context, row);
  },
};
