import { MobiusError } from '../errors.ts';
import type { NameOf } from '../operations.ts';
import type { Handlers } from './context.ts';

const later = async (): Promise<never> => {
  throw new MobiusError('unsupported', 'not here yet');
};

export const handlers: Handlers<NameOf<'users'>> = {
  'users.create': later,
  'users.list': later,
  'users.disable': later,
  'users.enable': later,
  'users.set-password': later,
};
