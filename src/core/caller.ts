import { MobiusError } from '../errors.ts';
import * as keys from '../store/api-keys.ts';
import * as principals from '../store/principals.ts';
import * as projects from '../store/projects.ts';
import type { Store } from '../store/table.ts';
import { holds, presets } from './catalogue.ts';
import { parseKey } from './key-format.ts';
import { type Role, rolesCarrying, rolesOf } from './role-book.ts';

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

/** What a credential is bound to. */
export interface Bound {
  project: projects.ProjectRow;
  principal: principals.PrincipalRow;
  key: keys.KeyRow;
  roles: readonly Role[];
}

/** An actor as found in the store; the owner is bound to nothing. */
export interface Caller {
  name: string;
  permissions: readonly string[];
  bound?: Bound;
}

const owner: Caller = {
  name: 'owner',
  permissions: presets.flatMap(({ id, permissions }) => (id === 'owner' ? permissions : [])),
};

export const permissionsOf = (roles: readonly Role[]): string[] =>
  [...new Set(roles.flatMap((role) => role.permissions))].sort();

/** What is wrong with a key, or nothing. A key that was never issued is told apart from one that can't have been. */
export type KeyFault = 'malformed' | 'unknown' | 'revoked' | 'expired' | 'disabled';
export type Examined = { bound: Bound; fault?: undefined } | { fault: KeyFault; key?: keys.KeyRow };

/** The one place that decides whether a key works. */
export const examine = async (store: Store, text: string, now: number): Promise<Examined> => {
  const parsed = parseKey(text);
  if (!parsed.ok) return { fault: 'malformed' };
  const key = await keys.byKey(store, parsed.key);
  if (key === undefined) return { fault: 'unknown' };
  const principal = await principals.byId(store, key.clear.principal_id);
  const project = await projects.byId(store, key.clear.project_id);
  if (principal === undefined || project === undefined) {
    throw new MobiusError('damaged', `the principal or project of the key "${key.id}" is missing`, { id: key.id });
  }
  if (parsed.project !== undefined && parsed.project !== project.plain.handle) return { fault: 'unknown', key };
  const state = keys.stateOf(key, now);
  if (state === 'revoked' || state === 'expired') return { fault: state, key };
  const off = [
    key.clear.disabled_at,
    principal.clear.disabled_at,
    principal.clear.archived_at,
    project.clear.archived_at,
  ];
  if (off.some((time) => time !== null)) return { fault: 'disabled', key };
  return { bound: { project, principal, key, roles: await rolesOf(store, principal) } };
};

/** One sentence for every fault: a guesser learns nothing from it. */
export const refused = (): MobiusError => new MobiusError('unauthorized', 'the API key was not accepted');

export type Identified = { caller: Caller; fault?: undefined } | { fault: KeyFault; key?: keys.KeyRow };

export const identify = async (store: Store, actor: Actor, now: number): Promise<Identified> => {
  if (actor.kind === 'owner') return { caller: owner };
  if (actor.kind === 'nobody') return { fault: 'malformed' };
  const examined = await examine(store, actor.text, now);
  if (examined.fault !== undefined) return examined;
  const { bound } = examined;
  return { caller: { name: bound.principal.plain.name, permissions: permissionsOf(bound.roles), bound } };
};

/** Refuses with the missing permission and the roles that carry it, so that a 403 says how to mend it. */
export const requirePermission = async (
  store: Store,
  caller: Caller,
  permission: string,
  project: projects.ProjectRow | undefined,
  doing = 'this needs',
): Promise<void> => {
  if (holds(caller.permissions, permission)) return;
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
