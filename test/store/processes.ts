import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Child {
  process: ChildProcess;
  /** Resolves when stdout holds the text. */
  said(text: string): Promise<void>;
  ended: Promise<Ended>;
}

interface Options {
  /** As another user. */
  uid?: number;
  env?: Readonly<Record<string, string | undefined>>;
  /** The program and its arguments that the process is started through, such as a tracer. */
  through?: readonly string[];
}

/** Starts a task of the bundled file. */
export type Start = (args: readonly string[], options?: Options) => Child;

/**
 * Bundles a file as the product is bundled, and gives a way to start it: it must find better-sqlite3 from where it lies,
 * and start fast enough for many.
 */
export const children = async (folder: string, entry = 'test/store/child.ts'): Promise<Start> => {
  const place = join(folder, 'bundle');
  mkdirSync(place);
  symlinkSync(resolve('node_modules'), join(place, 'node_modules'), 'dir');
  const outfile = join(place, 'child.mjs');
  await build({
    entryPoints: [resolve(entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
  return (args, options) => start(outfile, args, options);
};

const start = (file: string, args: readonly string[], { through = [], ...options }: Options = {}): Child => {
  const [program = '', ...given] = [...through, process.execPath, file, ...args];
  const child = spawn(program, given, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  const ended = new Promise<Ended>((done, failed) => {
    child.on('error', failed);
    child.on('close', (code, signal) => done({ code, signal, stdout, stderr }));
  });
  child.stderr.on('data', (part) => {
    stderr += part;
  });
  child.stdout.on('data', (part) => {
    stdout += part;
  });
  const said = (text: string): Promise<void> =>
    new Promise((done, failed) => {
      const look = (): void => {
        if (stdout.includes(text)) done();
      };
      child.stdout.on('data', look);
      ended.then(() => failed(new Error(`the process ended before it said "${text}": ${stdout}${stderr}`)), failed);
      look();
    });
  return { process: child, said, ended };
};
