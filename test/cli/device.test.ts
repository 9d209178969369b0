import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { awaitDecision, openBrowser } from '../../src/cli/device.ts';
import { MobiusError } from '../../src/errors.ts';
import type { Io } from '../../src/io.ts';
import type { Call } from '../../src/operations.ts';
import { fakeIo } from './fake-io.ts';

const code = {
  device_code: 'fake',
  user_code: 'ABCD-EFGH',
  verification_uri: 'https://mobius.example.com/device',
  verification_uri_complete: 'https://mobius.example.com/device?code=ABCD-EFGH',
  expires_in: 60,
  interval: 5,
};

/** Waits for a decision on a clock that jumps, with these words from the server; the last one for ever. */
const decide = async (...said: (string | undefined)[]) => {
  let now = 0;
  const slept: number[] = [];
  let asked = 0;
  const call = (async () => {
    const oauth = said[Math.min(asked++, said.length - 1)];
    if (oauth === undefined) return { access_token: 'mbc_fake', token_type: 'Bearer', credential_id: 'cred_1' };
    throw new MobiusError('bad_request', 'words', { oauth });
  }) as unknown as Call;
  const sleep = async (ms: number): Promise<void> => {
    slept.push(ms);
    now += ms;
  };
  const outcome = await awaitDecision(call, code, { now: () => now, sleep }).then(
    ({ access_token: token }) => token,
    (error: MobiusError) => `${error.code}: ${error.message}`,
  );
  return { outcome, slept };
};

test('a decision is waited for at the pace of the server', async () => {
  expect(await decide('authorization_pending', undefined)).toEqual({ outcome: 'mbc_fake', slept: [5000, 5000] });
  expect(await decide('slow_down', 'slow_down', undefined)).toEqual({
    outcome: 'mbc_fake',
    slept: [5000, 10_000, 15_000],
  });
});

test('refused, too late there, too late here, or something else', async () => {
  expect(await decide('access_denied')).toMatchObject({ outcome: 'forbidden: the login was refused' });
  expect(await decide('expired_token')).toMatchObject({ outcome: 'unauthorized: nobody confirmed in time' });
  const { outcome, slept } = await decide('authorization_pending');
  expect({ outcome, count: slept.length }).toEqual({ outcome: 'unauthorized: nobody confirmed in time', count: 12 });
  expect(await decide('invalid_grant')).toMatchObject({ outcome: 'bad_request: words' });
});

const opened = (address: string, more: Partial<Io>): readonly string[] | undefined => {
  let line: readonly string[] | undefined;
  const { io } = fakeIo({ env: { DISPLAY: ':0' } });
  const spawn = (program: string, args: readonly string[]): ChildProcess => {
    line = [program, ...args];
    return Object.assign(new EventEmitter(), { unref: () => undefined }) as unknown as ChildProcess;
  };
  const terminal = { input: process.stdin, output: process.stderr };
  const said = openBrowser({ ...io, platform: 'linux', terminal, spawn, ...more }, address);
  expect(said).toBe(line !== undefined);
  return line;
};

test('a browser is opened where somebody sits in front of a screen', () => {
  const page = 'https://mobius.example.com/device';
  expect(opened(page, {})).toEqual(['xdg-open', page]);
  expect(opened(page, { platform: 'darwin' })).toEqual(['open', page]);
  expect(opened(page, { platform: 'win32' })?.at(-1)).toBe(page);
  expect(opened(page, { env: {} })).toBeUndefined();
  expect(opened(page, { terminal: undefined })).toBeUndefined();
});

test('nothing but a page is opened, whatever the server names', () => {
  expect(opened('file:///etc/passwd', {})).toBeUndefined();
  expect(opened('-e xterm', {})).toBeUndefined();
  expect(opened('https://mobius.example.com/$(id)"', {})).toEqual(['xdg-open', 'https://mobius.example.com/$(id)%22']);
});
