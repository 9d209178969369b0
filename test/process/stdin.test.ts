import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ended, type Machine, newMachine } from './machine.ts';

/** More than a pipe holds, and more than is read at once; a character must not be cut where a piece ends. */
const long = 'plainly fäke, '.repeat(15_000);

let machine: Machine;
beforeAll(async () => {
  machine = newMachine();
  await machine.mobius(['vault', 'init']);
});
afterAll(() => machine.remove());

/** Through a pipe that says that there is nothing yet, where another one would wait. */
const injectThroughPipe = async (): Promise<unknown> => {
  const pipe = join(machine.work, 'pipe');
  await machine.bash(`mkfifo '${pipe}'`);
  const reading = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const child = spawn('bash', ['-c', 'mobius inject <&3'], {
    cwd: machine.work,
    env: machine.env,
    stdio: ['ignore', 'pipe', 'pipe', reading],
  });
  closeSync(reading);
  const writing = await open(pipe, 'w');
  const told = ended(child);
  await writing.write(long.slice(0, 1000));
  // Time to read that, and to find nothing more.
  await pause(500);
  await writing.write(long.slice(1000));
  await writing.close();
  return told;
};

test('a long text on stdin is read to its end, as it comes', async () => {
  expect(await injectThroughPipe()).toEqual({ code: 0, signal: null, stdout: long, stderr: '' });
});

test.each([
  { from: 'a file', script: 'mobius inject < text' },
  { from: 'another program', script: 'cat text | mobius inject' },
])('a text from $from is read', async ({ script }) => {
  await writeFile(join(machine.work, 'text'), long);
  expect(await machine.bash(script)).toMatchObject({ code: 0, stdout: long, stderr: '' });
});

test('nothing on stdin is an empty text', async () => {
  expect(await machine.bash('mobius inject < /dev/null')).toMatchObject({ code: 0, stdout: '', stderr: '' });
});

test('what waits for what never comes is told of, and has failed', async () => {
  const never = join(machine.work, 'never.cjs');
  await writeFile(
    never,
    `const fs = require('node:fs');
const { readSync } = fs;
fs.readSync = (file, ...more) => {
  if (file === 0) throw Object.assign(new Error('plainly fake'), { code: 'EAGAIN' });
  return readSync(file, ...more);
};
fs.read = () => {};
`,
  );
  const waiting = `NODE_OPTIONS='--require ${never}' mobius inject < /dev/null`;
  const told = 'mobius: error: internal error: it waits for what never comes\n';
  expect(await machine.bash(waiting)).toEqual({
    code: 1,
    signal: null,
    stdout: '',
    stderr: `${told}mobius: hint: set MOBIUS_DEBUG=1 to see where it comes from\n`,
  });
  // With the line of the source, of which the program that was built has neither the lines nor the names.
  const { stderr } = await machine.bash(`export MOBIUS_DEBUG=1; ${waiting}`);
  expect(stderr.startsWith(told)).toBe(true);
  const [, path = '', line] = /^ +at (src\/main\.ts):(\d+)$/m.exec(stderr) ?? [];
  expect(readFileSync(path, 'utf8').split('\n')[Number(line) - 1]).toContain(
    "new Error('it waits for what never comes')",
  );
});
