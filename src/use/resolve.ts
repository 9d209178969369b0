import { MobiusError } from '../errors.ts';
import type { Call } from '../operations.ts';

/** What a process is to get: texts that may hold references, and secrets of which every value is wanted. */
export interface Wanted {
  texts: Readonly<Record<string, string>>;
  secrets: readonly string[];
}

export interface Used {
  texts: Record<string, string>;
  /** By secret, then by key. */
  secrets: Record<string, Record<string, string>>;
  /** Every value that went in. */
  values: readonly string[];
}

/** Fills in what is wanted. Opens a target only where something is. */
export const useSecrets = async (
  _open: () => Promise<{ call: Call; project: string; close(): Promise<void> }>,
  { texts, secrets }: Wanted,
): Promise<Used> => {
  if (secrets.length > 0 || Object.values(texts).some((text) => text.includes('${secret:'))) {
    throw new MobiusError('unsupported', 'this version of mobius has no secrets');
  }
  return { texts: { ...texts }, secrets: {}, values: [] };
};
