import type { ChildProcess, SpawnOptions } from 'node:child_process';

/** Why a sink could not take a text, in the system's words. */
export class SinkError extends Error {
  /** The reader went away, as `head` does when it has enough. */
  readonly readerGone: boolean;

  constructor(reason: string, readerGone: boolean) {
    super(reason);
    this.name = 'SinkError';
    this.readerGone = readerGone;
  }
}

/** A stream that a person or a program reads. */
export interface Sink {
  readonly isTTY: boolean;
  /** Of the terminal; infinite where there is none. */
  readonly columns: number;
  /** The same for two sinks that lead to one place, as after `2>&1`; absent where it can't be told. */
  readonly place: string | undefined;
  /** Returns when every byte was handed to the system; throws SinkError when it can't be. */
  write(text: string): void;
  /** The same without keeping anything else waiting. One at a time. */
  send(bytes: Uint8Array): Promise<void>;
}

/** The signals of this process. */
export interface Signals {
  readonly pid: number;
  /** Calls `taken` in place of what the signal would do, until the returned function is called. */
  take(name: NodeJS.Signals, taken: () => void): () => void;
  /** Sends one to this process itself. */
  raise(name: NodeJS.Signals): void;
  /** Sends one to another process, or with 0 only asks for it; false where there is none. */
  send(pid: number, name: NodeJS.Signals | 0): boolean;
}

/** Everything that a command may know of the world outside it. Only main.ts builds one from the real process. */
export interface Io {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  readonly platform: NodeJS.Platform;
  /** As `v20.11.0`. */
  readonly nodeVersion: string;
  /** The program that runs us, for a second process of the same kind. */
  readonly execPath: string;
  /** What it needs before a line of ours. */
  readonly program: readonly string[];
  /** The number of the user; absent where the system numbers none. */
  readonly uid: number | undefined;
  readonly stdin: {
    readonly isTTY: boolean;
    /** The whole of standard input; a second call gives the same bytes. */
    read(): Promise<Uint8Array>;
  };
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** What a question is read from and drawn on, never stdout; absent where stdin or stderr is no terminal. */
  readonly terminal?: { readonly input: NodeJS.ReadableStream; readonly output: NodeJS.WritableStream } | undefined;
  /** Epoch milliseconds. */
  now(): number;
  /** Sixteen bytes of a new UUIDv7, later ones never sorting before earlier ones of this process. */
  newUuid(): Uint8Array;
  /** Runs `clean` if the process is interrupted (SIGINT, SIGTERM, SIGHUP) before the returned function is called. */
  onInterrupt(clean: () => void): () => void;
  readonly signals: Signals;
  /** Starts a program without a shell. Throws, or emits `error`, where it can't be started. */
  spawn(program: string, args: readonly string[], options: SpawnOptions): ChildProcess;
}
