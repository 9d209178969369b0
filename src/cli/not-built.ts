import { MobiusError } from '../errors.ts';

/** Commands that other tools of this name have and this one has not yet: they say so instead of being unknown. */
export const notBuilt = (what: string): Promise<never> =>
  Promise.reject(
    new MobiusError(
      'unsupported',
      `mobius has no ${what.replace(/^the /, '')} yet`,
      {},
      'see what it has: mobius --help',
    ),
  );
