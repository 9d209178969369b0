import { describe, expect, test } from 'vitest';
import type { Globals } from '../../src/cli/command.ts';
import { createContext } from '../../src/cli/context.ts';
import { createReader } from '../../src/cli/files.ts';
import { MobiusError } from '../../src/errors.ts';
import { logged, openLog } from '../../src/rotation/log.ts';
import { fakeIo, now } from '../cli/fake-io.ts';

const opened = (format: string, more: Partial<Globals> = {}) => {
  const { io, stderr } = fakeIo();
  const globals = { output: 'json', quiet: false, logLevel: 'warn', input: false, ...more } as Globals;
  const context = createContext(io, { globals, flags: {}, reader: createReader(io, new Map()), help: '' });
  return { context, log: openLog(context, format), stderr };
};

const time = new Date(now).toISOString();
/** Of the shape of a key, and none. */
const key = `mbx_${'a'.repeat(49)}`;

describe('for a program', () => {
  test('each event is one line', () => {
    const { log, stderr } = opened('json');
    log('begun', { subject: 'api-keys/ci', rotation_id: 'rot_1' });
    log('skipped', { subject: 'api-keys/ci', reason: 'a\nb\u202e' });
    const lines = stderr().trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { time, level: 'info', event: 'begun', subject: 'api-keys/ci', rotation_id: 'rot_1' },
      { time, level: 'warn', event: 'skipped', subject: 'api-keys/ci', reason: 'a\nb\u202e' },
    ]);
    expect(stderr()).not.toContain('\u202e');
  });

  test('of which the level error leaves what failed', () => {
    const { log, stderr } = opened('json', { logLevel: 'error' });
    log('done', {});
    log('skipped', {});
    expect(stderr()).toBe('');
    log('failed', {});
    expect(stderr()).toContain('"event":"failed"');
  });

  test('what fails is a line too, with its exit code', async () => {
    const { context, log, stderr } = opened('json');
    const fail = (error: Error) => logged(context, { log, format: 'json' }, () => Promise.reject(error));
    expect(await fail(new MobiusError('locked', 'the vault is locked', {}, 'open it'))).toBe(3);
    expect(await fail(new TypeError('x'))).toBe(1);
    expect(
      stderr()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { time, level: 'error', event: 'failed', code: 'locked', message: 'the vault is locked', hint: 'open it' },
      { time, level: 'error', event: 'failed', code: 'internal', message: 'internal error: x' },
    ]);
  });
});

describe('for a person', () => {
  test('each is told in words, of several which one', () => {
    const { log, stderr } = opened('text');
    log('begun', { subject: 'api-keys/ci' });
    log('done', { subject: 'api-keys/ci', project: 'default' });
    log('done', { rotation_id: 'rot_1' });
    log('held', { subject: 'api-keys/ci', holder: 'process 1 on ada', since: '2026-01-01T00:00:00Z' });
    log('failed', { subject: 'api-keys/ci', message: 'no', hint: 'see' });
    expect(stderr().split('\n')).toEqual([
      'mobius: api-keys/ci in project "default": rotated',
      'mobius: api-keys/ci: process 1 on ada is rotating it since 2026-01-01T00:00:00Z',
      'mobius: error: api-keys/ci: no; see',
      '',
    ]);
  });

  test('what fails is left to the command line', async () => {
    const { context, log } = opened('text');
    await expect(logged(context, { log, format: 'text' }, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });
});

test.each(['text', 'json'])('a key that somehow got into it is cut (%s)', (format) => {
  const { log, stderr } = opened(format);
  log('output', { line: `it is ${key}` });
  log('failed', { message: key });
  expect(stderr()).toContain('mbx_…');
  expect(stderr()).not.toContain(key);
});
