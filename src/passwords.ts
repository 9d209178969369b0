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
 * them takes the memory of one.
 */
export interface Passwords {
  hash(password: string): Promise<PasswordHash>;
  /** Takes as long where there is nothing to check against, so that nobody learns who has a password. */
  matches(password: string, known: PasswordHash | undefined): Promise<boolean>;
}

const cost: Argon2Cost = { operations: 3, memoryBytes: 64 * 2 ** 20 };
const mostWaiting = 64;

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
parentPort.on('message', async ({ id, password, salt, operations, memory }) => {
  try {
    const derive = await ready;
    parentPort.postMessage({ id, hash: derive(password, salt, operations, memory) });
  } catch (error) {
    parentPort.postMessage({ id, problem: String(error) });
  }
});
`;

interface Waiting {
  done(hash: Uint8Array): void;
  failed(error: Error): void;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.reduce((difference, byte, at) => difference | (byte ^ (b[at] ?? 0)), 0) === 0;

export const makePasswords = (sodium?: string): Passwords => {
  const waiting = new Map<number, Waiting>();
  let thread: Promise<Worker> | undefined;
  let count = 0;

  const failAll = (error: Error): void => {
    thread = undefined;
    for (const { failed } of waiting.values()) failed(error);
    waiting.clear();
  };

  const start = async (): Promise<Worker> => {
    const threads = await import('node:worker_threads');
    const worker = new threads.Worker(program, { eval: true, workerData: { from: import.meta.url, sodium } });
    worker.on('message', ({ id, hash, problem }: { id: number; hash?: Uint8Array; problem?: string }) => {
      const asked = waiting.get(id);
      waiting.delete(id);
      if (waiting.size === 0) worker.unref();
      if (hash === undefined) asked?.failed(new MobiusError('internal', `could not hash a password: ${problem}`));
      else asked?.done(hash);
    });
    worker.on('error', failAll);
    return worker;
  };

  const derive = async (password: string, salt: Uint8Array, { operations, memoryBytes }: Argon2Cost) => {
    if (waiting.size >= mostWaiting) {
      throw new MobiusError('service_unavailable', 'too many passwords are being checked', { retry_after_seconds: 1 });
    }
    const id = ++count;
    const hashed = new Promise<Uint8Array>((done, failed) => waiting.set(id, { done, failed }));
    thread ??= start();
    const worker = await thread;
    worker.ref();
    worker.postMessage({ id, password: new TextEncoder().encode(password), salt, operations, memory: memoryBytes });
    return hashed;
  };

  const nobodys = { salt: randomBytes(16), hash: randomBytes(32) };

  return {
    async hash(password) {
      const salt = randomBytes(16);
      const hash = await derive(password.normalize('NFKC'), salt, cost);
      return {
        salt: base64(salt),
        operations: cost.operations,
        memory_bytes: cost.memoryBytes,
        hash: base64(hash),
      };
    },

    async matches(password, known) {
      const salt = known === undefined ? nobodys.salt : new Uint8Array(Buffer.from(known.salt, 'base64'));
      const expected = known === undefined ? nobodys.hash : new Uint8Array(Buffer.from(known.hash, 'base64'));
      const used = known === undefined ? cost : { operations: known.operations, memoryBytes: known.memory_bytes };
      const hash = await derive(password.normalize('NFKC'), salt, used);
      return sameBytes(hash, expected) && known !== undefined;
    },
  };
};
