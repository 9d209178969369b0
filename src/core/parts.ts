import { MobiusError } from '../errors.ts';
import * as principals from '../store/principals.ts';
import type * as users from '../store/users.ts';
import type { ProjectContext } from './context.ts';
import { idPrefixes } from './ids.ts';
import { assign } from './principals.ts';
import { findRole } from './role-book.ts';

/** The part that a user has in a project from now on: a principal of their own, with these roles. */
export const takePart = async (
  context: ProjectContext,
  user: users.UserRow,
  references: readonly string[],
): Promise<principals.PrincipalRow> => {
  const { project, now } = context;
  const row = await principals.insert(
    context,
    context.newId(idPrefixes.principal),
    {
      project_id: project.id,
      name_index: principals.nameIndex(context, project.id, user.plain.email),
      kind: 'user',
      owner_id: null,
      user_id: user.id,
      disabled_at: null,
      archived_at: null,
      token_generation: null,
      created_at: now,
      updated_at: now,
    },
    { name: user.plain.email },
  );
  if (row === undefined) {
    const message = `a principal named "${user.plain.email}" already exists in project "${project.plain.handle}"`;
    throw new MobiusError('already_exists', message, { resource: 'principal', name: user.plain.email });
  }
  for (const reference of references) await assign(context, row, await findRole(context, project, reference));
  return row;
};

/** The same as part of a change to something else, which the log tells of besides. */
export const takePartBesides = async (
  context: ProjectContext,
  user: users.UserRow,
  role: string,
): Promise<principals.PrincipalRow> => {
  const row = await takePart(context, user, [role]);
  await context.changed({ type: 'principal', id: row.id, name: user.plain.email, changes: { roles: [role] } });
  return row;
};
