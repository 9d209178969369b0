import type { Core } from '../core/core.ts';
import { MobiusError } from '../errors.ts';
import type { Log } from './log.ts';

export interface FirstAdministrator {
  email: string;
  password: string;
}

/** Where nobody could sign in yet, this one can from now on; a server that is started again makes nobody twice. */
export const bootstrap = async (
  core: Pick<Core, 'as'>,
  { email, password }: FirstAdministrator,
  log: Log,
): Promise<void> => {
  const call = core.as({ kind: 'owner' });
  const there = (): void => log.info('there are users already: no first administrator was made');
  const { items } = await call('users.list', { limit: 1 });
  if (items.length > 0) {
    there();
    return;
  }
  try {
    const { id } = await call('users.create', { email, password, administrator: true });
    log.info('made the first administrator', { user: id });
  } catch (error) {
    // Another node began at the same moment.
    if (!(error instanceof MobiusError) || error.code !== 'already_exists') throw error;
    there();
  }
};
