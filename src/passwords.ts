import type { Worker } from 'node:worker_threads';
import { type Argon2Cost, randomBytes } from './crypto.ts';
import { MobiusError } from './errors.ts';

/** What a password is checked against; salt and hash in base64. */
export interface PasswordHash {
  salt: string;
  operations: number;
  memory_bytes: number;
  hash: string;
}

/**
 * Argon2id in a thread of its own, one at a time: a server goes on answering while passwords are checked, and a flood of
 * them takes the memory of one. `source` tells who asks: each has its turn, so that whoever asks for much waits for
 * themselves. Rejects with `service_unavailable` where that one has too many waiting already.
 */
export interface Passwords {
  hash(password: string, source?: string): Promise<PasswordHash>;
  /** Takes as long where there is nothing to check against, so that nobody learns who has a password. */
  matches(password: string, known: PasswordHash | undefined, source?: string): Promise<boolean>;
}

const cost: Argon2Cost = { operations: 3, memoryBytes: 64 * 2 ** 20 };
const mostWaitingOfOne = 8;
const mostWaiting = 1_000;

/** It loads the same libsodium as `crypto.ts`, in the thread; only what it is asked with reaches it. */
const program = `
const { parentPort, workerData } = require('node:worker_threads');
const load = require('node:module').createRequire(workerData.from);
const native = () => {
  const sodium = load('sodium-native');
  return (password, salt, operations, memory) => {
    const hash = new Uint8Array(32);
    sodium.crypto_pwhash(hash, password, salt, operations, memory, sodium.crypto_pwhash_ALG_ARGON2ID13);
    return hash;
  };
};
const wasm = async () => {
  const sodium = load('libsodium-wrappers-sumo');
  await sodium.ready;
  return (password, salt, operations, memory) =>
    sodium.crypto_pwhash(32, password, salt, operations, memory, sodium.crypto_pwhash_ALG_ARGON2ID13);
};
const ready = (async () => {
  if (workerData.sodium === 'wasm') return wasm();
  try {
    return native();
  } catch {
    return wasm();
  }
})();
parentPort.on('message', async ({ password, salt, operations, memory }) => {
  try {
    const derive = await ready;
    parentPort.postMessage({ hash: derive(password, salt, operations, memory) });
  } catch (error) {
    parentPort.postMessage({ problem: String(error) });
  }
});
`;

interface Job {
  question: { password: Uint8Array; salt: Uint8Array; operations: number; memory: number };
  done(hash: Uint8Array): void;
  failed(error: Error): void;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.reduce((difference, byte, at) => difference | (byte ^ (b[at] ?? 0)), 0) === 0;

export const makePasswords = (sodium?: string): Passwords => {
  /** Of each source in the order it asked; the sources in the order of their turns. */
  const waiting = new Map<string, Job[]>();
  let running: Job | undefined;
  let thread: Promise<Worker> | undefined;

  const failAll = (error: Error): void => {
    thread = undefined;
    const jobs = [...(running === undefined ? [] : [running]), ...[...waiting.values()].flat()];
    running = undefined;
    waiting.clear();
    for (const { failed } of jobs) failed(error);
  };

  /** The first of whose turn it is, who then stands behind all others. */
  const next = (): Job | undefined => {
    const [turn] = waiting;
    if (turn === undefined) return undefined;
    const [source, jobs] = turn;
    const job = jobs.shift();
    waiting.delete(source);
    if (jobs.length > 0) waiting.set(source, jobs);
    return job;
  };

  const start = async (): Promise<Worker> => {
    const threads = await import('node:worker_threads');
    const worker = new threads.Worker(program, { eval: true, workerData: { from: import.meta.filename, sodium } });
    worker.on('message', ({ hash, problem }: { hash?: Uint8Array; problem?: string }) => {
      const job = running;
      running = undefined;
      if (hash === undefined) job?.failed(new MobiusError('internal', `could not hash a password: ${problem}`));
      else job?.done(hash);
      void goOn();
    });
    worker.on('error', failAll);
    return worker;
  };

  const goOn = async (): Promise<void> => {
    if (running !== undefined) return;
    running = next();
    const worker = await thread;
    if (running === undefined) {
      worker?.unref();
      return;
    }
    worker?.ref();
    worker?.postMessage(running.question);
  };

  const derive = async (
    password: string,
    salt: Uint8Array,
    { operations, memoryBytes: memory }: Argon2Cost,
    source: string,
  ): Promise<Uint8Array> => {
    const own = waiting.get(source) ?? [];
    if (own.length >= mostWaitingOfOne || waiting.size >= mostWaiting) {
      throw new MobiusError('service_unavailable', 'too many passwords are being checked', { retry_after_seconds: 1 });
    }
    const question = { password: new TextEncoder().encode(password), salt, operations, memory };
    const hashed = new Promise<Uint8Array>((done, failed) => own.push({ question, done, failed }));
    waiting.set(source, own);
    thread ??= start();
    void goOn();
    return hashed;
  };

  return {
    async hash(password, source = '') {
      const salt = randomBytes(16);
      const hash = await derive(password.normalize('NFKC'), salt, cost, source);
      return {
        salt: base64(salt),
        operations: cost.operations,
        memory_bytes: cost.memoryBytes,
        hash: base64(hash),
      };
    },

    async matches(password, known, source = '') {
      const salt = known === undefined ? randomBytes(16) : new Uint8Array(Buffer.from(known.salt, 'base64'));
      const expected = known === undefined ? randomBytes(32) : new Uint8Array(Buffer.from(known.hash, 'base64'));
      const used = known === undefined ? cost : { operations: known.operations, memoryBytes: known.memory_bytes };
      const hash = await derive(password.normalize('NFKC'), salt, used, source);
      return sameBytes(hash, expected) && known !== undefined;
    },
  };
};
