import type { Call } from '../../src/operations.ts';

/** Every record of a vault, as its owner sees it; what was used last is left out, for a reading may change it. */
export const readEverything = async (call: Call): Promise<unknown> => {
  const { items: projects } = await call('projects.list', { include_archived: true });
  const read = [];
  for (const project of projects) {
    const { items: principals } = await call('principals.list', { project: project.handle, include_disabled: true });
    const { items: roles } = await call('roles.list', { project: project.handle });
    const { items: assignments } = await call('roles.list-assignments', { project: project.handle });
    const { items: keys } = await call('api-keys.list', { project: project.handle });
    read.push({ project, principals, roles, assignments, keys: keys.map(({ last_used_at: _, ...key }) => key) });
  }
  return read;
};
