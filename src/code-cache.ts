import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { userFolder } from './platform.ts';

/**
 * Where V8 finds what it compiled the program to the last time. It is code that runs with whatever secrets a command
 * reads, so it lies only where nobody but this user could have written it; and as V8 looks at little more than its
 * length before it runs it, it stands in its file twice, and counts only where both are the same.
 */
export interface CodeCache {
  /** Absent where there is none yet, or none that may be trusted. */
  data: Buffer | undefined;
  /** A line on what was done until it was written: it holds no function that only something else calls. */
  done: string;
  /** Never fails: whatever is in the way, there is no cache then. */
  write(data: Buffer, done: string): void;
}

type System = Pick<NodeJS.Process, 'env' | 'platform' | 'arch' | 'version' | 'pid' | 'getuid'>;

/** Whether nobody but this user can have written it, and nobody else can. */
const isOwn = ({ getuid }: System, found: Stats | undefined): boolean =>
  found !== undefined && (getuid === undefined || (found.uid === getuid() && (found.mode & 0o077) === 0));

/** Of the line, with the spaces behind it. */
const lineLength = 4096;

/** The line is behind the data, which V8 would copy if it began elsewhere. */
const spelled = (data: Buffer, done: string): Buffer => Buffer.concat([data, Buffer.from(done.padEnd(lineLength))]);

const understood = (bytes: Buffer | undefined): Pick<CodeCache, 'data' | 'done'> => {
  const end = (bytes?.length ?? 0) - lineLength;
  if (bytes === undefined || end <= 0) return { data: undefined, done: '' };
  return { data: bytes.subarray(0, end), done: bytes.toString('latin1', end).trimEnd() };
};

/** The half of the file that is the same as its other half. */
const readTwice = (system: System, path: string): Buffer | undefined => {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    const found = fstatSync(file);
    if (!found.isFile() || !isOwn(system, found)) return undefined;
    const both = readFileSync(file);
    const data = both.subarray(0, both.length / 2);
    return data.length > 0 && data.equals(both.subarray(data.length)) ? data : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
};

const keptMs = 30 * 24 * 3_600_000;

/** What other versions left, and processes that were killed. One that is still in use is soon written anew. */
const removeOld = (folder: string): void => {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (Date.now() - lstatSync(path).mtimeMs > keptMs) rmSync(path, { force: true });
  }
};

/** Written beside it, then put in its place: two that write at once leave the one or the other, whole. */
const replace = (folder: string, name: string, bytes: Buffer, { pid }: System): void => {
  const temporary = join(folder, `${name}.${pid}`);
  rmSync(temporary, { force: true });
  try {
    writeFileSync(temporary, Buffer.concat([bytes, bytes]), { flag: 'wx', mode: 0o600 });
    renameSync(temporary, join(folder, name));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
};

/** Finds the cache of what has a name; absent where there is no place for any. What all of them need is looked at once. */
export const openCodeCaches = (system: System): ((what: string) => CodeCache) | undefined => {
  // Only where a variable names it: to ask the system takes time.
  const base = userFolder(system, 'cache', () => system.env.HOME);
  if (base === undefined) return undefined;
  const folder = join(base, 'mobius');
  const isOwnFolder = (): boolean => {
    const found = lstatSync(folder, { throwIfNoEntry: false });
    return found?.isDirectory() === true && isOwn(system, found);
  };
  let isTrusted: boolean;
  try {
    isTrusted = isOwnFolder();
  } catch {
    return undefined;
  }
  return (what) => {
    const name = `${what}-${system.version}-${system.arch}`;
    return {
      ...understood(isTrusted ? readTwice(system, join(folder, name)) : undefined),
      write(data, done) {
        try {
          // A root that kept a user's HOME would make a folder there that the user could not use.
          const nearest = statSync([base, dirname(base)].find((path) => existsSync(path)) ?? '');
          if (system.getuid !== undefined && nearest.uid !== system.getuid()) return;
          mkdirSync(folder, { recursive: true, mode: 0o700 });
          if (!isOwnFolder()) return;
          removeOld(folder);
          replace(folder, name, spelled(data, done), system);
        } catch {}
      },
    };
  };
};
