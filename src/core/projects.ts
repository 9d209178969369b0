import { invalidField, MobiusError, notFound } from '../errors.ts';
import type { Project } from '../generated/types.ts';
import type { NameOf } from '../operations.ts';
import * as principals from '../store/principals.ts';
import * as projects from '../store/projects.ts';
import { requirePermission } from './caller.ts';
import { holds } from './catalogue.ts';
import { type Context, type Handlers, present } from './context.ts';
import { permissionsIn } from './identify.ts';
import { idPrefixes } from './ids.ts';
import { iso } from './iso.ts';
import { findProject } from './project-book.ts';

const answer = ({ id, clear, plain }: projects.ProjectRow): Project =>
  present({
    id,
    handle: plain.handle,
    name: plain.name,
    description: plain.description,
    archived_at: clear.archived_at === null ? undefined : iso(clear.archived_at),
    created_at: iso(clear.created_at),
    updated_at: iso(clear.updated_at),
  });

/** A credential sees its own project, a user those with a part for them; to them the others are not there. */
const visible = async (context: Context, reference: string, permission: string): Promise<projects.ProjectRow> => {
  const project = await findProject(context, reference);
  const permissions = await permissionsIn(context, context.caller, project);
  if (permissions === undefined) throw notFound('project', reference);
  await requirePermission(context, { permissions }, permission, project);
  return project;
};

const listed = async (context: Context, withArchived: boolean): Promise<projects.ProjectRow[]> => {
  const { everywhere, kind, project, user } = context.caller;
  if (everywhere) return projects.list(context, withArchived);
  if ((kind === 'api-key' || kind === 'token') && project !== undefined) return [project];
  const parts = user === undefined ? [] : await principals.allOfUser(context, user.id);
  const ids = new Set(project === undefined ? parts.map(({ clear }) => clear.project_id) : [project.id]);
  const rows: projects.ProjectRow[] = [];
  for (const id of ids) {
    const row = await projects.byId(context, id);
    if (row === undefined || (row.clear.archived_at !== null && !withArchived)) continue;
    const permissions = (await permissionsIn(context, context.caller, row)) ?? [];
    if (holds(permissions, 'mobius.project.view')) rows.push(row);
  }
  return rows;
};

const handleFrom = (name: string): string => {
  const handle = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63)
    .replace(/-+$/, '');
  if (handle === '') throw invalidField('handle', 'is required: none can be made from the name');
  return handle;
};

/** Makes a project; also the first one, when a vault is new. */
export const addProject = async (
  context: Context,
  { handle, name, description }: { handle: string; name: string; description?: string },
): Promise<projects.ProjectRow> => {
  const { now } = context;
  const row = await projects.insert(
    context,
    context.newId(idPrefixes.project),
    {
      handle_index: projects.handleIndex(context, handle),
      archived_at: null,
      token_generation: null,
      created_at: now,
      updated_at: now,
    },
    { handle, name, ...(description ? { description } : {}) },
  );
  if (row === undefined) {
    throw new MobiusError('already_exists', `a project with the handle "${handle}" already exists`, {
      resource: 'project',
      field: 'handle',
      name: handle,
    });
  }
  return row;
};

const setArchived = async (
  context: Context,
  reference: string,
  archivedAt: number | null,
): Promise<projects.ProjectRow> => {
  const project = await findProject(context, reference);
  if ((project.clear.archived_at === null) === (archivedAt === null)) return project;
  const updated = await projects.update(context, project, {
    clear: { archived_at: archivedAt, updated_at: context.now },
  });
  await context.changed({ type: 'project', id: project.id, name: project.plain.handle });
  return updated;
};

export const handlers: Handlers<NameOf<'projects'>> = {
  'projects.create': async (context, input) => {
    const row = await addProject(context, { ...input, handle: input.handle ?? handleFrom(input.name) });
    await context.changed({ type: 'project', id: row.id, name: row.plain.handle });
    return answer(row);
  },

  'projects.get': async (context, { id }) => answer(await visible(context, id, 'mobius.project.view')),

  'projects.list': async (context, input) => ({
    items: (await listed(context, input.include_archived ?? false)).map(answer),
  }),

  'projects.update': async (context, { id, name, description }) => {
    const project = await visible(context, id, 'mobius.project.admin');
    const plain = { ...project.plain };
    if (name !== undefined) plain.name = name;
    if (description !== undefined) plain.description = description;
    if (description === '') delete plain.description;
    const updated = await projects.update(context, project, { clear: { updated_at: context.now }, plain });
    await context.changed({
      type: 'project',
      id: project.id,
      name: project.plain.handle,
      changes: { fields: Object.keys(present({ name, description })) },
    });
    return answer(updated);
  },

  'projects.archive': async (context, { id }) => answer(await setArchived(context, id, context.now)),

  'projects.restore': async (context, { id }) => answer(await setArchived(context, id, null)),

  'projects.delete': async (context, { id }) => {
    const project = await findProject(context, id);
    const { handle } = project.plain;
    if (project.clear.archived_at === null) {
      throw new MobiusError('project_not_archived', `the project "${handle}" is not archived`, { name: handle });
    }
    await projects.removeWithContents(context, project.id, context.now);
    await context.changed({ type: 'project', id: project.id, name: handle });
  },
};
