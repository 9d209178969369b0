import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { checkBy, commandDelivery, type Told, valuesOf } from '../../src/rotation/command.ts';
import type { Log } from '../../src/rotation/plan.ts';
import { fakeIo } from '../cli/fake-io.ts';

/** What a command does that is somebody else's program: it may write anything, and as much as it likes. */

const io = { ...fakeIo().io, spawn };

const told = (line: string): Told => ({ line, env: { PATH: process.env.PATH ?? '' }, timeoutMs: 60_000 });

const listening = (): { log: Log; lines: string[] } => {
  const lines: string[] = [];
  return { lines, log: (_, fields = {}) => void lines.push(String(fields.line)) };
};

const value = 'a "quoted" \\ value';

test('a value is hidden as it is, and as it stands inside JSON', async () => {
  const { log, lines } = listening();
  const handed = { text: JSON.stringify({ password: value }), variables: {}, hidden: [value] };
  await commandDelivery(io, told('cat; echo again'), log).deliver(handed, '');
  expect(lines).toEqual(['{"password":"***"}', 'again']);
});

test('of a line without an end no more is kept than is told', async () => {
  const { log, lines } = listening();
  const endless = 'head -c 50000000 /dev/zero | tr "\\0" x; echo; echo last';
  await checkBy(io, told(endless), { text: '', variables: {}, hidden: ['hidden'] }, log);
  expect(lines).toEqual([`${'x'.repeat(4096)}…`, 'last']);
});

test('what makes a value tells nothing of it beside it', async () => {
  const json = (text: string) => JSON.parse(text) as Record<string, string>;
  const made = JSON.stringify({ password: value, user: 'ada-lovelace' });
  const loud = `echo 'a word before' >&2; printf '%s\\n' '${value}' >&2; printf '%s' '${made}'; echo 'it is ada-lovelace' >&2`;
  const { log, lines } = listening();
  expect(await valuesOf(io, told(loud), log, json)).toEqual({ password: value, user: 'ada-lovelace' });
  expect(lines).toEqual(['a word before', '***', 'it is ***']);
  const failing = listening();
  const half = 'printf half-a-value; echo half-a-value >&2; exit 3';
  await expect(valuesOf(io, told(half), failing.log, json)).rejects.toThrow('it ended with 3');
  expect(failing.lines).toEqual(['***']);
});

test('a value that no variable can hold is not told with the reason', async () => {
  const { log } = listening();
  const handed = { text: '', variables: { NEW: 'not-to-be-seen\0' }, hidden: [] };
  const delivery = commandDelivery(io, told('true'), log).deliver(handed, '');
  await expect(delivery).rejects.toThrow('the value of "NEW" holds a NUL, which ends a variable');
});
