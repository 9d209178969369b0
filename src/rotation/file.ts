import {
  closeSync,
  copyFileSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { openDelivery, type Delivery as Pending } from '../cli/deliver.ts';
import { reasonOf } from '../cli/files.ts';
import { sha256 } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import { foldersSync, syncFlag } from '../platform.ts';
import { type Delivery, Undelivered } from './plan.ts';

const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** Beside the file, so that it comes back by one rename. */
const keptAt = (target: string, rotationId: string): string =>
  join(dirname(target), `.${basename(target)}.${rotationId}`);

const synced = (io: Io, path: string): void => {
  const handle = openSync(path, syncFlag(io.platform));
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
};

const syncFolder = (io: Io, path: string): void => {
  if (foldersSync(io.platform)) synced(io, dirname(path));
};

/** What was kept by a run before this one is what the file held at first. */
const keep = (io: Io, target: string, kept: string): void => {
  if (!isThere(target) || isThere(kept)) return;
  try {
    linkSync(target, kept);
  } catch {
    // Not every file system has links. Half a copy must not be taken for a whole one.
    const half = `${kept}.half`;
    copyFileSync(target, half);
    synced(io, half);
    renameSync(half, kept);
  }
  syncFolder(io, kept);
};

const hexOfSha256 = (text: string): string => Buffer.from(sha256(Buffer.from(text))).toString('hex');

const lineIn = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch {
    return undefined;
  }
};

/**
 * A file that always holds one whole line: what it held before or the successor, never a part of either. The one before
 * is kept beside it until the successor is verified.
 */
const fileDelivery = (io: Io, path: string, said: string, targets: Set<string>): Delivery => {
  let pending: Pending | undefined;
  /** Looked for once: where a link leads somewhere else meanwhile, nothing there is touched. */
  let target = '';
  let wasThere = true;
  /** Named for the rotation: the run that goes on with one that was killed finds what that left. */
  const open = (rotationId: string): Pending =>
    openDelivery(io, path, { said, temporaryName: (file) => `.${basename(file)}.${rotationId}.new` });
  return {
    about: `the file "${path}"`,
    prepare(rotationId) {
      pending = open(rotationId);
      target = pending.target;
      // The second one would take away what the first one prepared.
      if (targets.has(target)) throw new MobiusError('usage', `the new key is delivered to "${target}" twice`);
      targets.add(target);
      wasThere = isThere(target);
    },
    found(hash) {
      const line = lineIn(target);
      return line !== undefined && hexOfSha256(line) === hash ? line : undefined;
    },
    async deliver({ text }, rotationId) {
      if (lineIn(target) === text) return;
      try {
        keep(io, target, keptAt(target, rotationId));
        pending ??= open(rotationId);
        if (pending.target !== target) throw new Error('it leads to another file than before');
        pending.write(`${text}\n`);
        pending = undefined;
      } catch (error) {
        // The last thing that is written to the file is its name: where it doesn't have that, it holds what it held.
        if (lineIn(target) === text) throw error;
        throw new Undelivered(reasonOf(error));
      }
    },
    putBack(rotationId) {
      const kept = keptAt(target, rotationId);
      if (isThere(kept)) renameSync(kept, target);
      else if (wasThere) throw new Error('what it held before is not there any more');
      else rmSync(target, { force: true });
      syncFolder(io, target);
    },
    settle(rotationId) {
      rmSync(keptAt(target, rotationId), { force: true });
      syncFolder(io, target);
    },
    discard: () => pending?.discard(),
  };
};

/** `said`: what named them. */
export const fileDeliveries = (io: Io, paths: readonly string[], said: string): Delivery[] => {
  const targets = new Set<string>();
  return paths.map((path) => fileDelivery(io, path, said, targets));
};
