import { MobiusError, notFound } from '../errors.ts';
import type { Ready } from '../ready.ts';
import { recall } from '../store/memory.ts';
import type { PrincipalRow } from '../store/principals.ts';
import type { ProjectRow } from '../store/projects.ts';
import * as roles from '../store/roles.ts';
import type { Store } from '../store/table.ts';
import type { Tags } from '../store/tags.ts';
import { holds, presets } from './catalogue.ts';
import { idPrefixes, isId, typeId } from './ids.ts';

/** A role as the core sees it, whether mobius defines it or a project does. */
export interface Role {
  id: string;
  name: string;
  description?: string;
  permissions: readonly string[];
  /** Absent on a system role, which belongs to no project and nobody may change. */
  row?: roles.RoleRow;
  tags?: Tags;
}

/** The ids of system roles are the same in every vault and sort before every other. */
const systemId = (index: number): string => {
  const uuid = new Uint8Array(16);
  uuid[6] = 0x70;
  uuid[8] = 0x80;
  uuid[15] = index + 1;
  return typeId(idPrefixes.role, uuid);
};

export const systemRoles: readonly Role[] = presets.map(({ label, description, permissions }, index) => ({
  id: systemId(index),
  name: label,
  description,
  permissions,
}));

export const isSystemName = (name: string): boolean =>
  systemRoles.some((role) => roles.foldName(role.name) === roles.foldName(name));

export const roleOf = (row: roles.RoleRow): Role => ({ id: row.id, ...row.plain, row });

/** By id, or by name without regard to case. */
export const findRole = async (store: Store, project: ProjectRow, reference: string): Promise<Role> => {
  const system = systemRoles.find(
    (role) => role.id === reference || roles.foldName(role.name) === roles.foldName(reference),
  );
  if (system !== undefined) return system;
  const row = isId(reference, idPrefixes.role)
    ? await roles.byId(store, reference)
    : await roles.byName(store, project.id, reference);
  if (row === undefined || row.clear.project_id !== project.id) {
    throw notFound('role', reference, project.plain.handle);
  }
  return roleOf(row);
};

/** A role that something refers to, in the project of what refers to it. */
export const roleById = async (store: Store, id: string): Promise<Role> => {
  const system = systemRoles.find((role) => role.id === id);
  if (system !== undefined) return system;
  const row = await roles.byId(store, id);
  if (row === undefined) throw new MobiusError('damaged', `the role "${id}" is assigned but missing`, { id });
  return roleOf(row);
};

export const rolesOf = (store: Store, principal: PrincipalRow): Ready<readonly Role[]> =>
  recall(store.db, `roles ${principal.id}`, async () => {
    const found: Role[] = [];
    for (const { clear } of await roles.assignmentsOf(store, principal.id)) {
      found.push(await roleById(store, clear.role_id));
    }
    return found;
  });

export const rolesCarrying = async (store: Store, projectId: string, permission: string): Promise<Role[]> => {
  const own = await roles.list(store, projectId, { tags: [], after: '' });
  return [...systemRoles, ...own.map(roleOf)].filter((role) => holds(role.permissions, permission));
};
