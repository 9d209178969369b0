import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { userFolder } from './platform.ts';

/**
 * Where V8 finds what it compiled the program to the last time. It is code that runs with whatever secrets a command
 * reads, so it lies only where nobody but this user could have written it; and as V8 looks at little more than its
 * length before it runs it, it stands in its file twice, and counts only where both are the same.
 *
 * This is compiled anew at each start: all that isn't needed each time is in `code-cache-keep.ts`.
 */

export type System = Pick<NodeJS.Process, 'env' | 'platform' | 'arch' | 'version' | 'pid' | 'getuid'>;

export interface Caches {
  /** The user's folder for all that can be made again, and ours in it. */
  base: string;
  folder: string;
  /** Whether what is in ours may be run. */
  isTrusted: boolean;
}

export interface Kept {
  /** Absent where there is none yet, or none that may be trusted. */
  data?: Buffer;
  /** A line on what was done until it was written: it holds no function that only something else calls. */
  done: string;
}

/** The line is behind the data, which V8 would copy if it began elsewhere; of this length, with the spaces behind it. */
export const lineLength = 4096;

/** Whether nobody but this user can have written it, and nobody else can. */
const isOwn = ({ getuid }: System, found: Stats | undefined): boolean =>
  found !== undefined && (getuid === undefined || (found.uid === getuid() && (found.mode & 0o077) === 0));

export const isOwnFolder = (system: System, folder: string): boolean => {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  return found?.isDirectory() === true && isOwn(system, found);
};

/** Where all of them lie; absent where there is no place for any. */
export const findCaches = (system: System): Caches | undefined => {
  // Only where a variable names it: to ask the system takes time.
  const base = userFolder(system, 'cache', () => system.env.HOME);
  if (base === undefined) return undefined;
  const folder = join(base, 'mobius');
  try {
    return { base, folder, isTrusted: isOwnFolder(system, folder) };
  } catch {
    return undefined;
  }
};

const nothing: Kept = { done: '' };

/** The half of a file that is the same as its other half. */
export const readKept = (system: System, path: string): Kept => {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    const found = fstatSync(file);
    if (!found.isFile() || !isOwn(system, found)) return nothing;
    const both = readFileSync(file);
    const half = both.subarray(0, both.length / 2);
    const end = half.length - lineLength;
    if (end <= 0 || !half.equals(both.subarray(half.length))) return nothing;
    return { data: half.subarray(0, end), done: half.toString('latin1', end).trimEnd() };
  } catch {
    return nothing;
  } finally {
    if (file !== undefined) closeSync(file);
  }
};
