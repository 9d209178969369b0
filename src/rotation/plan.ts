import type { ApiKey } from '../generated/types.ts';
import type { Io } from '../io.ts';
import type { Call, Input } from '../operations.ts';

/** What a successor is when it is handed over. */
export interface Handed {
  /** The raw key, or the values of a version as JSON. */
  text: string;
  /** Each by the name of the variable that holds it for a command; where there are none the text comes on stdin. */
  variables: Readonly<Record<string, string>>;
  /** What may be seen in no output. */
  hidden: readonly string[];
}

/** One place that a successor is brought to. */
export interface Delivery {
  /** For a person who reads that it failed. */
  readonly about: string;
  /** Everything that can be told to fail before anything was issued. */
  prepare(rotationId: string): void;
  /** What it holds of this rotation's successor already, where it was brought there by a run that was ended. */
  found?(sha256: string): string | undefined;
  /** Throws `Undelivered` where nobody can have it, and anything else where somebody may. */
  deliver(handed: Handed, rotationId: string): Promise<void>;
  /** Takes it back to what it held before; absent where nothing can. */
  putBack?(rotationId: string): void;
  /** What was kept to be put back is not needed any more. */
  settle?(rotationId: string): void;
  /** Removes what `prepare` made and nothing used. */
  discard(): void;
}

/** It is certain that nobody has the successor. */
export class Undelivered extends Error {}

export type Log = (event: string, fields?: Readonly<Record<string, string | number | boolean>>) => void;

/** What a rotation is done with. */
export interface Going {
  io: Io;
  call: Call;
  project: string;
  log: Log;
}

export interface Plan {
  start: Omit<Input<'rotations.start'>, 'project' | 'holder' | 'take_over'>;
  /** The values of the next version, where a secret is rotated. Asked for when nobody else is at it. */
  values?(): Promise<{ values: Record<string, string>; merge?: boolean }>;
  deliveries: readonly Delivery[];
  /** The successor as it is handed over: a new one, or one that is there already and found by what a place holds. */
  handed(successor: Successor): Promise<Handed>;
  /** Rejects where the successor doesn't do. */
  check?(handed: Handed, successor: Successor): Promise<void>;
}

/** What is known of it besides its text. */
export interface Successor {
  rotationId: string;
  /** The raw key: of one that is there already, as a place holds it. */
  key?: string;
  keyId?: string;
  /** What is known of it where it was made just now. */
  apiKey?: ApiKey;
  version?: number;
}
