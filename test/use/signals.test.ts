import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { passSignals } from '../../src/use/signals.ts';
import { fakeIo, newFolder } from '../cli/fake-io.ts';

afterEach(() => vi.unstubAllEnvs());

/** Takes signals in a process whose group is, or is not, in the foreground of its terminal: `ps` says so. */
const passing = (foreground: boolean) => {
  const programs = newFolder();
  writeFileSync(join(programs, 'ps'), `#!/bin/sh\necho 7 ${foreground ? 7 : 8}\n`, { mode: 0o700 });
  vi.stubEnv('PATH', `${programs}:${process.env.PATH}`);
  const taken = new Map<NodeJS.Signals, () => void>();
  const sent: NodeJS.Signals[] = [];
  const { io } = fakeIo();
  const passed = passSignals(
    {
      ...io,
      platform: 'darwin',
      signals: {
        ...io.signals,
        take: (name, call) => {
          taken.set(name, call);
          return () => void taken.delete(name);
        },
      },
    },
    (name) => sent.push(name),
  );
  return { ...passed, sent, taken, comes: (name: NodeJS.Signals) => taken.get(name)?.() };
};

test('a Ctrl-C that is told of after the end of the program that it ended is still seen', async () => {
  const { interrupted, comes, sent } = passing(true);
  const answer = interrupted();
  setImmediate(() => comes('SIGINT'));
  expect(await answer).toBe(true);
  expect(await interrupted()).toBe(true);
  expect(sent).toEqual([]);
});

test('without a Ctrl-C the answer is no, soon', async () => {
  expect(await passing(true).interrupted()).toBe(false);
});

test('one that somebody sends to mobius in the background is handed on, and is none of the terminal', async () => {
  const { interrupted, comes, sent, release, taken } = passing(false);
  comes('SIGINT');
  expect(await interrupted()).toBe(false);
  expect(sent).toEqual(['SIGINT']);
  release();
  expect(taken.size).toBe(0);
});
