import { MobiusError, notFound } from '../errors.ts';
import type { Principal, PrincipalCreated } from '../generated/types.ts';
import type { NameOf } from '../operations.ts';
import * as keys from '../store/api-keys.ts';
import * as principals from '../store/principals.ts';
import * as roles from '../store/roles.ts';
import { forgetKeysOf } from '../store/rotations.ts';
import { addTags, setTags } from '../store/tags.ts';
import { permissionsOf, requireHolds } from './caller.ts';
import { type Handlers, type ProjectContext, present } from './context.ts';
import { idPrefixes, isId } from './ids.ts';
import { iso } from './iso.ts';
import { issueKey } from './key-issue.ts';
import { me } from './manner.ts';
import { findRole, type Role, rolesOf } from './role-book.ts';
import { findUser, requireNoPart } from './user-book.ts';

/** As whom the caller acts in the project of the call; an administrator acts for everybody, but may have a part in it besides. */
export const ownPrincipal = async (context: ProjectContext): Promise<principals.PrincipalRow | undefined> => {
  const { principal, user } = context.caller;
  if (principal !== undefined || user === undefined) return principal;
  const own = await principals.ofUser(context, user.id, context.project.id);
  return own?.clear.disabled_at === null ? own : undefined;
};

/** By id or name, or the caller's own, in the project of the call. */
export const findPrincipal = async (context: ProjectContext, reference: string): Promise<principals.PrincipalRow> => {
  const { project } = context;
  const row =
    reference === me
      ? await ownPrincipal(context)
      : isId(reference, idPrefixes.principal)
        ? await principals.byId(context, reference)
        : await principals.byName(context, project.id, reference);
  if (row === undefined || row.clear.project_id !== project.id || row.clear.archived_at !== null) {
    throw notFound('principal', reference, project.plain.handle);
  }
  return row;
};

const shortKind = { service: 'svc', user: 'usr', agent: 'agt', system: 'sys' } as const;

const answer = (row: principals.PrincipalRow, assigned: readonly Role[]): Principal => {
  const { id, clear, plain } = row;
  const kind = clear.kind as principals.Kind;
  return present({
    id,
    kind,
    state: clear.archived_at !== null ? 'archived' : clear.disabled_at !== null ? 'disabled' : 'active',
    name: plain.name,
    handle: /^[a-z0-9]+(-[a-z0-9]+)*$/.test(plain.name) ? `${shortKind[kind]}:${plain.name}` : undefined,
    description: plain.description,
    owner_id: clear.owner_id,
    user_id: clear.user_id,
    project_id: clear.project_id,
    role_ids: assigned.map((role) => role.id),
    metadata: plain.metadata,
    tags: plain.tags,
    created_at: iso(clear.created_at),
    updated_at: iso(clear.updated_at),
  });
};

const full = async (context: ProjectContext, row: principals.PrincipalRow): Promise<Principal> =>
  answer(row, await rolesOf(context, row));

/** Gives a role that the caller holds the permissions of; undefined where the principal has it already. */
export const assign = async (
  context: ProjectContext,
  principal: principals.PrincipalRow,
  role: Role,
): Promise<roles.AssignmentRow | undefined> => {
  await requireHolds(context, context.caller, role.permissions, context.project);
  return roles.insertAssignment(
    context,
    context.newId(idPrefixes.roleAssignment),
    {
      project_id: context.project.id,
      principal_id: principal.id,
      role_id: role.id,
      granted_by: context.caller.principal?.id ?? null,
      created_at: context.now,
    },
    {},
  );
};

const findRoles = async (context: ProjectContext, references: readonly string[]): Promise<Role[]> => {
  const found = new Map<string, Role>();
  for (const reference of references) {
    const role = await findRole(context, context.project, reference);
    found.set(role.id, role);
  }
  return [...found.values()];
};

const replaceRoles = async (
  context: ProjectContext,
  principal: principals.PrincipalRow,
  wanted: readonly Role[],
): Promise<void> => {
  const keep = new Set(wanted.map(({ id }) => id));
  const had = new Set<string>();
  for (const assignment of await roles.assignmentsOf(context, principal.id)) {
    had.add(assignment.clear.role_id);
    if (!keep.has(assignment.clear.role_id)) await roles.removeAssignment(context, assignment.id);
  }
  for (const role of wanted) if (!had.has(role.id)) await assign(context, principal, role);
};

export const handlers: Handlers<NameOf<'principals'>> = {
  'principals.create': async (context, input): Promise<PrincipalCreated> => {
    const { project, now } = context;
    const owner = input.owner_id === undefined ? undefined : await findPrincipal(context, input.owner_id);
    const user = input.user_id === undefined ? undefined : await findUser(context, input.user_id);
    const row = await principals.insert(
      context,
      context.newId(idPrefixes.principal),
      {
        project_id: project.id,
        name_index: principals.nameIndex(context, project.id, input.name),
        kind: user === undefined ? 'service' : 'user',
        owner_id: owner?.id ?? null,
        user_id: user?.id ?? null,
        disabled_at: null,
        archived_at: null,
        token_generation: null,
        created_at: now,
        updated_at: now,
      },
      present({
        name: input.name,
        description: input.description || undefined,
        metadata: input.metadata,
        tags: input.tags,
      }),
    );
    if (row === undefined) {
      if (user !== undefined) await requireNoPart(context, user);
      throw new MobiusError(
        'already_exists',
        `a principal named "${input.name}" already exists in project "${project.plain.handle}"`,
        { resource: 'principal', field: 'name', name: input.name },
      );
    }
    await addTags(context, project.id, row.id, input.tags ?? {});
    const assigned = await findRoles(context, input.role_ids ?? []);
    for (const role of assigned) await assign(context, row, role);
    await context.changed({
      type: 'principal',
      id: row.id,
      name: input.name,
      changes: { role_ids: assigned.map(({ id }) => id) },
    });
    const principal = answer(row, assigned);
    if (input.with_key === undefined) return principal;
    const key = await issueKey(context, row, assigned, {
      name: input.with_key.name ?? input.name,
      ...present({ expires_at: input.with_key.expires_at }),
      allow_unassigned_principal: false,
    });
    return { ...principal, api_key: key };
  },

  'principals.get': async (context, { id }) => full(context, await findPrincipal(context, id)),

  'principals.list': async (context, input) => {
    const rows = await principals.list(context, context.project.id, {
      includeDisabled: input.include_disabled ?? false,
      tags: input.tag ?? [],
      ...present({ kind: input.kind, limit: input.limit }),
    });
    const items: Principal[] = [];
    for (const row of rows) items.push(await full(context, row));
    return { items };
  },

  'principals.update': async (context, { id, ...change }) => {
    const row = await findPrincipal(context, id);
    if (change.state === 'active' && row.clear.disabled_at !== null) {
      await requireHolds(context, context.caller, permissionsOf(await rolesOf(context, row)), context.project);
    }
    const clear: Partial<principals.PrincipalRow['clear']> = { updated_at: context.now };
    if (change.state !== undefined) {
      clear.disabled_at = change.state === 'disabled' ? (row.clear.disabled_at ?? context.now) : null;
    }
    if (change.owner_id !== undefined) clear.owner_id = (await findPrincipal(context, change.owner_id)).id;
    const plain = { ...row.plain, ...present({ metadata: change.metadata, tags: change.tags }) };
    if (change.description !== undefined) plain.description = change.description;
    if (change.description === '') delete plain.description;
    const updated = await principals.update(context, row, { clear, plain });
    if (change.tags !== undefined) await setTags(context, context.project.id, row.id, change.tags);
    if (change.role_ids !== undefined) {
      await replaceRoles(context, updated, await findRoles(context, change.role_ids));
    }
    const { project: _, ...fields } = change;
    await context.changed({
      type: 'principal',
      id: row.id,
      name: row.plain.name,
      changes: { fields: Object.keys(fields), ...present({ state: change.state, role_ids: change.role_ids }) },
    });
    return full(context, updated);
  },

  'principals.delete': async (context, { id }) => {
    const row = await findPrincipal(context, id);
    const active = await keys.usable(context, row.id, context.now);
    if (active > 0) {
      throw new MobiusError(
        'conflict',
        `the principal "${row.plain.name}" still has ${active === 1 ? 'a usable key' : `${active} usable keys`}`,
        { reason: 'active_keys', name: row.plain.name, keys: active },
      );
    }
    for (const { id: assignment } of await roles.assignmentsOf(context, row.id)) {
      await roles.removeAssignment(context, assignment);
    }
    await setTags(context, context.project.id, row.id, {});
    await forgetKeysOf(context, row.id, context.now);
    // The row stays: keys that are kept for the audit refer to it. Its name is free again.
    await principals.update(context, row, {
      clear: { archived_at: context.now, updated_at: context.now, name_index: null },
    });
    await context.changed({ type: 'principal', id: row.id, name: row.plain.name });
  },
};
