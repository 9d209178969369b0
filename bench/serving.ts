import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { freePort } from '../test/store/postgres.ts';
import { newHome, program, removeHomes } from './process.ts';

/** The built program in a process of its own, serving a vault. */
export interface Node {
  port: number;
  /** The memory that the server's process holds, in bytes, as it tells itself. */
  resident(): Promise<number>;
  /** What is left of its heap, and of what it holds outside, after all garbage is collected; `collect.cjs` must be there. */
  living(): Promise<number>;
  /** What the processor has worked for it so far, in seconds. */
  worked(): Promise<number>;
  isAlive(): Promise<boolean>;
  /** What it logged. */
  log(): string;
  /** Ends it as a person would; gives its exit code. */
  stop(): Promise<number | null>;
}

const textAt = (port: number, path: string): Promise<string> =>
  new Promise((done, failed) => {
    get({ port, host: '127.0.0.1', path, agent: false }, (response) => {
      const parts: string[] = [];
      response.on('data', (part) => parts.push(String(part)));
      response.on('end', () => done(parts.join('')));
    }).on('error', failed);
  });

/** A new vault, in a file of a home of its own or where the address leads to, and a key that may do everything in its project. */
export const newVault = (address?: string): { env: NodeJS.ProcessEnv; key: string } => {
  const env = {
    PATH: process.env.PATH,
    HOME: newHome(),
    ...(address === undefined ? {} : { MOBIUS_VAULT: address }),
  };
  const mobius = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { env, encoding: 'utf8' });
    if (status !== 0) throw new Error(`mobius ${args.join(' ')} ended with ${status}: ${stderr}`);
    return stdout;
  };
  mobius('vault', 'init');
  const { key } = JSON.parse(mobius('principals', 'create', 'bench', '--role', 'Owner', '--with-key', '-o', 'json'));
  return { env, key };
};

export const startNode = async (
  env: NodeJS.ProcessEnv,
  log: 'error' | 'info' = 'error',
  ...more: readonly string[]
): Promise<Node> => {
  // Where it listens is told at this level only, and a log of a million lines is nothing to keep: so it is asked for.
  const port = await freePort();
  const line = [program, 'serve', '--listen', `127.0.0.1:${port}`, '--log', log, ...more];
  // To a file, as a service's log goes: whoever read it here would take from what is measured.
  const logged = join(newHome(), 'log');
  const out = openSync(logged, 'w');
  const child = spawn(process.execPath, line, { env, stdio: ['ignore', 'ignore', out] });
  closeSync(out);
  const told = (): string => readFileSync(logged, 'utf8').slice(0, 100_000);
  const isAlive = (): Promise<boolean> =>
    textAt(port, '/healthz').then(
      (text) => text.includes('ok'),
      () => false,
    );
  for (let tries = 0; !(await isAlive()); tries++) {
    if (child.exitCode !== null || tries > 200) throw new Error(`it does not serve: ${told()}`);
    await new Promise((done) => setTimeout(done, 50));
  }
  const metric = async (name: string): Promise<number> =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await textAt(port, '/metrics'))?.[1]);
  return {
    port,
    isAlive,
    log: told,
    resident: () => metric('process_resident_memory_bytes'),
    async living() {
      child.kill('SIGUSR2');
      await new Promise((done) => setTimeout(done, 500));
      return (await metric('nodejs_heap_size_used_bytes')) + (await metric('nodejs_external_memory_bytes'));
    },
    worked: () => metric('process_cpu_seconds_total'),
    async stop() {
      if (child.exitCode !== null) return child.exitCode;
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      const [code] = await closed;
      return code;
    },
  };
};

export const startServing = async (log?: 'error' | 'info'): Promise<Node & { key: string }> => {
  const { env, key } = newVault();
  const node = await startNode(env, log);
  return {
    ...node,
    key,
    async stop() {
      const code = await node.stop();
      removeHomes();
      return code;
    },
  };
};

/** A server that does next to nothing: see `bare.ts`. */
export const startBare = async (address?: string): Promise<{ port: number; stop(): void }> => {
  const line = [...process.execArgv, join(import.meta.dirname, 'bare.ts'), ...(address === undefined ? [] : [address])];
  const child = spawn(process.execPath, line, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [port] = await once(child.stdout, 'data');
  return { port: Number(port), stop: () => void child.kill() };
};
