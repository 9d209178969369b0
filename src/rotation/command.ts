import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../cli/files.ts';
import type { Io } from '../io.ts';
import { groupsTakeSignals, shellLine } from '../platform.ts';
import { refuseUnfit } from '../use/environment.ts';
import { makeMask } from '../use/mask.ts';
import { type Delivery, type Handed, type Log, Undelivered } from './plan.ts';

export interface Told {
  /** A line for the shell. */
  line: string;
  /** All that it gets besides what is handed over. */
  env: Readonly<Record<string, string>>;
  timeoutMs: number;
}

/** How a command ended: with a code, or otherwise. */
type End = { code: number } | { why: string };

/** What is still there so long after it was asked to end is ended. */
const killAfterMs = 5_000;
/** The last of what a command wrote may come after the news of its end. */
const lateMs = 500;

const started = (io: Io, line: string, env: Readonly<Record<string, string>>): ChildProcess => {
  const { program, args, ...how } = shellLine(io, line);
  // A group of its own, so that what a shell has started ends with it.
  const detached = groupsTakeSignals(io.platform);
  return io.spawn(program, args, { ...how, env, stdio: ['pipe', 'pipe', 'pipe'], detached });
};

const spawn = (io: Io, { line, env }: Told, variables: Handed['variables']): ChildProcess => {
  try {
    // What the system says of one that it doesn't take holds the value.
    refuseUnfit(new Map(Object.entries(variables)), io.platform);
    return started(io, line, { ...env, ...variables });
  } catch (error) {
    throw new Undelivered(reasonOf(error));
  }
};

const stop = ({ platform, signals }: Io, child: ChildProcess, name: NodeJS.Signals): void => {
  try {
    if (child.pid === undefined) return;
    if (groupsTakeSignals(platform)) signals.send(-child.pid, name);
    else child.kill(name);
  } catch {}
};

/** Of a line that is longer nobody reads the rest. */
const longestLine = 4096;

/** What may be seen in no output, also as it stands inside JSON. */
const masked = (hidden: readonly string[]): readonly string[] =>
  hidden.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]);

/** Takes what a command writes, piece by piece, and tells it line by line, without what may be seen in no output. */
const lineTeller = (hidden: readonly string[], log: Log): { take(chunk: Uint8Array): void; end(): void } => {
  const mask = makeMask(masked(hidden));
  const decoder = new StringDecoder('utf8');
  let line = '';
  const tell = (): void => {
    log('output', { line: line.length > longestLine ? `${line.slice(0, longestLine)}…` : line });
    line = '';
  };
  const add = (text: string): void => {
    for (const [at, part] of text.split('\n').entries()) {
      if (at > 0) tell();
      if (line.length <= longestLine) line += part;
    }
  };
  return {
    take: (chunk) => add(decoder.write(Buffer.from(mask.push(chunk)))),
    end() {
      add(decoder.write(Buffer.from(mask.end())) + decoder.end());
      if (line !== '') tell();
    },
  };
};

const tellLines = (reader: Readable, hidden: readonly string[], log: Log): void => {
  const { take, end } = lineTeller(hidden, log);
  reader.on('data', take);
  reader.on('end', end);
};

/**
 * Runs a line of the shell with what is handed over: in variables where it says so, else on its stdin. What it writes is
 * told, or given to whoever listens.
 */
const run = (
  io: Io,
  told: Told,
  { text, variables, hidden }: Handed,
  log: Log,
  listen = (reader: Readable, _: 'stdout' | 'stderr') => tellLines(reader, hidden, log),
): Promise<End> =>
  new Promise((done, failed) => {
    const { timeoutMs } = told;
    const child = spawn(io, told, variables);
    let why: string | undefined;
    const timer = setTimeout(() => {
      why = `it took longer than ${Math.round(timeoutMs / 1000)} s`;
      stop(io, child, 'SIGTERM');
      setTimeout(() => stop(io, child, 'SIGKILL'), killAfterMs).unref();
    }, timeoutMs);
    const forget = io.onInterrupt(() => stop(io, child, 'SIGTERM'));
    const over = (): void => {
      clearTimeout(timer);
      forget();
    };
    child.on('error', (error) => {
      over();
      failed(new Undelivered(error.message));
    });
    for (const name of ['stdout', 'stderr'] as const) {
      const reader = child[name];
      if (reader === null) continue;
      listen(reader, name);
      reader.on('error', () => undefined);
    }
    // It need not read what it is given.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(Object.keys(variables).length > 0 ? '' : `${text}\n`);
    child.once('exit', async (code, signal) => {
      over();
      // What it left running may keep its output open for ever.
      await Promise.race([once(child, 'close'), sleep(lateMs, undefined, { ref: false })]);
      for (const reader of [child.stdout, child.stderr]) reader?.destroy();
      done(why === undefined && code !== null ? { code } : { why: why ?? `it was ended by ${signal}` });
    });
  });

/** A command that is to do something with the successor. One that ends with another code than 0 has done nothing. */
export const commandDelivery = (io: Io, told: Told, log: Log): Delivery => ({
  about: `the command "${told.line}"`,
  prepare: () => undefined,
  async deliver(handed) {
    const end = await run(io, told, handed, log);
    if ('why' in end) throw new Error(end.why);
    if (end.code !== 0) throw new Undelivered(`it ended with ${end.code}`);
  },
  discard: () => undefined,
});

/** Rejects where the command doesn't end with 0. */
export const checkBy = async (io: Io, told: Told, handed: Handed, log: Log): Promise<void> => {
  const end = await run(io, told, handed, log);
  if ('why' in end) throw new Error(`"${told.line}": ${end.why}`);
  if (end.code !== 0) throw new Error(`"${told.line}" ended with ${end.code}`);
};

const mostBytes = 1 << 20;

/**
 * What a command that makes new values writes to its stdout, read by `valuesIn`. What it writes beside that is told when
 * it has ended, for only then it is known what must not be seen in it.
 */
export const valuesOf = async (
  io: Io,
  told: Told,
  log: Log,
  valuesIn: (text: string) => Record<string, string>,
): Promise<Record<string, string>> => {
  const written = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const bytes = { stdout: 0, stderr: 0 };
  const end = await run(io, told, { text: '', variables: {}, hidden: [] }, log, (reader, name) => {
    reader.on('data', (chunk: Buffer) => {
      bytes[name] += chunk.length;
      if (bytes[name] <= mostBytes) written[name].push(chunk);
    });
  });
  const text = Buffer.concat(written.stdout).toString('utf8');
  const hidden = [text];
  try {
    if ('why' in end) throw new Error(end.why);
    if (end.code !== 0) throw new Error(`it ended with ${end.code}`);
    if (bytes.stdout > mostBytes) throw new Error('it wrote more than 1 MiB');
    const values = valuesIn(text);
    hidden.push(...Object.values(values));
    return values;
  } finally {
    const { take, end: tellRest } = lineTeller(hidden, log);
    for (const chunk of written.stderr) take(chunk);
    tellRest();
  }
};
