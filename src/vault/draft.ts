import { existsSync, linkSync, lstatSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { MobiusError } from '../errors.ts';
import { syncFile, syncFolder } from '../store/files.ts';
import { codeOf, translate } from '../store/sqlite-faults.ts';
import type { World } from './open.ts';

/** What SQLite may put beside a database. */
export const besides = ['-wal', '-shm', '-journal'] as const;

export const removeDatabase = (path: string): void => {
  for (const part of ['', ...besides]) rmSync(`${path}${part}`, { force: true });
};

/** Where a file is, or would be: a link stays a link, and what it leads to is meant. */
export const realPlace = (path: string): string => {
  const asked = resolve(path);
  try {
    if (lstatSync(asked, { throwIfNoEntry: false }) !== undefined) return realpathSync(asked);
    return join(realpathSync(dirname(asked)), basename(asked));
  } catch {
    throw new MobiusError('usage', `"${path}" can't be written: there is no such folder`);
  }
};

/** A file that is being made beside the place where it will be: there it is whole and on the disk, or not at all. */
export interface Draft {
  readonly path: string;
  /** Gives it its name. Rejects with `already_exists` where that is taken, unless it may replace what is there. */
  place(replace: boolean): void;
  /** Removes what was not placed; to be called in any case. */
  discard(): void;
}

const taken = (path: string): MobiusError =>
  new MobiusError('already_exists', `"${path}" exists already`, {}, 'choose another name, or add --replace');

/** A link takes a name only where it is free, of two at once one; where there are no links, looking must do. */
export const takeName = (from: string, to: string): void => {
  try {
    linkSync(from, to);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw taken(to);
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL'].includes(codeOf(error) ?? '')) throw error;
    refuseTaken(to);
    renameSync(from, to);
  }
};

export const refuseTaken = (path: string): void => {
  if (existsSync(path)) throw taken(path);
};

export const openDraft = (world: World, target: string): Draft => {
  const path = join(dirname(target), `.mobius-${Buffer.from(world.newUuid()).toString('hex')}`);
  const remove = (): void => removeDatabase(path);
  const forget = world.onInterrupt?.(remove);
  return {
    path,
    place(replace) {
      try {
        syncFile(path);
        if (replace) renameSync(path, target);
        else takeName(path, target);
        syncFolder(dirname(target));
      } catch (error) {
        throw translate(error, target);
      }
    },
    discard() {
      forget?.();
      remove();
    },
  };
};
