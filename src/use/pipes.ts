import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { Io } from '../io.ts';
import { pipesAreFiles } from '../platform.ts';

/** A pipe of the system's own: its end for another program, and ours. */
export interface Pipe {
  writer: number;
  reader: Readable;
}

const open = (path: string): Pipe => {
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return { writer: openSync(path, constants.O_WRONLY), reader: new Socket({ fd: reader, readable: true }) };
  } catch (error) {
    closeSync(reader);
    throw error;
  }
};

/**
 * Node would give the program a socket. A pipe it is instead, as in a shell: a program can open /dev/stderr again, and
 * two streams can share one. Undefined where there is no way to make one.
 */
export const makePipe = async (io: Io): Promise<Pipe | undefined> => {
  if (!pipesAreFiles(io.platform)) return undefined;
  let folder: string | undefined;
  // Nobody but this user gets into the folder, so nobody else can read or write there.
  const clean = (): void => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  const done = io.onInterrupt(clean);
  try {
    folder = mkdtempSync(join(tmpdir(), 'mobius-run-'));
    const path = join(folder, 'pipe');
    const { status } = spawnSync('mkfifo', ['-m', '600', path], { stdio: 'ignore' });
    return status === 0 ? open(path) : undefined;
  } catch {
    return undefined;
  } finally {
    clean();
    // A signal that came meanwhile is heard of only now.
    await turn();
    done();
  }
};
