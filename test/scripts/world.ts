import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Io, Sink } from '../../src/io.ts';
import { uuidOf } from './ids.ts';

export type Run = (io: Io) => Promise<number>;

/** What one script lives in: folders of its own, a clock that stands still, and ids that count. */
export interface World {
  readonly root: string;
  readonly home: string;
  readonly cwd: string;
  readonly env: Record<string, string>;
  now(): number;
  /** Moves the clock, and waits for whoever keeps one of their own. */
  tick(ms: number): Promise<void>;
  onTick(moved: (now: number) => Promise<void>): void;
  /** What is to be over before the next command: a local one has done it when it ends, a server takes its time. */
  afterEach(work: () => Promise<void>): void;
  run(run: Run, line: { argv: readonly string[] } & Partial<Given>): Promise<Ran>;
  remove(): void;
}

interface Given {
  env: Readonly<Record<string, string>>;
  stdin: Uint8Array;
  terminal: boolean;
}

export interface Ran {
  stdout: string;
  stderr: string;
  code: number;
}

const start = Date.parse('2026-01-01T00:00:00Z');

export const createWorld = (): World => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'mobius-script-')));
  const [home, cwd] = [join(root, 'home'), join(root, 'work')];
  for (const folder of [home, cwd]) mkdirSync(folder);
  let now = start;
  let ids = 0;
  const clocks: ((now: number) => Promise<void>)[] = [];
  const waiting: (() => Promise<void>)[] = [];

  const sink = (parts: string[], isTTY: boolean): Sink => ({
    isTTY,
    columns: isTTY ? 80 : Number.POSITIVE_INFINITY,
    place: undefined,
    write: (text) => void parts.push(text),
    send: async (bytes) => void parts.push(Buffer.from(bytes).toString()),
  });

  const world: World = {
    root,
    home,
    cwd,
    env: { HOME: home, PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', TZ: 'UTC' },
    now: () => now,
    async tick(ms) {
      now += ms;
      for (const moved of clocks) await moved(now);
    },
    onTick: (moved) => void clocks.push(moved),
    afterEach: (work) => void waiting.push(work),
    async run(run, { argv, env = world.env, stdin = new Uint8Array(), terminal = false }) {
      const [out, err]: [string[], string[]] = [[], []];
      const ended: Promise<unknown>[] = [];
      /** A real program, in the world's folder; what it would write to our own streams is what the command says. */
      const start = (program: string, args: readonly string[], options: SpawnOptions) => {
        const own = Array.isArray(options.stdio) ? options.stdio : [];
        const child = spawn(program, args, {
          ...options,
          cwd,
          stdio: own.map((to) => (to === 'inherit' ? 'pipe' : to)),
        });
        ended.push(once(child, 'close'));
        // Who never reads it has ended before it came.
        child.stdin?.on('error', () => undefined);
        if (own[0] === 'inherit') child.stdin?.end(stdin);
        if (own[1] === 'inherit') child.stdout?.on('data', (part) => out.push(String(part)));
        if (own[2] === 'inherit') child.stderr?.on('data', (part) => err.push(String(part)));
        return child;
      };
      const code = await run({
        argv,
        env,
        cwd,
        home,
        platform: 'linux',
        execPath: '/nonexistent/node',
        program: [],
        nodeVersion: process.version,
        uid: process.getuid?.(),
        stdin: { isTTY: terminal, read: async () => stdin },
        stdout: sink(out, terminal),
        stderr: sink(err, terminal),
        now: () => now,
        newUuid: () => uuidOf(now, ++ids),
        onInterrupt: () => () => undefined,
        signals: { pid: process.pid, take: () => () => undefined, raise: () => undefined, send: () => false },
        spawn: start,
      });
      await Promise.all(ended);
      for (const work of waiting) await work();
      return { stdout: out.join(''), stderr: err.join(''), code };
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
  return world;
};
