import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { expect, test } from 'vitest';
import { namedKey } from '../../src/cli/key-command.ts';
import type { Io } from '../../src/io.ts';
import { runProgram } from '../../src/use/child.ts';
import { fakeIo } from '../cli/fake-io.ts';

interface Started {
  program: string;
  args: readonly string[];
  options: SpawnOptions;
}

/** A Windows that starts nothing, and tells what it was asked to start. */
const windows = (): { io: Io; started: Started[] } => {
  const started: Started[] = [];
  const spawn = (program: string, args: readonly string[], options: SpawnOptions): ChildProcess => {
    started.push({ program, args, options });
    throw new Error('nothing is started here');
  };
  return { io: { ...fakeIo().io, platform: 'win32', env: { SystemRoot: 'C:\\Windows' }, spawn }, started };
};

const run = async (io: Io, path: string, ...args: string[]): Promise<unknown> =>
  runProgram(io, { path, typed: 'npm', args, env: { A: 'b' }, values: [] }).catch((error: unknown) => error);

const cmd = 'C:\\Windows\\System32\\cmd.exe';

test('a program gets its arguments one by one, and the name that was typed', async () => {
  const { io, started } = windows();
  await run(io, 'C:\\npm.exe', 'a & b');
  expect(started).toMatchObject([
    { program: 'C:\\npm.exe', args: ['a & b'], options: { argv0: 'npm', env: { A: 'b' } } },
  ]);
  expect(started[0]?.options).not.toHaveProperty('shell');
  expect(started[0]?.options).not.toHaveProperty('windowsVerbatimArguments');
});

test('a batch file gets them in quotes, by an interpreter that takes the line as it stands', async () => {
  const { io, started } = windows();
  await run(io, 'C:\\npm.cmd', 'run', 'a b');
  expect(started).toMatchObject([
    {
      program: cmd,
      args: ['/d', '/s', '/c', '""C:\\npm.cmd" "run" "a b""'],
      options: { argv0: 'cmd.exe', windowsVerbatimArguments: true, env: { A: 'b' } },
    },
  ]);
});

test('a batch file is not started with what it could read as a line', async () => {
  const { io, started } = windows();
  expect(await run(io, 'C:\\npm.cmd', 'run', '"&calc.exe')).toMatchObject({
    code: 'invalid_input',
    message: '"npm" is a batch file, which could read its argument 2 as more than a word',
  });
  expect(started).toEqual([]);
});

test('a key command is a line for the shell of the system', async () => {
  const { io, started } = windows();
  const globals = { keyCommand: 'type key.txt | more' } as Parameters<typeof namedKey>[1];
  await expect(namedKey(io, globals)?.read()).rejects.toThrow('nothing is started here');
  expect(started).toMatchObject([{ program: cmd, args: ['/d', '/s', '/c', '"type key.txt | more"'] }]);
});
