import type { SessionRow } from '../store/sessions.ts';
import type { PasswordHash } from '../store/users.ts';
import { startSession } from './auth-tokens.ts';
import { owner } from './caller.ts';
import type { Context, ProjectContext } from './context.ts';
import { hexOf } from './ids.ts';
import { issueKey } from './key-issue.ts';
import { takePartBesides } from './parts.ts';
import { addProject } from './projects.ts';
import { findRole } from './role-book.ts';
import { addUser } from './user-book.ts';

/** What an account may do in the project that is its own: everything but giving others a part in it. */
const role = 'Operator';

export interface Registered {
  session: SessionRow;
  /** The handle of the project that nobody else has a part in. */
  project: string;
  /** The account's own key, for as long as the account stands. */
  key: string;
}

/** An account for somebody whom nobody knows: what they get is theirs alone, and reaches nothing that was there before. */
export const register = async (
  context: Context,
  { email, name }: { email: string; name: string },
  password: PasswordHash,
): Promise<Registered> => {
  const user = await addUser(context, { email, name, password });
  const handle = `account-${hexOf(context.newUuid())}`;
  const project = await addProject(context, { handle, name: email });
  await context.changed({ type: 'project', id: project.id, name: handle });
  // Nobody may hand out what they don't hold; here the server does, which was told that it may.
  const changed: Context['changed'] = (change) => context.changed({ ...change, projectId: project.id });
  const within: ProjectContext = { ...context, project, caller: owner, changed };
  const principal = await takePartBesides(within, user, role);
  const roles = [await findRole(context, project, role)];
  const { key } = await issueKey(within, principal, roles, {
    name: 'user key',
    permanent: true,
    allow_unassigned_principal: false,
  });
  return { session: await startSession(context, user, 'registration'), project: handle, key };
};
