import type { ChildProcess, StdioOptions } from 'node:child_process';
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { type Io, type Sink, SinkError } from '../io.ts';
import type { Start } from '../platform.ts';
import { type Mask, makeMask, patternsOf } from './mask.ts';
import { makePipe, type Pipe } from './pipes.ts';
import { startFailure, startOf } from './program.ts';
import { passSignals } from './signals.ts';

export interface Program {
  /** The file that is started, and what was typed for it: its own name for itself. */
  path: string;
  typed: string;
  args: readonly string[];
  /** All that it gets, nothing of ours besides. */
  env: Readonly<Record<string, string>>;
  /** What may not be seen in its output where that is no terminal. */
  values: readonly string[];
}

/** What one of the program's streams goes through on its way to ours. */
interface Filter {
  /** Passes on what can still be read, and no more. */
  finish(): Promise<void>;
  failure(): SinkError | undefined;
}

/** No pipe holds more: a program that has ended can't have left more behind. */
const mostInPipe = 1 << 20;

const filter = (reader: Readable, mask: Mask, sink: Sink): Filter => {
  let moved = 0;
  let failure: SinkError | undefined;
  let sending = Promise.resolve();
  const send = async (bytes: Uint8Array): Promise<void> => {
    if (bytes.length === 0 || failure !== undefined) return;
    try {
      await sink.send(bytes);
    } catch (error) {
      failure = error instanceof SinkError ? error : new SinkError(String(error), false);
      // The program's next write meets what ours met, a SIGPIPE in most cases.
      reader.destroy();
    }
  };
  // A stream that can't be read has nothing more to say.
  reader.on('error', () => undefined);
  reader.on('data', (chunk: Buffer) => {
    moved += chunk.length;
    reader.pause();
    sending = send(mask.push(chunk)).then(() => void reader.resume());
  });
  return {
    // Something that the program left running may keep the pipe open for ever. All that the program itself wrote is in
    // it by now, so what can be read at once is passed on, and the pipe is closed: whoever still writes is told so.
    async finish() {
      const start = moved;
      let before: number;
      do {
        before = moved;
        await sending;
        // Two turns of the event loop hold one whole look at what can be read.
        await turn();
        await turn();
      } while (moved !== before && moved - start <= mostInPipe);
      reader.destroy();
      await sending;
      await send(mask.end());
    },
    failure: () => failure,
  };
};

type Stream = 'stdout' | 'stderr';

interface Channel {
  streams: readonly Stream[];
  pipe: Pipe | undefined;
}

/** The streams that go through a mask: a terminal is left alone, or the program would see that it has none. */
const channelsFor = async (io: Io, { values }: Program): Promise<Channel[]> => {
  const masked = (['stdout', 'stderr'] as const).filter((name) => !io[name].isTTY);
  if (masked.length === 0 || patternsOf(values).length === 0) return [];
  const both = masked.length === 2 && io.stdout.place !== undefined && io.stdout.place === io.stderr.place;
  const shared = both ? await makePipe(io) : undefined;
  // Through one pipe, what is written to both comes out in its order.
  if (shared !== undefined) return [{ streams: masked, pipe: shared }];
  const channels: Channel[] = [];
  for (const name of masked) channels.push({ streams: [name], pipe: await makePipe(io) });
  return channels;
};

const stdioFor = (channels: readonly Channel[]): StdioOptions => {
  const to = (name: Stream): number | 'inherit' | 'pipe' => {
    const channel = channels.find(({ streams }) => streams.includes(name));
    return channel === undefined ? 'inherit' : (channel.pipe?.writer ?? 'pipe');
  };
  return ['inherit', to('stdout'), to('stderr')];
};

const spawn = (io: Io, { typed, env }: Program, start: Start, channels: readonly Channel[]): ChildProcess => {
  const { program, args, ...how } = start;
  try {
    return io.spawn(program, args, { argv0: typed, ...how, env, stdio: stdioFor(channels) });
  } catch (error) {
    for (const { pipe } of channels) pipe?.reader.destroy();
    throw startFailure(typed, error);
  } finally {
    for (const { pipe } of channels) if (pipe !== undefined) closeSync(pipe.writer);
  }
};

/** The exit code as a shell has it. */
const ended = (child: ChildProcess, typed: string): Promise<number> =>
  new Promise((done, failed) => {
    // Later ones only say that a signal could not be handed on, as to a program of another user.
    child.on('error', (error) => {
      if (child.pid === undefined) failed(startFailure(typed, error));
    });
    child.once('exit', (code, signal) => done(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });

/** Runs a program on our streams until it ends, and gives its exit code: 128 and the signal's number where one ended it. */
export const runProgram = async (io: Io, program: Program): Promise<number> => {
  const start = startOf(io, program);
  const channels = await channelsFor(io, program);
  let child: ChildProcess | undefined;
  const passing = passSignals(io, (name) => void child?.kill(name));
  const filters: Filter[] = [];
  let code: number;
  let interrupted = false;
  try {
    child = spawn(io, program, start, channels);
    for (const { streams, pipe } of channels) {
      const [name = 'stdout'] = streams;
      const reader = pipe?.reader ?? child[name];
      if (reader !== null) filters.push(filter(reader, makeMask(program.values), io[name]));
    }
    code = await ended(child, program.typed);
    interrupted = code === 128 + constants.signals.SIGINT && (await passing.interrupted());
  } finally {
    // From here on there is nobody to hand them to: they end mobius, as they end whoever waits for a reader.
    passing.release();
    await Promise.all(filters.map(({ finish }) => finish()));
  }
  const lost = filters.map(({ failure }) => failure()).find((failure) => failure?.readerGone === false);
  if (lost !== undefined) throw lost;
  // A shell goes on with its script unless Ctrl-C ends what it waits for in the way that a signal does.
  if (interrupted) io.signals.raise('SIGINT');
  return code;
};
