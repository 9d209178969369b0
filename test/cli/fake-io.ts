import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { type Io, SinkError } from '../../src/io.ts';
import { uuidSource } from '../../src/uuid.ts';

export const now = Date.parse('2026-01-01T00:00:00Z');

export interface Fake {
  io: Io;
  stdout(): string;
  stderr(): string;
  /** What runs if the process is interrupted. */
  interrupt(): void;
}

interface Given {
  argv?: readonly string[];
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  home?: string;
  stdin?: string | Uint8Array;
  /** Whether stdout and stderr are a terminal. */
  terminal?: boolean;
  columns?: number;
  /** What a write to stdout throws. */
  stdoutFails?: SinkError;
  prompts?: Io['terminal'];
}

export const brokenPipe = new SinkError('broken pipe', true);
export const diskFull = new SinkError('no space left on device', false);

let count = 0;
/** One source for all: what one command made must not be made again by the next. */
const newUuid = uuidSource(
  () => now,
  (bytes) => new DataView(bytes.fill(0).buffer).setUint32(12, ++count),
);

/** An Io whose clock stands still and whose streams are texts. */
export const fakeIo = (given: Given = {}): Fake => {
  const written: { stdout: string[]; stderr: string[] } = { stdout: [], stderr: [] };
  const cleaning = new Set<() => void>();
  const isTTY = given.terminal ?? false;
  const columns = given.columns ?? (isTTY ? 80 : Number.POSITIVE_INFINITY);
  const io: Io = {
    argv: given.argv ?? [],
    env: given.env ?? {},
    cwd: given.cwd ?? '/nowhere',
    home: given.home ?? '/nowhere',
    platform: process.platform,
    execPath: process.execPath,
    program: [],
    nodeVersion: process.version,
    uid: process.getuid?.(),
    stdin: { isTTY: given.stdin === undefined && isTTY, read: async () => Buffer.from(given.stdin ?? '') },
    stdout: {
      isTTY,
      columns,
      place: undefined,
      send: async (bytes) => io.stdout.write(Buffer.from(bytes).toString()),
      write: (text) => {
        if (given.stdoutFails !== undefined) throw given.stdoutFails;
        written.stdout.push(text);
      },
    },
    stderr: {
      isTTY,
      columns,
      place: undefined,
      send: async (bytes) => io.stderr.write(Buffer.from(bytes).toString()),
      write: (text) => void written.stderr.push(text),
    },
    terminal: given.prompts,
    now: () => now,
    newUuid,
    onInterrupt: (clean) => {
      cleaning.add(clean);
      return () => void cleaning.delete(clean);
    },
    signals: { pid: process.pid, take: () => () => undefined, raise: () => undefined, send: () => false },
    spawn: () => {
      throw new Error('no program is started here');
    },
  };
  return {
    io,
    stdout: () => written.stdout.join(''),
    stderr: () => written.stderr.join(''),
    interrupt: () => {
      for (const clean of cleaning) clean();
    },
  };
};

const folders: string[] = [];

/** A folder that is gone when the test is over. */
export const newFolder = (): string => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'mobius-cli-')));
  folders.push(folder);
  return folder;
};

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
