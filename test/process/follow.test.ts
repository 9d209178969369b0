import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ended, type Machine, newMachine } from './machine.ts';

/** The audit log as it grows, shown by a process that goes on until it is stopped. */

let machine: Machine;
const running: ChildProcess[] = [];
beforeAll(async () => {
  machine = newMachine();
  await machine.json('vault', 'init');
});
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});
afterAll(() => machine.remove());

const follow = (...args: string[]) => {
  const child = machine.start(['audit-logs', 'list-all', '--follow', ...args], ['ignore', 'pipe', 'pipe']);
  running.push(child);
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('it ended');
    return value;
  };
  return { child, next };
};
const change = (name: string) => machine.json('projects', 'update', 'default', '--name', name);
/** By the signal itself, which a shell calls 130. */
const interrupted = async (child: ChildProcess): Promise<void> => {
  child.kill('SIGINT');
  expect(await once(child, 'close')).toEqual([null, 'SIGINT']);
};

interface Line {
  seq: number;
  action: string;
}

test('shows each new entry once, a line of JSON each, in the order of their numbers', async () => {
  const { child, next } = follow('-o', 'json', '--limit', '1');
  const first = JSON.parse(await next()) as Line;
  const seqs: number[] = [];
  for (const round of [1, 2, 3]) {
    const names = Array.from({ length: round }, (_, n) => `name ${round} ${n}`);
    for (const name of names) await change(name);
    for (const _ of names) {
      const { seq, action } = JSON.parse(await next()) as Line;
      expect(action).toBe('projects.update');
      seqs.push(seq);
    }
  }
  expect(seqs).toEqual(seqs.map((_, at) => first.seq + 1 + at));
  await interrupted(child);
});

test('shows a person one line each', async () => {
  const { child, next } = follow('-o', 'text', '--after-seq', '1', '--action', 'projects.*');
  expect(await next()).toMatch(/^2 {2}\d{4}-\d\d-\d\dT[\d:.]+Z {2}owner {2}projects\.create {2}project {2}default$/);
  await change('for a person');
  for (let line = ''; !/projects\.update/.test(line); line = await next());
  await interrupted(child);
});

test('ends without an error when whoever reads has enough', async () => {
  const follower = machine.bash(
    'mobius audit-logs list-all --follow --after-seq 0 -o json | head -1; echo "${PIPESTATUS[0]}"',
  );
  // It writes when there is something to write.
  let isOver = false;
  void follower.then(() => {
    isOver = true;
  });
  for (let n = 0; !isOver && n < 20; n++) await change(`more ${n}`);
  const { stdout, stderr } = await follower;
  const [line = '', code] = stdout.trimEnd().split('\n');
  expect(JSON.parse(line)).toMatchObject({ seq: 1 });
  expect({ code, stderr }).toEqual({ code: '0', stderr: '' });
});

test('begins at a number, or with the last ones, and nowhere else', async () => {
  const { child } = follow('--cursor', 'anything', '-o', 'text');
  const { code, stderr } = await ended(child);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining('--follow and --cursor exclude each other'),
  });
});
