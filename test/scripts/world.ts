import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Io, Sink } from '../../src/io.ts';

export type Run = (io: Io) => Promise<number>;

/** What one script lives in: folders of its own, a clock that stands still, and ids that count. */
export interface World {
  readonly root: string;
  readonly home: string;
  readonly cwd: string;
  readonly env: Record<string, string>;
  tick(ms: number): void;
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

/** A UUIDv7 of the clock's millisecond whose random part is a counter, so that ids are the same in every run. */
const uuidOf = (now: number, count: number): Uint8Array => {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, (BigInt(now) << 16n) | 0x7000n);
  view.setBigUint64(8, (1n << 63n) | BigInt(count));
  return bytes;
};

export const createWorld = (): World => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'mobius-script-')));
  const [home, cwd] = [join(root, 'home'), join(root, 'work')];
  for (const folder of [home, cwd]) mkdirSync(folder);
  let now = start;
  let ids = 0;

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
    tick(ms) {
      now += ms;
    },
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
        child.stdin?.on('error', () => undefined).end(stdin);
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
        stdin: { isTTY: terminal, read: async () => stdin },
        stdout: sink(out, terminal),
        stderr: sink(err, terminal),
        now: () => now,
        newUuid: () => uuidOf(now, ++ids),
        onInterrupt: () => () => undefined,
        signals: { pid: process.pid, take: () => () => undefined, raise: () => undefined },
        spawn: start,
      });
      await Promise.all(ended);
      return { stdout: out.join(''), stderr: err.join(''), code };
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
  return world;
};
