import {
  closeSync,
  fchmodSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import { foldersSync } from '../platform.ts';
import { reasonOf } from './files.ts';

/**
 * A file that will hold a one-time value. Opening it proves that the folder takes files and that the disk has room,
 * before anything is issued. Neither the value nor an empty file is left behind under another name.
 */
export interface Delivery {
  readonly path: string;
  /** What is replaced, from the root: of a link what it leads to. */
  readonly target: string;
  /** Puts the text in the place of whatever the file held. When it returns, the text survives a power cut. */
  write(text: string): void;
  /** Takes a part of a long text; `write` puts the last part behind it, and all of it in its place. */
  add(part: string): void;
  /** Removes what was opened, where it wasn't written. */
  discard(): void;
}

/** A block of the disk: a file that has one already needs no more room for a key. */
const reserved = 4096;

/** Where stdout leads to a file, these are links to it: that file would be replaced, with all that is in it. */
const isStream = (path: string): boolean => /^\/(dev\/(fd\/|std(in|out|err)$)|proc\/)/.test(path);

const statOf = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false });

const refusal = (path: string, said: string, why: string): MobiusError =>
  new MobiusError('usage', `${said} can't write "${path}": ${why}`, {}, 'nothing was done; name another file');

/** Where the file really is: a link stays a link, and what it points at is replaced. */
const targetOf = (io: Io, path: string, said: string): string => {
  if (path === '') throw new MobiusError('usage', `${said} needs the name of a file`);
  const asked = resolve(io.cwd, path);
  if (isStream(asked)) throw refusal(path, said, 'it is no ordinary file');
  const found = statOf(asked);
  if (found === undefined) {
    const folder = statOf(dirname(asked)) === undefined ? undefined : realpathSync(dirname(asked));
    if (folder === undefined) throw refusal(path, said, 'no such folder');
    return join(folder, basename(asked));
  }
  const isTrusted = io.uid === undefined || found.uid === io.uid || found.uid === 0;
  const target = realpathSync(asked);
  const real = statOf(target);
  // Otherwise whoever may write to the folder chooses which of our files is replaced.
  if (found.isSymbolicLink() && !isTrusted && real?.uid !== found.uid) {
    throw refusal(path, said, 'it is a link that another user made');
  }
  if (real?.isDirectory() === true) throw refusal(path, said, 'it is a folder');
  // A rename over /dev/stdout or a named pipe would put a file in its place.
  if (real?.isFile() !== true) throw refusal(path, said, 'it is no ordinary file');
  return target;
};

const syncFolder = (io: Io, folder: string): void => {
  if (!foldersSync(io.platform)) return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
};

const writeAll = (handle: number, bytes: Uint8Array, at = 0): void => {
  let written = 0;
  while (written < bytes.length) written += writeSync(handle, bytes, written, bytes.length - written, at + written);
};

/** Opens a file that nobody else has and takes its room on the disk. */
const reserve = (io: Io, temporary: string): number => {
  const handle = openSync(temporary, 'wx', 0o600);
  try {
    writeAll(handle, new Uint8Array(reserved));
    fsyncSync(handle);
    syncFolder(io, dirname(temporary));
    return handle;
  } catch (error) {
    closeSync(handle);
    throw error;
  }
};

const orRefuse = <T>(path: string, said: string, work: () => T): T => {
  try {
    return work();
  } catch (error) {
    throw error instanceof MobiusError ? error : refusal(path, said, reasonOf(error));
  }
};

interface Ways {
  /** What the file has when it is in its place; until then only its owner can read it. */
  mode?: number;
  /** What a run before that was killed may have left under this name is of no use any more. */
  temporaryName?(target: string): string;
  /** What named the file: the flag, where it is not another thing. */
  said?: string;
}

export const openDelivery = (
  io: Io,
  path: string,
  { mode = 0o600, temporaryName, said = '--out' }: Ways = {},
): Delivery => {
  const target = orRefuse(path, said, () => targetOf(io, path, said));
  const name = temporaryName?.(target) ?? `.mobius-${Buffer.from(io.newUuid()).toString('hex')}`;
  const temporary = join(dirname(target), name);
  let handle: number | undefined;
  const close = (): void => {
    if (handle !== undefined) closeSync(handle);
    handle = undefined;
  };
  const remove = (): void => {
    close();
    rmSync(temporary, { force: true });
  };
  // Before there is a file, so that no signal finds one that nobody would remove.
  const forget = io.onInterrupt(remove);
  const discard = (): void => {
    forget();
    remove();
  };
  try {
    handle = orRefuse(path, said, () => {
      if (temporaryName !== undefined) rmSync(temporary, { force: true });
      return reserve(io, temporary);
    });
  } catch (error) {
    discard();
    throw error;
  }
  let length = 0;
  const add = (part: string): number => {
    if (handle === undefined) throw new Error('this was written or discarded before');
    const bytes = Buffer.from(part);
    writeAll(handle, bytes, length);
    length += bytes.length;
    return handle;
  };
  return {
    path,
    target,
    add,
    write: (text) => {
      handle = add(text);
      ftruncateSync(handle, length);
      if (mode !== 0o600) fchmodSync(handle, mode);
      fsyncSync(handle);
      close();
      renameSync(temporary, target);
      forget();
      syncFolder(io, dirname(target));
    },
    discard,
  };
};
