import { invalidField, MobiusError, notFound } from '../errors.ts';
import type { Project } from '../generated/types.ts';
import type { NameOf } from '../operations.ts';
import * as projects from '../store/projects.ts';
import { type Context, type Handlers, iso, present } from './context.ts';
import { idPrefixes } from './ids.ts';
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

/** A credential sees its own project; to it the others are not there. */
const visible = async (context: Context, reference: string): Promise<projects.ProjectRow> => {
  const project = await findProject(context, reference);
  const { bound } = context.caller;
  if (bound !== undefined && bound.project.id !== project.id) throw notFound('project', reference);
  return project;
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
    { handle_index: projects.handleIndex(context, handle), archived_at: null, created_at: now, updated_at: now },
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

  'projects.get': async (context, { id }) => answer(await visible(context, id)),

  'projects.list': async (context, input) => {
    const { bound } = context.caller;
    if (bound !== undefined) return { items: [answer(bound.project)] };
    return { items: (await projects.list(context, input.include_archived ?? false)).map(answer) };
  },

  'projects.update': async (context, { id, name, description }) => {
    const project = await visible(context, id);
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
