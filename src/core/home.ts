import * as principals from '../store/principals.ts';
import * as projects from '../store/projects.ts';
import type { Store } from '../store/table.ts';
import { identify, type Question } from './identify.ts';
import { idPrefixes, parseUuidText, typeId } from './ids.ts';
import type { Manner } from './manner.ts';

const standard = 'default';

/** By id, UUID or handle; a handle that nobody has where there is none, so that it is refused like any other. */
const handleOf = async (store: Store, reference: string): Promise<string> => {
  const uuid = parseUuidText(reference);
  const id = uuid === undefined ? reference : typeId(idPrefixes.project, uuid);
  return (await projects.byId(store, id))?.plain.handle ?? reference;
};

/** Of a person the project that commands use too, where they have a part in it; else the first that they have one in. */
const firstOf = async (store: Store, userId: string, everywhere: boolean): Promise<string> => {
  const own: projects.ProjectRow[] = [];
  if (everywhere) own.push(...(await projects.list(store, false)));
  else {
    for (const { clear } of await principals.allOfUser(store, userId)) {
      const project = clear.disabled_at === null ? await projects.byId(store, clear.project_id) : undefined;
      if (project?.clear.archived_at === null) own.push(project);
    }
  }
  return (own.find(({ plain }) => plain.handle === standard) ?? own[0])?.plain.handle ?? standard;
};

/** The project of a call in another system's contract, whose paths name none. */
export const homeOf = async (store: Store, question: Question, { organization }: Manner): Promise<string> => {
  if (organization !== undefined) return handleOf(store, organization);
  const { caller } = { caller: undefined, ...(await identify(store, question)) };
  if (caller === undefined) return standard;
  if (caller.project !== undefined) return caller.project.plain.handle;
  return caller.user === undefined ? standard : firstOf(store, caller.user.id, caller.everywhere);
};
