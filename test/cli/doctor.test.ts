import { expect, test } from 'vitest';
import type { Globals } from '../../src/cli/command.ts';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { guarded } from '../../src/cli/doctor/finding.ts';
import { onMachine } from '../../src/cli/doctor/machine.ts';
import { screenOf, summaryOf } from '../../src/cli/doctor/screen.ts';
import { MobiusError } from '../../src/errors.ts';
import type { Io } from '../../src/io.ts';
import { fakeIo, newFolder } from './fake-io.ts';

const globals: Globals = {
  asOwner: false,
  output: 'json',
  quiet: false,
  input: false,
  color: false,
  logLevel: 'warn',
};

const machineOf = async (
  check: string,
  {
    terminal = false,
    env = {},
    ...io
  }: Partial<Pick<Io, 'nodeVersion' | 'platform'>> & {
    terminal?: boolean;
    env?: Readonly<Record<string, string>>;
  },
): Promise<Finding | undefined> => {
  const fake = fakeIo({ terminal, env, home: newFolder() }).io;
  return (await onMachine({ io: { ...fake, ...io }, globals })).find((finding) => finding.check === check);
};

test.each([
  ['v18.20.0', 'warning'],
  ['v20.0.0', 'ok'],
  ['v26.1.0', 'ok'],
  ['v27.0.0', 'warning'],
])('Node %s: %s', async (nodeVersion, state) => {
  expect(await machineOf('node', { nodeVersion })).toMatchObject({ state, detail: `Node ${nodeVersion.slice(1)}` });
});

test('what a terminal shows', async () => {
  expect(await machineOf('terminal', {})).toMatchObject({ state: 'ok', detail: 'none: the output goes elsewhere' });
  const utf8 = { LANG: 'de_DE.UTF-8' };
  expect(await machineOf('terminal', { terminal: true, env: utf8 })).toMatchObject({ state: 'ok' });
  expect(
    await machineOf('terminal', { terminal: true, env: { ...utf8, LC_ALL: 'C' }, platform: 'linux' }),
  ).toMatchObject({
    state: 'warning',
    mend: 'export LANG=C.UTF-8',
  });
  expect(await machineOf('terminal', { terminal: true, platform: 'win32' })).toMatchObject({ state: 'ok' });
});

test('which binding of libsodium there is', async () => {
  expect(await machineOf('sodium', {})).toMatchObject({ state: 'ok', detail: expect.stringContaining('compiled') });
  expect(await machineOf('sodium', { env: { MOBIUS_SODIUM: 'wasm' } })).toMatchObject({
    state: 'ok',
    detail: expect.stringContaining('WebAssembly'),
  });
});

test('what fails is told in its own words, and ends the command as it would have', async () => {
  const fails = (error: Error): Promise<readonly Finding[]> =>
    guarded('thing', async () => {
      throw error;
    });
  expect(await fails(new MobiusError('locked', 'it is locked', {}, 'open it'))).toEqual([
    { check: 'thing', state: 'error', detail: 'it is locked', mend: 'open it', exit: 3 },
  ]);
  expect(await fails(new TypeError('no such thing'))).toMatchObject([
    { check: 'thing', state: 'error', detail: 'internal error: no such thing', exit: 1 },
  ]);
});

test('a person sees a line each, and below it what to do', async () => {
  const findings: Finding[] = [
    { check: 'one', state: 'ok', detail: 'as it should be' },
    { check: 'second', state: 'warning', detail: 'a name with \u001b[31m in it', mend: 'mobius mend it' },
    { check: 'third', state: 'error', detail: 'gone', exit: 5 },
  ];
  expect(await screenOf(findings, { color: false })).toBe(
    [
      'ok       one     as it should be',
      'warning  second  a name with \\u001b[31m in it',
      '                 mend: mobius mend it',
      'error    third   gone',
      '',
    ].join('\n'),
  );
  expect(summaryOf(findings)).toBe('1 error, 1 warning');
  expect(summaryOf(findings.slice(0, 1))).toBe('all is as it should be');
});
