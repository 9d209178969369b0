import { constants } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import type { Staged } from './git.ts';
import type { Found, Scanner } from './scan.ts';

/** What was not read, or not to its end. */
export interface Skipped {
  path: string;
  why: string;
  /** It should have been read. */
  failed: boolean;
}

type Tell = (skipped: Skipped) => void;

const leftAlone = new Set(['.git', 'node_modules']);
const pieceLength = 1 << 18;
const mostOfOneFile = 1000;

const reasonOf = (error: unknown): string => {
  const { errno = 0, message } = error as NodeJS.ErrnoException;
  return getSystemErrorMap().get(errno)?.[1] ?? message;
};

async function* piecesOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  const piece = Buffer.allocUnsafe(pieceLength);
  for (;;) {
    const { bytesRead } = await file.read(piece, 0, piece.length, null);
    if (bytesRead === 0) return;
    yield piece.subarray(0, bytesRead);
  }
}

/** Of a file that is full of them, a beginning is enough. */
async function* upToMost(found: AsyncIterable<Found>, path: string, tell: Tell): AsyncGenerator<Found> {
  let count = 0;
  for await (const one of found) {
    if (count++ === mostOfOneFile) {
      tell({ path, why: `more than ${mostOfOneFile} finds: the rest of it was not read`, failed: true });
      return;
    }
    yield one;
  }
}

// A named pipe that takes the file's place between the look and the opening would hang us, a link would lead elsewhere.
const carefully = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const notThroughLinks = carefully | (constants.O_NOFOLLOW ?? 0);

interface Walk {
  cwd: string;
  scanner: Scanner;
  tell: Tell;
}

async function* inFile(path: string, flags: number, { cwd, scanner, tell }: Walk): AsyncGenerator<Found> {
  let file: FileHandle | undefined;
  try {
    file = await open(resolve(cwd, path), flags);
    if (!(await file.stat()).isFile()) throw new Error('no ordinary file');
    yield* upToMost(scanner.scan(path, piecesOf(file)), path, tell);
  } catch (error) {
    tell({ path, why: reasonOf(error), failed: true });
  } finally {
    await file?.close();
  }
}

async function* inFolder(path: string, walk: Walk): AsyncGenerator<Found> {
  const { cwd, tell } = walk;
  const entries = await readdir(resolve(cwd, path), { withFileTypes: true }).catch((error: unknown) => {
    tell({ path, why: reasonOf(error), failed: true });
    return [];
  });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const inner = join(path, entry.name);
    if (leftAlone.has(entry.name)) tell({ path: inner, why: 'left alone unless named', failed: false });
    else if (entry.isDirectory()) yield* inFolder(inner, walk);
    else if (entry.isFile()) yield* inFile(inner, notThroughLinks, walk);
    else tell({ path: inner, why: entry.isSymbolicLink() ? 'a link' : 'no ordinary file', failed: false });
  }
}

/**
 * Scans files, and folders with all that is in them but `.git` and `node_modules`, in the order of their names. A link
 * that is named is followed, one that is met on the way is not. What can't be read is told and doesn't end it.
 */
export async function* scanFiles(paths: readonly string[], walk: Walk): AsyncGenerator<Found> {
  for (const path of paths) {
    const found = await stat(resolve(walk.cwd, path)).catch((error: unknown) => reasonOf(error));
    if (typeof found === 'string') walk.tell({ path, why: found, failed: true });
    else if (found.isDirectory()) yield* inFolder(path, walk);
    else yield* inFile(path, carefully, walk);
  }
}

/** Scans what is staged, as the next commit will have it. */
export async function* scanStaged(
  staged: AsyncIterable<Staged>,
  { scanner, tell }: Pick<Walk, 'scanner' | 'tell'>,
): AsyncGenerator<Found> {
  for await (const { path, content } of staged) yield* upToMost(scanner.scan(path, content), path, tell);
}
