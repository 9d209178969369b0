import { writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { isatty } from 'node:tty';
import { getSystemErrorMap } from 'node:util';
import { type Io, type Sink, SinkError } from './io.ts';
import { uuidSource } from './uuid.ts';
import { version } from './version.ts';

const waiter = new Int32Array(new SharedArrayBuffer(4));

/** A descriptor that somebody else made non-blocking takes only what fits: wait, and go on where it stopped. */
const writeAll = (descriptor: number, text: string): void => {
  const bytes = Buffer.from(text);
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(waiter, 0, 0, 5);
    }
  }
};

const sink = (descriptor: 1 | 2): Sink => {
  const isTTY = isatty(descriptor);
  const stream = (): NodeJS.WriteStream => (descriptor === 1 ? process.stdout : process.stderr);
  return {
    isTTY,
    get columns() {
      return isTTY ? (stream().columns ?? 80) : Number.POSITIVE_INFINITY;
    },
    write: (text) => {
      try {
        writeAll(descriptor, text);
      } catch (error) {
        const { code, errno = 0, message } = error as NodeJS.ErrnoException;
        throw new SinkError(getSystemErrorMap().get(errno)?.[1] ?? message, code === 'EPIPE' || code === 'EOF');
      }
    },
  };
};

const readStdin = async (): Promise<Uint8Array> => {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  return Buffer.concat(chunks);
};

const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Signals are taken only while there is something to clean up: at all other times the system ends the process at once,
 * even in the middle of a long computation, and the shell sees the same exit code.
 */
const interruptions = (): Io['onInterrupt'] => {
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
  return (clean) => {
    if (cleaning.size === 0) for (const name of names) process.on(name, onSignal);
    const own = (): void => clean();
    cleaning.add(own);
    return () => {
      if (cleaning.delete(own) && cleaning.size === 0) for (const name of names) process.off(name, onSignal);
    };
  };
};

const createIo = (): Io => {
  const stdin = isatty(0);
  const stderr = sink(2);
  let input: Promise<Uint8Array> | undefined;
  return {
    argv: process.argv.slice(2),
    env: process.env,
    get cwd() {
      return process.cwd();
    },
    get home() {
      return homedir();
    },
    platform: process.platform,
    stdin: {
      isTTY: stdin,
      read: () => {
        input ??= readStdin();
        return input;
      },
    },
    stdout: sink(1),
    stderr,
    get terminal() {
      return stdin && stderr.isTTY ? { input: process.stdin, output: process.stderr } : undefined;
    },
    now: Date.now,
    newUuid: uuidSource(Date.now, (bytes) => crypto.getRandomValues(bytes)),
    onInterrupt: interruptions(),
  };
};

/** What `run` could not tell, because it was not there or because nobody waited for what failed. */
const tellUnexpected = (error: unknown): void => {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const hint = process.env.MOBIUS_DEBUG ? stack : 'mobius: hint: set MOBIUS_DEBUG=1 to see where it comes from';
  try {
    writeAll(2, `mobius: error: internal error: ${message}\n${hint}\n`);
  } catch {}
};

const main = async (): Promise<void> => {
  const [, , first, ...others] = process.argv;
  if (first === '--version' && others.length === 0) {
    writeAll(1, `mobius ${version}\n`);
    return;
  }
  const { run } = await import('./cli/run.ts');
  process.exitCode = await run(createIo());
};

process.on('uncaughtException', (error) => {
  tellUnexpected(error);
  process.exit(1);
});

await main();
