import { realpathSync } from 'node:fs';
import type { Globals } from '../cli/command.ts';
import { destinationOf } from '../cli/destination.ts';
import { vaultPath } from '../cli/places.ts';
import { shownPlace } from '../database-url.ts';
import type { Io } from '../io.ts';
import { isAddress } from '../vault-place.ts';

const real = (path: string): string => {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
};

/** A server's address or a vault's place in the one way of writing it. */
const spelled = (target: string): string => {
  if (isAddress(target)) return shownPlace(target);
  return /^https?:\/\//i.test(target) && URL.canParse(target) ? new URL(target).href.replace(/\/+$/, '') : real(target);
};

/** What the line leads to: the address of a server or the place of a vault, never a credential. */
export const targetOf = async (io: Io, globals: Globals): Promise<string> => {
  const destination = await destinationOf(io, globals);
  return spelled(destination.kind === 'server' ? destination.url : vaultPath(io, destination.vault ?? globals.vault));
};

export const isSameTarget = (one: string, other: string): boolean => spelled(one) === spelled(other);
