import { invalidField, MobiusError, notFound } from '../errors.ts';
import type { Role as RoleAnswer, RoleAssignment } from '../generated/types.ts';
import type { NameOf } from '../operations.ts';
import * as roles from '../store/roles.ts';
import { addTags, hasTag, setTags } from '../store/tags.ts';
import { requireHolds } from './caller.ts';
import { type Handlers, type ProjectContext, present } from './context.ts';
import { idPrefixes } from './ids.ts';
import { iso } from './iso.ts';
import { afterCursor, cursorAt } from './paging.ts';
import { requireKnown } from './permissions.ts';
import { assign, findPrincipal } from './principals.ts';
import { findRole, isSystemName, type Role, roleById, roleOf, systemRoles } from './role-book.ts';

/** System roles are as old as the first release, the same in every vault. */
const systemSince = '2026-01-01T00:00:00Z';

const answer = ({ id, name, description, permissions, tags, row }: Role): RoleAnswer =>
  present({
    id,
    name,
    description,
    permissions: [...permissions],
    system_defined: row === undefined,
    project_id: row?.clear.project_id,
    tags,
    created_at: row === undefined ? systemSince : iso(row.clear.created_at),
    updated_at: row === undefined ? systemSince : iso(row.clear.updated_at),
  });

const assignmentAnswer = async (context: ProjectContext, row: roles.AssignmentRow): Promise<RoleAssignment> =>
  present({
    id: row.id,
    principal_id: row.clear.principal_id,
    role_id: row.clear.role_id,
    role_name: (await roleById(context, row.clear.role_id)).name,
    project_id: row.clear.project_id,
    granted_by: row.clear.granted_by,
    created_at: iso(row.clear.created_at),
  });

const nameTaken = (name: string, handle: string): MobiusError =>
  new MobiusError('already_exists', `a role named "${name}" already exists in project "${handle}"`, {
    resource: 'role',
    field: 'name',
    name,
  });

const findOwnRole = async (context: ProjectContext, reference: string): Promise<roles.RoleRow> => {
  const role = await findRole(context, context.project, reference);
  if (role.row === undefined) {
    throw new MobiusError(
      'forbidden',
      `"${role.name}" is a system role and can't be changed`,
      { resource: 'role', name: role.name },
      'make one of your own: mobius roles create',
    );
  }
  return role.row;
};

export const handlers: Handlers<NameOf<'roles'>> = {
  'roles.create': async (context, input) => {
    const { project, now } = context;
    requireKnown(input.permissions, 'permissions');
    await requireHolds(context, context.caller, input.permissions, project);
    if (isSystemName(input.name)) throw nameTaken(input.name, project.plain.handle);
    const row = await roles.insert(
      context,
      context.newId(idPrefixes.role),
      {
        project_id: project.id,
        name_index: roles.nameIndex(context, project.id, input.name),
        created_at: now,
        updated_at: now,
      },
      present({
        name: input.name,
        description: input.description || undefined,
        permissions: [...input.permissions].sort(),
        tags: input.tags,
      }),
    );
    if (row === undefined) throw nameTaken(input.name, project.plain.handle);
    await addTags(context, project.id, row.id, input.tags ?? {});
    await context.changed({
      type: 'role',
      id: row.id,
      name: input.name,
      changes: { permissions: row.plain.permissions },
    });
    return answer(roleOf(row));
  },

  'roles.get': async (context, { id }) => answer(await findRole(context, context.project, id)),

  'roles.list': async (context, input) => {
    const after = afterCursor(input.cursor);
    const limit = input.limit ?? 50;
    const tags = input.tag ?? [];
    const system = systemRoles.filter((role) => role.id > after && tags.every((tag) => hasTag(role.tags, tag)));
    const own = await roles.list(context, context.project.id, { tags, after, limit: limit + 1 });
    const found = [...system, ...own.map(roleOf)].slice(0, limit + 1);
    return { items: found.slice(0, limit).map(answer), ...cursorAt(found, limit) };
  },

  'roles.update': async (context, { id, description, permissions, tags }) => {
    const row = await findOwnRole(context, id);
    const plain = { ...row.plain, ...present({ tags }) };
    if (permissions !== undefined) {
      requireKnown(permissions, 'permissions');
      await requireHolds(context, context.caller, permissions, context.project);
      plain.permissions = [...permissions].sort();
    }
    if (description !== undefined) plain.description = description;
    if (description === '') delete plain.description;
    const updated = await roles.update(context, row, { clear: { updated_at: context.now }, plain });
    if (tags !== undefined) await setTags(context, context.project.id, row.id, tags);
    await context.changed({
      type: 'role',
      id: row.id,
      name: row.plain.name,
      changes: { fields: Object.keys(present({ description, permissions, tags })), ...present({ permissions }) },
    });
    return answer(roleOf(updated));
  },

  'roles.delete': async (context, { id }) => {
    const row = await findOwnRole(context, id);
    const holders = await roles.listAssignments(context, context.project.id, { roleId: row.id });
    if (holders.length > 0) {
      throw new MobiusError(
        'conflict',
        `the role "${row.plain.name}" is assigned to ${holders.length === 1 ? 'a principal' : `${holders.length} principals`}`,
        { reason: 'role_assigned', name: row.plain.name, assignments: holders.length },
      );
    }
    await setTags(context, context.project.id, row.id, {});
    await roles.remove(context, row.id);
    await context.changed({ type: 'role', id: row.id, name: row.plain.name });
  },

  'roles.create-assignment': async (context, input) => {
    if ((input.role_id === undefined) === (input.role_name === undefined)) {
      throw invalidField('role_id', input.role_id === undefined ? 'is required' : 'and "role_name" exclude each other');
    }
    const principal = await findPrincipal(context, input.principal_id);
    const role = await findRole(context, context.project, (input.role_id ?? input.role_name) as string);
    const row = await assign(context, principal, role);
    if (row === undefined) {
      throw new MobiusError('already_exists', `"${principal.plain.name}" has the role "${role.name}" already`, {
        resource: 'role assignment',
        name: role.name,
      });
    }
    await context.changed({
      type: 'role_assignment',
      id: row.id,
      name: role.name,
      changes: { principal_id: principal.id, role_id: role.id },
    });
    return assignmentAnswer(context, row);
  },

  'roles.list-assignments': async (context, input) => {
    const principal = input.principal_id === undefined ? undefined : await findPrincipal(context, input.principal_id);
    const role = input.role_id === undefined ? undefined : await findRole(context, context.project, input.role_id);
    const rows = await roles.listAssignments(
      context,
      context.project.id,
      present({ principalId: principal?.id, roleId: role?.id }),
    );
    const items: RoleAssignment[] = [];
    for (const row of rows) items.push(await assignmentAnswer(context, row));
    return { items };
  },

  'roles.delete-assignment': async (context, { id }) => {
    const row = await roles.assignmentById(context, id);
    if (row === undefined || row.clear.project_id !== context.project.id) {
      throw notFound('role assignment', id, context.project.plain.handle);
    }
    await roles.removeAssignment(context, row.id);
    await context.changed({
      type: 'role_assignment',
      id: row.id,
      changes: { principal_id: row.clear.principal_id, role_id: row.clear.role_id },
    });
  },
};
