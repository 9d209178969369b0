import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Io } from '../io.ts';
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

const spawn = (io: Io, line: string, env: Readonly<Record<string, string>>): ChildProcess => {
  const stdio = ['pipe', 'pipe', 'pipe'] as const;
  return io.platform === 'win32'
    ? io.spawn(line, [], { shell: true, env, stdio: [...stdio] })
    : // A group of its own, so that what a shell has started ends with it.
      io.spawn('/bin/sh', ['-c', line], { env, stdio: [...stdio], detached: true });
};

const stop = ({ platform, signals }: Io, child: ChildProcess, name: NodeJS.Signals): void => {
  try {
    if (child.pid === undefined) return;
    if (platform === 'win32') child.kill(name);
    else signals.send(-child.pid, name);
  } catch {}
};

/** Line by line, without what may be seen in no output. */
const tellLines = (reader: Readable, hidden: readonly string[], log: Log): void => {
  const mask = makeMask(hidden);
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const take = (text: string): void => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) log('output', { line });
  };
  reader.on('data', (chunk: Buffer) => take(decoder.write(Buffer.from(mask.push(chunk)))));
  reader.on('end', () => {
    take(decoder.write(Buffer.from(mask.end())) + decoder.end());
    if (rest !== '') log('output', { line: rest });
  });
  reader.on('error', () => undefined);
};

/** Runs a line of the shell with what is handed over: in variables where it says so, else on its stdin. */
const run = (
  io: Io,
  { line, env, timeoutMs }: Told,
  { text, variables, hidden }: Handed,
  log: Log,
  take?: (chunk: Buffer) => void,
): Promise<End> =>
  new Promise((done, failed) => {
    const child = spawn(io, line, { ...env, ...variables });
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
    for (const reader of [child.stdout, child.stderr]) {
      if (reader === child.stdout && take !== undefined) reader?.on('data', take);
      else if (reader !== null) tellLines(reader, hidden, log);
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

/** What a command that makes a new value writes to its stdout. Nothing of it is told. */
export const outputOf = async (io: Io, told: Told, log: Log): Promise<string> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const take = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes <= mostBytes) chunks.push(chunk);
  };
  const end = await run(io, told, { text: '', variables: {}, hidden: [] }, log, take);
  const why = 'why' in end ? end.why : end.code === 0 ? undefined : `it ended with ${end.code}`;
  if (why !== undefined) throw new Error(why);
  if (bytes > mostBytes) throw new Error('it wrote more than 1 MiB');
  return Buffer.concat(chunks).toString('utf8');
};
