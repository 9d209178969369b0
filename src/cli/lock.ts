import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import { reasonOf } from './files.ts';

/** Longer than anything that is done under a lock. */
const staleMs = 30_000;
const pollMs = 50;
const patienceMs = 40_000;

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const contentOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

/** Who made the file has the lock: two can't both make it. */
const tryLock = (path: string, content: string): boolean => {
  try {
    const handle = openSync(path, 'wx', 0o600);
    try {
      writeSync(handle, content);
    } finally {
      closeSync(handle);
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new MobiusError('internal', `could not make "${path}": ${reasonOf(error)}`);
  }
};

/** Of two who find it left behind, one may take away what the other has just made: that is put back. */
const takeAway = (path: string, stale: string, mine: string): void => {
  const aside = `${path}.${mine}`;
  try {
    renameSync(path, aside);
    if (contentOf(aside) !== stale) linkSync(aside, path);
  } catch {}
  rmSync(aside, { force: true });
};

/**
 * Does the work while nobody else does theirs under the same path. What a process left behind that was killed counts
 * for half a minute.
 */
export const withLock = async <T>(io: Io, path: string, work: () => Promise<T>): Promise<T> => {
  const mine = Buffer.from(io.newUuid()).toString('hex');
  for (let waited = 0; !tryLock(path, `${io.now()} ${mine}\n`); waited += pollMs) {
    const found = contentOf(path);
    const age = io.now() - Number(found?.split(' ')[0]);
    if (found !== undefined && found !== '' && !(Math.abs(age) <= staleMs)) takeAway(path, found, mine);
    else if (waited >= patienceMs) {
      throw new MobiusError('service_unavailable', `another mobius holds "${path}"`, {}, 'if there is none, remove it');
    } else await wait(pollMs);
  }
  const release = (): void => {
    if (contentOf(path)?.endsWith(` ${mine}\n`)) rmSync(path, { force: true });
  };
  const forget = io.onInterrupt(release);
  try {
    return await work();
  } finally {
    forget();
    release();
  }
};
