import { notFound } from '../errors.ts';
import { recall } from '../store/memory.ts';
import * as principals from '../store/principals.ts';
import * as projects from '../store/projects.ts';
import * as sessions from '../store/sessions.ts';
import type { Store } from '../store/table.ts';
import * as users from '../store/users.ts';
import { type Caller, everything, type Fault, permissionsOf } from './caller.ts';
import type { Identified, Question } from './identify.ts';
import { idPrefixes, isId } from './ids.ts';
import { readJwt } from './jwt.ts';
import { parseKey } from './key-format.ts';
import { rolesOf } from './role-book.ts';

export const sessionJwt = 'session+jwt';

/** `handle`: the project that a credential itself names. */
type Found = { session: sessions.SessionRow; handle?: string | undefined };

const bySessionJwt = async (
  store: Store,
  text: string,
  { signatures, now, issuer }: Question,
): Promise<Found | Fault> => {
  const claims = await readJwt(store, signatures, sessionJwt, text);
  if (claims === undefined) return 'malformed';
  const { sid, exp, iss } = claims;
  if (iss !== issuer || typeof sid !== 'string' || !isId(sid, idPrefixes.session)) return 'malformed';
  // Its end doesn't depend on when it was last used.
  const session = await recall(store.db, `session ${sid}`, () => sessions.byId(store, sid));
  if (session === undefined) return 'unknown';
  return typeof exp === 'number' && exp * 1000 > now ? { session } : 'expired';
};

/** A user in a project; undefined where they have no part in it. */
const within = async (
  store: Store,
  caller: Caller,
  userId: string,
  project: projects.ProjectRow,
): Promise<Caller | undefined> => {
  const principal = await recall(store.db, `part ${userId} ${project.id}`, () =>
    principals.ofUser(store, userId, project.id),
  );
  if (principal === undefined || principal.clear.disabled_at !== null) return undefined;
  const roles = await rolesOf(store, principal);
  return { ...caller, project, principal, roles, permissions: permissionsOf(roles) };
};

export const asUser = async (
  store: Store,
  found: Found,
  { now, handle }: Pick<Question, 'now' | 'handle'>,
): Promise<Identified> => {
  const { session } = found;
  const state = sessions.stateOf(session, now);
  if (state !== 'active') return { fault: state, session };
  const { user_id: userId } = session.clear;
  const user = await recall(store.db, `user ${userId}`, () => users.byId(store, userId));
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
  const project = await projects.byHandle(store, handle);
  const there =
    project !== undefined && administrator
      ? { ...caller, project }
      : project && (await within(store, caller, user.id, project));
  // Who has no part in a project learns as little of it as of one that isn't there.
  if (there === undefined) throw notFound('project', handle);
  return { caller: there };
};

export const asCliCredential = async (store: Store, text: string, question: Question): Promise<Identified> => {
  const parsed = parseKey(text);
  if (!parsed.ok) return { fault: 'malformed' };
  const session = await sessions.byToken(store, parsed.key);
  return session === undefined ? { fault: 'unknown' } : asUser(store, { session, handle: parsed.project }, question);
};

export const asSession = async (store: Store, text: string, question: Question): Promise<Identified> => {
  const found = await bySessionJwt(store, text, question);
  return typeof found === 'string' ? { fault: found } : asUser(store, found, question);
};
