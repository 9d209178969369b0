import { invalidField, MobiusError } from '../errors.ts';
import type { NameOf } from '../operations.ts';
import * as devices from '../store/device-codes.ts';
import * as sessions from '../store/sessions.ts';
import * as users from '../store/users.ts';
import { sourceOf } from './addresses.ts';
import { addressOf } from './caller.ts';
import type { Context, Handlers } from './context.ts';
import { countAttempt, forgetAttempts } from './lockout.ts';
import { afterCursor, cursorAt } from './paging.ts';
import { takePart } from './parts.ts';
import { findProject } from './project-book.ts';
import { addUser, changedUser, findUser, requireWhole, userAnswer } from './user-book.ts';

/** Whoever was signed in as them is no longer, nor who was about to be. */
const endSessions = async (context: Context, user: users.UserRow, but?: string): Promise<void> => {
  for (const row of await devices.approvedBy(context, user.id)) {
    await devices.update(context, row, { clear: { state: 'refused' } });
  }
  for (const session of await sessions.ofUser(context, user.id)) {
    if (session.clear.revoked_at !== null || session.id === but) continue;
    await sessions.update(context, session, { clear: { revoked_at: context.now } });
  }
};

/** Nobody shuts the last door behind them; the owner of the vault has another one. */
const requireAnotherAdministrator = async (context: Context, user: users.UserRow): Promise<void> => {
  if (context.caller.kind === 'owner' || user.clear.administrator_at === null || user.clear.disabled_at !== null)
    return;
  if ((await users.activeAdministrators(context)) > 1) return;
  throw new MobiusError('conflict', `"${user.plain.email}" is the last administrator`, {
    reason: 'last_administrator',
  });
};

const setDisabled = async (context: Context, reference: string, disabled: boolean): Promise<users.UserRow> => {
  const user = await findUser(context, reference);
  if ((user.clear.disabled_at !== null) === disabled) return user;
  if (disabled) await requireAnotherAdministrator(context, user);
  const updated = await users.update(context, user, {
    clear: { disabled_at: disabled ? context.now : null, updated_at: context.now },
  });
  if (disabled) await endSessions(context, user);
  await changedUser(context, user);
  return updated;
};

export const handlers: Handlers<NameOf<'users'>> = {
  'users.create': {
    async before({ passwords }, input) {
      const password = await passwords.hash(input.password);
      return async (context) => {
        const row = await addUser(context, { ...input, password });
        const references = input.role_ids ?? [];
        if (references.length > 0) {
          const project = await findProject(context, input.project ?? 'default');
          await takePart({ ...context, project }, row, references);
        }
        return userAnswer(row);
      };
    },
  },

  'users.list': async (context, { limit = 50, cursor }) => {
    const rows = await users.list(context, afterCursor(cursor), limit + 1);
    return { items: rows.slice(0, limit).map(userAnswer), ...cursorAt(rows, limit) };
  },

  'users.disable': async (context, { id }) => userAnswer(await setDisabled(context, id, true)),

  'users.enable': async (context, { id }) => userAnswer(await setDisabled(context, id, false)),

  'users.set-password': {
    async before({ passwords, actor, caller, now, tx }, input) {
      const user = await tx('read', (store) => findUser(store, input.id).catch(() => undefined));
      const isOwn = caller.user !== undefined && caller.user.id === user?.id;
      // Nothing is told of somebody else, and no work is done, for who may not.
      if (!caller.everywhere && !isOwn) return refuseOthers;
      if (user === undefined) return async (context) => void (await findUser(context, input.id));
      const ip = addressOf(actor);
      const target = { what: 'password' as const, ip, account: users.folded(user.plain.email) };
      const { current_password: current } = input;
      if (isOwn) {
        if (current === undefined) throw invalidField('current_password', 'is required');
        await tx('write', (store) => countAttempt(store, target, now));
        if (!(await passwords.matches(current, user.plain.password, sourceOf(ip)))) {
          throw invalidField('current_password', 'is not the password until now');
        }
      }
      const password = await passwords.hash(input.password, sourceOf(ip));
      return async (context) => {
        requireWhole(context);
        const row = await findUser(context, user.id);
        if (isOwn && row.plain.password.hash !== user.plain.password.hash) throw changedMeanwhile();
        await users.update(context, row, { clear: { updated_at: context.now }, plain: { ...row.plain, password } });
        if (isOwn) await forgetAttempts(context, target);
        await endSessions(context, row, context.caller.session?.id);
        await changedUser(context, row, { fields: ['password'] });
      };
    },
  },
};

const changedMeanwhile = (): MobiusError =>
  new MobiusError('conflict', 'the password was changed at the same moment', { reason: 'changed_meanwhile' });

const refuseOthers = async (): Promise<never> => {
  throw new MobiusError('permission_denied', "only an administrator may set somebody else's password");
};
