import { MobiusError, notFound } from '../errors.ts';
import type { User } from '../generated/types.ts';
import * as principals from '../store/principals.ts';
import type { Store } from '../store/table.ts';
import * as users from '../store/users.ts';
import { type Context, type ProjectContext, present } from './context.ts';
import { idPrefixes, isId } from './ids.ts';
import { iso } from './iso.ts';

/**
 * By id or e-mail address. Whoever manages access in one project alone must know the address: there is no list for them.
 */
export const findUser = async (store: Store, reference: string): Promise<users.UserRow> => {
  const row = isId(reference, idPrefixes.user)
    ? await users.byId(store, reference)
    : await users.byEmail(store, reference);
  if (row === undefined) throw notFound('user', reference);
  return row;
};

interface NewUser {
  email: string;
  name?: string;
  administrator?: boolean;
  password: users.PasswordHash;
}

export const addUser = async (context: Context, wish: NewUser): Promise<users.UserRow> => {
  const { now } = context;
  const { email, name, administrator, password } = wish;
  const row = await users.insert(
    context,
    context.newId(idPrefixes.user),
    {
      email_index: users.emailIndex(context, email),
      administrator_at: administrator === true ? now : null,
      disabled_at: null,
      created_at: now,
      updated_at: now,
    },
    present({ email, name, password }),
  );
  if (row === undefined) {
    throw new MobiusError('already_exists', `a user with the address "${email}" already exists`, {
      resource: 'user',
      field: 'email',
      name: email,
    });
  }
  await changedUser(context, row, administrator === true ? { administrator } : {});
  return row;
};

/** A user acts as one principal in a project, so that what they may do there can be read in one place. */
export const requireNoPart = async (context: ProjectContext, { id, plain }: users.UserRow): Promise<void> => {
  const other = await principals.ofUser(context, id, context.project.id);
  if (other === undefined) return;
  const message = `the user "${plain.email}" acts as the principal "${other.plain.name}" in this project already`;
  throw new MobiusError('already_exists', message, { resource: 'principal', name: other.plain.name });
};

/**
 * What was given for one project acts for the person there and nowhere else: it can't lend their name, nor change what
 * they sign in with.
 */
export const requireWhole = ({ caller }: Context): void => {
  if (caller.session === undefined || caller.session.clear.project_id === null) return;
  throw new MobiusError('forbidden', 'this login is for one project, and this is about the whole person', {
    reason: 'one_project',
  });
};

export const userAnswer = ({ id, clear, plain, free }: users.UserRow): User =>
  present({
    id,
    email: plain.email,
    name: plain.name,
    state: clear.disabled_at === null ? ('active' as const) : ('disabled' as const),
    administrator: clear.administrator_at !== null,
    last_login_at: free.last_login_at === null ? undefined : iso(free.last_login_at),
    created_at: iso(clear.created_at),
    updated_at: iso(clear.updated_at),
  });

export const changedUser = (context: Context, { id, plain }: users.UserRow, changes?: Record<string, unknown>) =>
  context.changed({ type: 'user', id, name: plain.email, ...(changes === undefined ? {} : { changes }) });
