import { type Ready, withReady } from '../ready.ts';
import type { KeyRow } from '../store/api-keys.ts';
import * as principals from '../store/principals.ts';
import type * as projects from '../store/projects.ts';
import type * as sessions from '../store/sessions.ts';
import type { Store } from '../store/table.ts';
import type { TokenRow } from '../store/tokens.ts';
import {
  type Actor,
  asKey,
  type Bound,
  type Caller,
  cliPrefix,
  everything,
  examine,
  type Fault,
  nobody,
  owner,
  permissionsOf,
} from './caller.ts';
import { looksLikeJwt, type Signatures, typeOfJwt } from './jwt.ts';
import { rolesOf } from './role-book.ts';
import { asCliCredential, asSession } from './session-identity.ts';
import { asToken, tokenJwt } from './token-identity.ts';

/** What is known of whoever was not accepted, for the record. */
export interface Refused {
  /** `elsewhere`: it works, but not in this project. */
  fault: Fault | 'elsewhere';
  key?: KeyRow | undefined;
  session?: sessions.SessionRow | undefined;
  token?: TokenRow | undefined;
}

export type Identified = { caller: Caller; fault?: undefined } | Refused;

export interface Question {
  actor: Actor;
  now: number;
  signatures: Signatures;
  issuer: string;
  /** The handle of the project that the call is about; absent where it is about none. */
  handle?: string | undefined;
}

const callers = new WeakMap<Actor, Caller>();

/** Whoever shows the same key again is the same caller, as long as all that decides about it is. */
const callerOf = (bound: Bound, actor: Actor): Caller => {
  const { key, project, principal, roles } = bound;
  const known = callers.get(actor);
  if (known?.key === key && known.project === project && known.principal === principal && known.roles === roles) {
    return known;
  }
  const caller: Caller = { ...asKey(bound), ...(actor.from && { from: actor.from }) };
  callers.set(actor, caller);
  return caller;
};

/** Finds out who acts. */
export const identify = (store: Store, question: Question): Ready<Identified> => {
  const { actor, now } = question;
  if (actor.kind === 'owner') return { caller: owner };
  if (actor.kind === 'nobody') return { caller: nobody };
  const { text } = actor;
  if (text.startsWith(cliPrefix)) return asCliCredential(store, text, question);
  if (looksLikeJwt(text)) {
    return typeOfJwt(text) === tokenJwt ? asToken(store, text, question) : asSession(store, text, question);
  }
  return withReady(examine(store, text, now, actor), (examined): Identified => {
    if (examined.fault !== undefined) return examined;
    const { bound } = examined;
    // A key used on another project than its own is no credential there.
    if (question.handle !== undefined && bound.project.plain.handle !== question.handle) {
      return { fault: 'elsewhere', key: bound.key };
    }
    return { caller: callerOf(bound, actor) };
  });
};

/** The caller's permissions in a project that the call's path doesn't name; undefined where it isn't there for them. */
export const permissionsIn = async (
  store: Store,
  { everywhere, kind, permissions, project: own, user }: Caller,
  project: projects.ProjectRow,
): Promise<readonly string[] | undefined> => {
  if (everywhere) return everything;
  if (own !== undefined && own.id !== project.id) return undefined;
  if (kind === 'api-key' || kind === 'token') return permissions;
  if (user === undefined) return undefined;
  if (user.clear.administrator_at !== null) return everything;
  const principal = await principals.ofUser(store, user.id, project.id);
  if (principal === undefined || principal.clear.disabled_at !== null) return undefined;
  return permissionsOf(await rolesOf(store, principal));
};
