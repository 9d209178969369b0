import { MobiusError } from '../errors.ts';
import type { Verification } from '../generated/types.ts';
import { type Ready, withReady } from '../ready.ts';
import * as keys from '../store/api-keys.ts';
import { recall } from '../store/memory.ts';
import * as principals from '../store/principals.ts';
import * as projects from '../store/projects.ts';
import type { SessionRow } from '../store/sessions.ts';
import type { Store } from '../store/table.ts';
import type { TokenRow } from '../store/tokens.ts';
import * as users from '../store/users.ts';
import { isWithin } from './addresses.ts';
import { holds, presets } from './catalogue.ts';
import { longestKey, parseKey } from './key-format.ts';
import { type Role, rolesCarrying, rolesOf } from './role-book.ts';
import type { Use } from './uses.ts';

/** Where a request came from; a command on this machine and a private socket have none. */
export interface Origin {
  ip: string;
  userAgent?: string;
}

/**
 * Who a Call acts for: the owner of the vault, whoever shows a credential (an API key, a session, a CLI credential), or
 * nobody yet. A credential is looked up in every call's own transaction, so a revocation holds at once.
 */
export type Actor = ({ kind: 'owner' } | { kind: 'nobody' } | { kind: 'bearer'; text: string }) & { from?: Origin };

/** What is not a request from elsewhere comes from this machine. */
export const addressOf = ({ from }: Actor): string => from?.ip ?? '127.0.0.1';

/** Whom a key belongs to, and what they may do. */
interface Standing {
  project: projects.ProjectRow;
  principal: principals.PrincipalRow;
  /** Of a principal that a user acts as. */
  user: users.UserRow | undefined;
  roles: readonly Role[];
  permissions: readonly string[];
}

/**
 * A key as it was found, and what it is bound to. What each of its uses asks for lies here: of very many keys that are
 * remembered, whatever has to be looked for elsewhere takes longer than to work with it.
 */
export interface Bound extends Standing {
  key: keys.KeyRow;
  /** Before that it works. After that, or where it doesn't work at all, `faultOf` says why. */
  worksUntil: number;
  /** It has networks, or so many uses. */
  isLimited: boolean;
  /** What a verification tells of it while it works, as soon as one did. */
  told: Verification | undefined;
  /** Likewise. */
  use: Use | undefined;
}

/** An actor as found in the store. */
export interface Caller {
  kind: 'owner' | 'api-key' | 'user' | 'token' | 'nobody';
  name: string;
  permissions: readonly string[];
  /** Nothing is out of reach: the owner, and an administrator. */
  everywhere: boolean;
  roles: readonly Role[];
  from?: Origin;
  /** The only project of a key or token; of a user, the one that the call is about. */
  project?: projects.ProjectRow;
  /** Whom the caller acts as there. */
  principal?: principals.PrincipalRow;
  /** What acts; beside a token, the key that it was made with, whose limits hold for it too. */
  key?: keys.KeyRow;
  user?: users.UserRow;
  session?: SessionRow;
  token?: TokenRow;
}

/** The one thing that somebody acts with. */
export const credentialOf = ({
  key,
  session,
  token,
}: Pick<Caller, 'key' | 'session' | 'token'>): { id: string; name: string } | undefined => {
  if (token !== undefined) return { id: token.id, name: token.plain.name ?? '' };
  if (key !== undefined) return { id: key.id, name: key.plain.name };
  return session === undefined ? undefined : { id: session.id, name: session.plain.label };
};

export const everything: readonly string[] = presets.flatMap(({ id, permissions }) =>
  id === 'owner' ? permissions : [],
);

export const owner: Caller = { kind: 'owner', name: 'owner', permissions: everything, everywhere: true, roles: [] };

export const nobody: Caller = { kind: 'nobody', name: 'nobody', permissions: [], everywhere: false, roles: [] };

const sorted = new WeakMap<readonly Role[], readonly string[]>();

/** Kept beside the list that was asked about: one of a credential is asked about in each of its calls. */
export const permissionsOf = (roles: readonly Role[]): readonly string[] => {
  const known = sorted.get(roles);
  if (known !== undefined) return known;
  const permissions = [...new Set(roles.flatMap((role) => role.permissions))].sort();
  sorted.set(roles, permissions);
  return permissions;
};

/**
 * What is wrong with a credential, or nothing. One that was never issued is told apart from one that can't have been.
 */
export type Fault = 'malformed' | 'unknown' | 'early' | 'revoked' | 'expired' | 'disabled';

/** What a verification says of it. */
export const verifyCode: Record<Fault, Verification['code']> = {
  malformed: 'NOT_FOUND',
  unknown: 'NOT_FOUND',
  early: 'DISABLED',
  revoked: 'REVOKED',
  expired: 'EXPIRED',
  disabled: 'DISABLED',
};

export type Examined = { bound: Bound; fault?: undefined } | { fault: Fault; key?: keys.KeyRow };

const standingOf = (store: Store, { id, clear }: keys.KeyRow): Ready<Standing> =>
  recall(store.db, `${clear.principal_id} ${clear.project_id}`, async () => {
    const principal = await principals.byId(store, clear.principal_id);
    const project = await projects.byId(store, clear.project_id);
    if (principal === undefined || project === undefined) {
      throw new MobiusError('damaged', `the principal or project of the key "${id}" is missing`, { id });
    }
    const { user_id: userId } = principal.clear;
    const user = userId === null ? undefined : await users.byId(store, userId);
    const roles = await rolesOf(store, principal);
    return { project, principal, user, roles, permissions: permissionsOf(roles) };
  });

/** The key that is found so with what it is bound to, or what is remembered of both under this name. */
export const recallKey = (
  store: Store,
  name: string,
  find: () => Promise<keys.KeyRow | undefined>,
): Ready<Bound | undefined> =>
  recall(store.db, name, async () => {
    const key = await find();
    if (key === undefined) return undefined;
    const standing = await standingOf(store, key);
    const isOff = faultOf(key, standing, Number.NEGATIVE_INFINITY) !== undefined;
    return {
      key,
      worksUntil: isOff ? Number.NEGATIVE_INFINITY : (keys.endOf(key) ?? Number.POSITIVE_INFINITY),
      isLimited: key.plain.allow_ips !== undefined || key.plain.rate_limit !== undefined,
      told: undefined,
      use: undefined,
      ...standing,
    };
  });

/** What the text of a key led to, and the project that it names besides. */
interface Shown {
  bound: Bound;
  handle: string | undefined;
}

/** The one place that decides whether an API key works, or what was made with it. Time alone ends it, but begins nothing. */
const faultOf = (key: keys.KeyRow, { user, project, principal }: Standing, now: number): Fault | undefined => {
  const state = keys.stateOf(key, now);
  if (state === 'revoked' || state === 'expired') return state;
  const isOff =
    key.clear.disabled_at !== null ||
    principal.clear.disabled_at !== null ||
    principal.clear.archived_at !== null ||
    project.clear.archived_at !== null ||
    (user?.clear.disabled_at ?? null) !== null;
  return isOff ? 'disabled' : undefined;
};

export const examineKey = (bound: Bound, now: number, handle: string | undefined): Examined => {
  if (handle !== undefined && handle !== bound.project.plain.handle) return { fault: 'unknown', key: bound.key };
  const fault = now < bound.worksUntil ? undefined : faultOf(bound.key, bound, now);
  return fault === undefined ? { bound } : { fault, key: bound.key };
};

/** Without a look at its shape and its checksum, which it had when it was found. */
const rememberedAs = (store: Store, text: string): Shown | undefined => {
  if (text.length > longestKey) return undefined;
  const bound = store.db.memory?.get(keys.nameOf(keys.hashOf(store, text))) as Bound | undefined;
  return bound && { bound, handle: undefined };
};

const lookUp = async (store: Store, text: string): Promise<Shown | 'malformed' | 'unknown'> => {
  const parsed = parseKey(text);
  if (!parsed.ok) return 'malformed';
  const hash = keys.hashOf(store, parsed.key);
  const bound = await recallKey(store, keys.nameOf(hash), () => keys.byHash(store, hash));
  return bound === undefined ? 'unknown' : { bound, handle: parsed.project };
};

/** `shownBy`: who has shown this text, and is remembered with it as long as they are there. */
export const examine = (store: Store, text: string, now: number, shownBy?: Actor): Ready<Examined> => {
  const { memory } = store.db;
  const known = shownBy && (memory?.get(shownBy) as Shown | undefined);
  return withReady(known ?? rememberedAs(store, text) ?? lookUp(store, text), (shown) => {
    if (typeof shown === 'string') return { fault: shown };
    if (shownBy !== undefined && shown !== known) memory?.set(shownBy, shown);
    return examineKey(shown.bound, now, shown.handle);
  });
};

export const asKey = ({ project, principal, key, roles, permissions }: Bound): Caller => ({
  kind: 'api-key',
  name: principal.plain.name,
  permissions,
  everywhere: false,
  project,
  principal,
  key,
  roles,
});

/** Whether a key may be used from there; one without a list, from everywhere. */
export const admits = ({ plain }: keys.KeyRow, address: string): boolean =>
  plain.allow_ips === undefined || plain.allow_ips.some((network) => isWithin(address, network));

/** The prefix of the credentials that a device login gives, which no API key may have. */
export const cliPrefix = 'mbc_';

/** One sentence for every fault: a guesser learns nothing from it but what they showed. */
export const refused = (text = ''): MobiusError =>
  text.startsWith('eyJ')
    ? new MobiusError('unauthorized', 'the login or token was not accepted', { credential: 'token' })
    : text.startsWith(cliPrefix)
      ? new MobiusError('unauthorized', 'the login was not accepted', { credential: 'login' })
      : new MobiusError('unauthorized', 'the API key was not accepted');

/** What is short-lived must not outlive itself in something that it made. */
export const notByToken = (): MobiusError =>
  new MobiusError('forbidden', "a short-lived token can't do this: it needs an API key or a login", {
    reason: 'token',
  });

/** Refuses with the missing permission and the roles that carry it, so that a 403 says how to mend it. */
export const requirePermission = (
  store: Store,
  { permissions }: Pick<Caller, 'permissions'>,
  permission: string,
  project: projects.ProjectRow | undefined,
  doing = 'this needs',
): Ready<void> => (holds(permissions, permission) ? undefined : refuseWithout(store, permission, project, doing));

const refuseWithout = async (
  store: Store,
  permission: string,
  project: projects.ProjectRow | undefined,
  doing: string,
): Promise<never> => {
  const roles = project === undefined ? [] : await rolesCarrying(store, project.id, permission);
  const where = project === undefined ? '' : ` in project "${project.plain.handle}"`;
  throw new MobiusError('permission_denied', `${doing} the permission "${permission}"${where}`, {
    permission,
    roles: roles.map(({ name }) => name),
  });
};

/** The guard against escalation: nobody hands out what they don't hold, in a role, an assignment or a key. */
export const requireHolds = async (
  store: Store,
  caller: Caller,
  permissions: readonly string[],
  project: projects.ProjectRow,
): Promise<void> => {
  for (const permission of permissions) {
    await requirePermission(store, caller, permission, project, 'nobody grants more than they hold: this needs');
  }
};
