import { notFound } from '../errors.ts';
import * as projects from '../store/projects.ts';
import type { Store } from '../store/table.ts';
import { idPrefixes, isId } from './ids.ts';

/** By id or handle. */
export const findProject = async (store: Store, reference: string): Promise<projects.ProjectRow> => {
  const row = isId(reference, idPrefixes.project)
    ? await projects.byId(store, reference)
    : await projects.byHandle(store, reference);
  if (row === undefined) throw notFound('project', reference);
  return row;
};
