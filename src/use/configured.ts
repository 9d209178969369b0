import { MobiusError } from '../errors.ts';

/** The `env` of a project's mobius.json. */
export const configuredEnv = async (file: string | undefined): Promise<Record<string, string>> => {
  if (file !== undefined) throw new MobiusError('unsupported', `this version of mobius can't read "${file}"`);
  return {};
};
