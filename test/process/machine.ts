import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { caches } from '../caches.ts';

/** The built product, as it is installed. */
export const program = resolve('bin/mobius.js');

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

interface Options {
  /** Besides those of the machine; undefined takes one away. */
  env?: Readonly<Record<string, string | undefined>>;
  cwd?: string;
  /** How long it may take, where that is longer than usual. */
  limitMs?: number;
}

/** A computer that mobius was just installed on: a home, a folder to work in, and `mobius` in the path. */
export interface Machine {
  readonly home: string;
  readonly work: string;
  readonly dataFolder: string;
  readonly vault: string;
  readonly env: Readonly<Record<string, string>>;
  /** Lets bash read this, in the folder to work in and without a terminal. */
  bash(script: string, options?: Options): Promise<Ended>;
  /** Runs mobius without any shell. */
  mobius(args: readonly string[], options?: Options): Promise<Ended>;
  /** The same, which must succeed: its JSON. */
  json<T = Record<string, string>>(...args: string[]): Promise<T>;
  start(args: readonly string[], stdio: readonly ('ignore' | 'pipe' | number)[]): ChildProcess;
  remove(): void;
}

/** Longer than anything takes here, shorter than the test may: what hangs is a failure with its output. */
const limitMs = 60_000;

export const ended = (child: ChildProcess, mostMs = limitMs): Promise<Ended> => {
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (part: string) => {
      texts[name] += part;
    });
  }
  const late = setTimeout(() => child.kill('SIGKILL'), mostMs);
  return new Promise((done, failed) => {
    child.on('error', failed);
    child.on('close', (code, signal) => {
      clearTimeout(late);
      done({ code, signal, ...texts });
    });
  });
};

/** Its vault lies in the usual file, or where an address leads to. */
export const newMachine = (address?: string): Machine => {
  if (!existsSync('dist/start.cjs')) throw new Error('not built: npm run build');
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'mobius-process-')));
  const [home, work, bin] = [join(root, 'home'), join(root, 'work'), join(root, 'bin')];
  for (const folder of [home, work, bin]) mkdirSync(folder);
  writeFileSync(join(bin, 'mobius'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 });
  const env = {
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    HOME: home,
    LANG: 'C.UTF-8',
    TMPDIR: work,
    XDG_CACHE_HOME: caches,
    ...(address === undefined ? {} : { MOBIUS_VAULT: address }),
  };
  const dataFolder = join(home, '.local', 'share', 'mobius');

  const launch = (command: string, args: readonly string[], { env: other, cwd = work, limitMs: mostMs }: Options) =>
    ended(spawn(command, args, { cwd, env: { ...env, ...other }, stdio: ['ignore', 'pipe', 'pipe'] }), mostMs);

  const machine: Machine = {
    home,
    work,
    dataFolder,
    vault: address ?? join(dataFolder, 'vault.db'),
    env,
    bash: (script, options = {}) => launch('bash', ['-c', script], options),
    mobius: (args, options = {}) => launch(process.execPath, [program, ...args], options),
    async json(...args) {
      const { code, stdout, stderr } = await machine.mobius(args);
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
      return JSON.parse(stdout);
    },
    start: (args, stdio) => spawn(process.execPath, [program, ...args], { cwd: work, env, stdio: [...stdio] }),
    remove: () => rmSync(root, { recursive: true, force: true, maxRetries: 5 }),
  };
  return machine;
};

const isThere = (tool: string): boolean =>
  tool.startsWith('/') ? existsSync(tool) : spawnSync('which', [tool]).status === 0;

/** A test that drives other programs or devices: left out, and said so, where one is missing; in CI it fails then. */
export const withTools = (...tools: string[]): typeof test | typeof test.skip => {
  const missing = tools.filter((tool) => !isThere(tool));
  if (missing.length === 0 || process.env.CI) return test;
  process.stderr.write(`left out: tests that need ${missing.join(' and ')}, which this machine has not\n`);
  return test.skip;
};
