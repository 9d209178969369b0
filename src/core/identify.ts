import { notFound } from '../errors.ts';
import type { KeyRow } from '../store/api-keys.ts';
import * as principals from '../store/principals.ts';
import * as projects from '../store/projects.ts';
import * as sessions from '../store/sessions.ts';
import type { Store } from '../store/table.ts';
import * as users from '../store/users.ts';
import {
  type Actor,
  type Caller,
  cliPrefix,
  everything,
  examine,
  type Fault,
  nobody,
  owner,
  permissionsOf,
} from './caller.ts';
import { idPrefixes, isId } from './ids.ts';
import { looksLikeJwt, readJwt, type Signatures } from './jwt.ts';
import { parseKey } from './key-format.ts';
import { rolesOf } from './role-book.ts';

/** What is known of whoever was not accepted, for the record. */
export interface Refused {
  /** `elsewhere`: it works, but not in this project. */
  fault: Fault | 'elsewhere';
  key?: KeyRow | undefined;
  session?: sessions.SessionRow | undefined;
}

export type Identified = { caller: Caller; fault?: undefined } | Refused;

interface Question {
  actor: Actor;
  now: number;
  signatures: Signatures;
  issuer: string;
  /** The handle of the project that the call is about; absent where it is about none. */
  handle?: string;
}

export const sessionJwt = 'session+jwt';

type Found = { session: sessions.SessionRow; handle?: string | undefined } | Fault;

const byCliCredential = async (store: Store, text: string): Promise<Found> => {
  const parsed = parseKey(text);
  if (!parsed.ok) return 'malformed';
  const session = await sessions.byToken(store, parsed.key);
  return session === undefined ? 'unknown' : { session, handle: parsed.project };
};

const byJwt = async (store: Store, text: string, { signatures, now, issuer }: Question): Promise<Found> => {
  const claims = await readJwt(store, signatures, sessionJwt, text);
  if (claims === undefined) return 'malformed';
  const { sid, exp, iss } = claims;
  if (iss !== issuer || typeof sid !== 'string' || !isId(sid, idPrefixes.session)) return 'malformed';
  const session = await sessions.byId(store, sid);
  if (session === undefined) return 'unknown';
  return typeof exp === 'number' && exp * 1000 > now ? { session } : 'expired';
};

const projectFor = async (store: Store, handle: string): Promise<projects.ProjectRow> => {
  const project = await projects.byHandle(store, handle);
  if (project === undefined) throw notFound('project', handle);
  return project;
};

/** A user in a project, who sees only those that they have a part in. */
const within = async (store: Store, caller: Caller, userId: string, handle: string): Promise<Caller> => {
  const project = await projectFor(store, handle);
  if (caller.everywhere) return { ...caller, project };
  const principal = await principals.ofUser(store, userId, project.id);
  if (principal === undefined || principal.clear.disabled_at !== null) throw notFound('project', handle);
  const roles = await rolesOf(store, principal);
  return { ...caller, project, principal, roles, permissions: permissionsOf(roles) };
};

const asUser = async (store: Store, found: Exclude<Found, Fault>, { now, handle }: Question): Promise<Identified> => {
  const { session } = found;
  const state = sessions.stateOf(session, now);
  if (state !== 'active') return { fault: state, session };
  const user = await users.byId(store, session.clear.user_id);
  if (user === undefined) return { fault: 'unknown', session };
  if (user.clear.disabled_at !== null) return { fault: 'disabled', session };
  const only = session.clear.project_id === null ? undefined : await projects.byId(store, session.clear.project_id);
  // A credential that names a project, or was given for one, is none elsewhere.
  const elsewhere = only !== undefined && handle !== undefined && only.plain.handle !== handle;
  const otherSuffix = found.handle !== undefined && handle !== undefined && found.handle !== handle;
  if (elsewhere || otherSuffix) return { fault: 'elsewhere', session };
  const administrator = user.clear.administrator_at !== null;
  const caller: Caller = {
    kind: 'user',
    name: user.plain.email,
    user,
    session,
    roles: [],
    permissions: administrator ? everything : [],
    // What was given for one project reaches nothing above it, whoever gave it.
    everywhere: administrator && only === undefined,
  };
  if (handle === undefined) return { caller: only === undefined ? caller : { ...caller, project: only } };
  if (administrator) return { caller: { ...caller, project: await projectFor(store, handle) } };
  return { caller: await within(store, caller, user.id, handle) };
};

/** Finds out who acts. */
export const identify = async (store: Store, question: Question): Promise<Identified> => {
  const { actor, now } = question;
  if (actor.kind === 'owner') return { caller: owner };
  if (actor.kind === 'nobody') return { caller: nobody };
  const isCli = actor.text.startsWith(cliPrefix);
  if (isCli || looksLikeJwt(actor.text)) {
    const found = isCli ? await byCliCredential(store, actor.text) : await byJwt(store, actor.text, question);
    return typeof found === 'string' ? { fault: found } : asUser(store, found, question);
  }
  const examined = await examine(store, actor.text, now);
  if (examined.fault !== undefined) return examined;
  const { bound } = examined;
  // A key used on another project than its own is no credential there.
  if (question.handle !== undefined && bound.project.plain.handle !== question.handle) {
    return { fault: 'elsewhere', key: bound.key };
  }
  return {
    caller: {
      kind: 'api-key',
      name: bound.principal.plain.name,
      permissions: permissionsOf(bound.roles),
      everywhere: false,
      ...bound,
    },
  };
};

/** The caller's permissions in a project that the call's path doesn't name; undefined where it isn't there for them. */
export const permissionsIn = async (
  store: Store,
  { everywhere, kind, permissions, project: own, user }: Caller,
  project: projects.ProjectRow,
): Promise<readonly string[] | undefined> => {
  if (everywhere) return everything;
  if (own !== undefined && own.id !== project.id) return undefined;
  if (kind === 'api-key') return permissions;
  if (user === undefined) return undefined;
  if (user.clear.administrator_at !== null) return everything;
  const principal = await principals.ofUser(store, user.id, project.id);
  if (principal === undefined || principal.clear.disabled_at !== null) return undefined;
  return permissionsOf(await rolesOf(store, principal));
};
