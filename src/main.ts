import { fstatSync, read, readSync, statSync, write } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { randomBytes } from './crypto.ts';
import { type Io, type Sink, SinkError } from './io.ts';
import { homeNamed } from './platform.ts';
import { traceOf } from './trace.ts';
import { uuidSource } from './uuid.ts';
import { writeAll } from './write.ts';

/** In a thread of its own: while a slow reader keeps it waiting, signals and other output go on. */
const sendAll = async (descriptor: number, bytes: Uint8Array): Promise<void> => {
  let written = 0;
  while (written < bytes.length) {
    written += await new Promise<number>((done, failed) => {
      write(descriptor, bytes, written, bytes.length - written, null, (error, count) => {
        if (error === null) done(count);
        else if (error.code === 'EAGAIN') setTimeout(done, 5, 0);
        else failed(error);
      });
    });
  }
};

const sinkError = (error: unknown): SinkError => {
  const { code, errno = 0, message } = error as NodeJS.ErrnoException;
  return new SinkError(getSystemErrorMap().get(errno)?.[1] ?? message, code === 'EPIPE' || code === 'EOF');
};

const require = createRequire(import.meta.filename);

/** Other than the one that nobody reads. */
const isDevice = (descriptor: number): boolean => {
  try {
    const found = fstatSync(descriptor);
    return found.isCharacterDevice() && found.rdev !== statSync('/dev/null', { throwIfNoEntry: false })?.rdev;
  } catch {
    return false;
  }
};

/** `node:tty` brings the network along, a tenth of our start: a pipe or a file is told from a terminal without it. */
const isTerminal = (descriptor: 0 | 1 | 2): boolean =>
  isDevice(descriptor) && (require('node:tty') as typeof import('node:tty')).isatty(descriptor);

const sink = (descriptor: 1 | 2): Sink => {
  let isTTY: boolean | undefined;
  return {
    get isTTY() {
      isTTY ??= isTerminal(descriptor);
      return isTTY;
    },
    get columns() {
      if (!this.isTTY) return Number.POSITIVE_INFINITY;
      return (descriptor === 1 ? process.stdout : process.stderr).columns || 80;
    },
    get place() {
      try {
        const { dev, ino } = fstatSync(descriptor);
        return `${dev}:${ino}`;
      } catch {
        return undefined;
      }
    },
    write: (text) => {
      try {
        writeAll(descriptor, text);
      } catch (error) {
        throw sinkError(error);
      }
    },
    send: async (bytes) => {
      try {
        await sendAll(descriptor, bytes);
      } catch (error) {
        throw sinkError(error);
      }
    },
  };
};

const pieceLength = 65_536;

/** Another process that has the same pipe may have made it one that does not wait. */
const readPiece = (descriptor: number): Promise<Buffer> =>
  new Promise((done, failed) => {
    const piece = Buffer.allocUnsafe(pieceLength);
    const attempt = (): void =>
      read(descriptor, piece, 0, pieceLength, null, (error, count) => {
        if (error === null || error.code === 'EOF') done(piece.subarray(0, count));
        else if (error.code === 'EAGAIN') setTimeout(attempt, 5);
        else failed(error);
      });
    attempt();
  });

/** Without the threads that Node starts for the other; undefined where it would have to wait in another way. */
const readPieceNow = (descriptor: number): Buffer | undefined => {
  const piece = Buffer.allocUnsafe(pieceLength);
  try {
    return piece.subarray(0, readSync(descriptor, piece, 0, pieceLength, null));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EAGAIN' || code === 'EINTR') return undefined;
    if (code === 'EOF') return piece.subarray(0, 0);
    throw error;
  }
};

/**
 * Without `process.stdin`, which brings the network along, a tenth of our start. What ends the process meanwhile must be
 * the system, as with a signal: Node would wait for the read. Where there is something to clean up, nothing stands still.
 */
const readStdin = async (hasToClean: () => boolean): Promise<Uint8Array> => {
  const pieces: Buffer[] = [];
  do pieces.push((hasToClean() ? undefined : readPieceNow(0)) ?? (await readPiece(0)));
  while (pieces.at(-1)?.length !== 0);
  return pieces.length === 2 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
};

const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Signals are taken only while there is something to clean up: at all other times the system ends the process at once,
 * even in the middle of a long computation, and the shell sees the same exit code.
 */
const interruptions = (): { hasToClean(): boolean; onInterrupt: Io['onInterrupt'] } => {
  const cleaning = new Set<() => void>();
  const onSignal = (signal: keyof typeof signals): void => {
    for (const clean of cleaning) {
      try {
        clean();
      } catch {}
    }
    process.exit(signals[signal]);
  };
  const names = Object.keys(signals) as (keyof typeof signals)[];
  return {
    hasToClean: () => cleaning.size > 0,
    onInterrupt: (clean) => {
      if (cleaning.size === 0) for (const name of names) process.on(name, onSignal);
      const own = (): void => clean();
      cleaning.add(own);
      return () => {
        if (cleaning.delete(own) && cleaning.size === 0) for (const name of names) process.off(name, onSignal);
      };
    },
  };
};

const createIo = (): Io => {
  const stderr = sink(2);
  const { hasToClean, onInterrupt } = interruptions();
  let input: Promise<Uint8Array> | undefined;
  return {
    argv: process.argv.slice(2),
    env: process.env,
    get cwd() {
      return process.cwd();
    },
    // As `homedir` looks for it, which need not be loaded where the variable is set.
    get home() {
      return homeNamed(process) || homedir();
    },
    platform: process.platform,
    nodeVersion: process.version,
    execPath: process.execPath,
    program: [...process.execArgv, ...process.argv.slice(1, 2)],
    uid: process.getuid?.(),
    stdin: {
      get isTTY() {
        return isTerminal(0);
      },
      read: () => {
        input ??= readStdin(hasToClean);
        return input;
      },
    },
    stdout: sink(1),
    stderr,
    get terminal() {
      return isTerminal(0) && stderr.isTTY ? { input: process.stdin, output: process.stderr } : undefined;
    },
    now: Date.now,
    // Not of the global `crypto`: that is as much again to load.
    newUuid: uuidSource(Date.now, (bytes) => bytes.set(randomBytes(bytes.length))),
    onInterrupt,
    signals: {
      pid: process.pid,
      take: (name, taken) => {
        const own = (): void => taken();
        process.on(name, own);
        return () => void process.off(name, own);
      },
      raise: (name) => void process.kill(process.pid, name),
      send: (pid, name) => {
        try {
          return process.kill(pid, name);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
          throw error;
        }
      },
    },
    spawn: (...line) => (require('node:child_process') as typeof import('node:child_process')).spawn(...line),
  };
};

/** What `run` could not tell, because it was not there or because nobody waited for what failed. */
const tellUnexpected = (error: unknown): void => {
  const message = error instanceof Error ? error.message : String(error);
  const hint = process.env.MOBIUS_DEBUG
    ? traceOf(error)
    : 'mobius: hint: set MOBIUS_DEBUG=1 to see where it comes from';
  try {
    writeAll(2, `mobius: error: internal error: ${message}\n${hint}\n`);
  } catch {}
};

process.on('uncaughtException', (error) => {
  tellUnexpected(error);
  process.exit(1);
});

/**
 * When nothing is left to do: Node would free its memory first, piece by piece. Where what was asked has no end yet, it
 * could never go on, which Node takes for done.
 */
const end = (code: number | undefined): void => {
  if (code === undefined) tellUnexpected(new Error('it waits for what never comes'));
  process.exit(code ?? 1);
};

const main = async (): Promise<void> => {
  let code: number | undefined;
  process.on('beforeExit', () => end(code));
  const { run } = await import('./cli/run.ts');
  code = await run(createIo());
};

void main();
