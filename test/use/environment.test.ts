import { describe, expect, test } from 'vitest';
import { MobiusError } from '../../src/errors.ts';
import { environmentFrom, type Sources } from '../../src/use/environment.ts';
import type { Used } from '../../src/use/resolve.ts';

const nothing: Sources = {
  inherited: {},
  configured: {},
  files: [],
  secrets: [],
  env: [],
  pristine: false,
  platform: 'linux',
};

const file = (said: string, ...names: string[]) => ({
  said,
  lines: names.map((name, at) => ({ name, value: `${said}`, line: at + 1 })),
});

/** The variables, where every reference has the same value. */
const made = (sources: Partial<Sources>, secrets: Used['secrets'] = {}): Record<string, string> => {
  const { wanted, filled } = environmentFrom({ ...nothing, ...sources });
  const texts = Object.fromEntries(
    Object.entries(wanted.texts).map(([name, text]) => [name, text.replace(/\$\{secret:[^}]*\}/, 'value')]),
  );
  return filled({ texts, secrets, values: [] });
};

const refused = (sources: Partial<Sources>, secrets?: Used['secrets']): string => {
  try {
    made(sources, secrets);
  } catch (error) {
    if (!(error instanceof MobiusError)) throw error;
    return error.message;
  }
  throw new Error('nothing was refused');
};

test.each([
  'path',
  'ld_preload',
  'bash_env',
  'prompt_command',
  'ps4',
  'node_options',
  'git_ssh_command',
  'mobius_vault',
])('the key %s of a whole secret is not put where it makes a program run something', (key) => {
  expect(refused({ secrets: ['s'] }, { s: { [key]: 'x' } })).toContain(
    `would be the variable "${key.toUpperCase()}", which can make a program run something`,
  );
  expect(made({ secrets: ['s=P_'] }, { s: { [key]: 'x' } })).toEqual({ [`P_${key.toUpperCase()}`]: 'x' });
  expect(made({ env: [`${key.toUpperCase()}=\${secret:s.k}`] })).toEqual({ [key.toUpperCase()]: 'value' });
});

test('the later source wins', () => {
  const inherited = { A: 'inherited', B: 'inherited', C: 'inherited', D: 'inherited', E: 'inherited', F: 'inherited' };
  const configured = { B: 'configured', C: 'configured', D: 'configured', E: 'configured', F: 'configured' };
  const files = [file('one', 'C', 'D', 'E', 'F'), file('two', 'D', 'E', 'F')];
  const sources = { inherited, configured, files, secrets: ['s'], env: ['F=named'] };
  expect(made(sources, { s: { e: 'secret', f: 'secret' } })).toEqual({
    A: 'inherited',
    B: 'configured',
    C: 'one',
    D: 'two',
    E: 'secret',
    F: 'named',
  });
});

test('references are looked for wherever a text comes from, but not where another text wins', () => {
  const reference = `\${secret:a.b}`;
  const { wanted } = environmentFrom({
    ...nothing,
    inherited: { A: reference, B: reference, C: 'x' },
    env: ['B=plain', `D=${reference}=${reference}`],
    secrets: ['db=X_', 'db=Y_', 'db=X_'],
  });
  expect(wanted).toEqual({
    texts: { A: reference, C: 'x', B: 'plain', D: `${reference}=${reference}` },
    secrets: ['db'],
  });
});

test('what is for mobius itself is inherited only by its name', () => {
  const inherited = { MOBIUS_API_KEY: 'key', MOBIUS_VAULT: 'path', MOBIUSES: 'x', mobius_low: 'y' };
  expect(made({ inherited })).toEqual({ MOBIUSES: 'x', mobius_low: 'y' });
  expect(made({ inherited, env: ['MOBIUS_VAULT'] })).toEqual({ MOBIUSES: 'x', mobius_low: 'y', MOBIUS_VAULT: 'path' });
  expect(made({ inherited, platform: 'win32' })).toEqual({ MOBIUSES: 'x' });
});

test('--pristine inherits nothing but what --env names', () => {
  expect(made({ inherited: { A: '1', B: '2' }, configured: { C: '3' }, env: ['B'], pristine: true })).toEqual({
    B: '2',
    C: '3',
  });
});

test('on Windows the case of a name makes no other variable', () => {
  expect(made({ inherited: { Path: 'a', Other: 'b' }, env: ['PATH=c', 'OTHER'], platform: 'win32' })).toEqual({
    PATH: 'c',
    OTHER: 'b',
  });
  expect(made({ inherited: { Path: 'a' }, env: ['PATH=c'] })).toEqual({ Path: 'a', PATH: 'c' });
});

test('an inherited name is passed on as it is, whatever it looks like', () => {
  expect(made({ inherited: { 'BASH_FUNC_f%%': '() { :; }' } })).toEqual({ 'BASH_FUNC_f%%': '() { :; }' });
});

describe('a whole secret', () => {
  test('is a variable for each key', () => {
    const secrets = { 'prod-db': { host: 'h', 'api.key': 'k', B_9: 'b' } };
    expect(made({ secrets: ['prod-db'] }, secrets)).toEqual({ HOST: 'h', API_KEY: 'k', B_9: 'b' });
    expect(made({ secrets: ['prod-db=db_'] }, secrets)).toEqual({ db_HOST: 'h', db_API_KEY: 'k', db_B_9: 'b' });
  });

  test('is refused where two keys would be one variable', () => {
    expect(refused({ secrets: ['s'] }, { s: { 'a-b': 'one', 'a.b': 'two' } })).toBe(
      'key "a-b" of secret "s" and key "a.b" of secret "s" would both be the variable "A_B"',
    );
    expect(refused({ secrets: ['s', 't'] }, { s: { a: 'one' }, t: { A: 'two' } })).toBe(
      'key "a" of secret "s" and key "A" of secret "t" would both be the variable "A"',
    );
    expect(made({ secrets: ['s', 's'] }, { s: { a: 'one' } })).toEqual({ A: 'one' });
    expect(made({ secrets: ['s=A_', 's=B_'] }, { s: { a: 'one' } })).toEqual({ A_A: 'one', B_A: 'one' });
  });

  test('is refused where a key can be no variable', () => {
    expect(refused({ secrets: ['s'] }, { s: { '9lives': 'v' } })).toBe(
      'key "9lives" of secret "s" would be the variable "9LIVES", which can\'t be one',
    );
    expect(made({ secrets: ['s=_'] }, { s: { '9lives': 'v' } })).toEqual({ _9LIVES: 'v' });
  });
});

describe('refused is', () => {
  test.each<[string, Partial<Sources>, string]>([
    ['a name that is none', { env: ['a-b=TEXT'] }, '--env names the variable "a-b"'],
    ['an empty one', { env: ['=TEXT'] }, '--env names the variable ""'],
    ['one in a file', { files: [file('"refs.env"', '1A')] }, '"refs.env" names the variable "1A"'],
    ['one in the configuration', { configured: { 'A B': 'x' } }, '"env" in the configuration names the variable "A B"'],
    [
      'the same one twice in a file',
      { files: [file('"f"', 'A', 'B', 'A')] },
      '"f" sets "A" twice: in line 1 and in line 3',
    ],
    ['one that is not there', { env: ['GONE'] }, '--env GONE passes on a variable that is not set'],
    ['a secret without a name', { secrets: ['=X_'] }, '--secret needs the name of a secret'],
    [
      'a prefix that is none',
      { secrets: ['s=1_'] },
      '--secret s has the prefix "1_", which no variable can start with',
    ],
    ['a NUL', { env: ['A=x\0hidden'] }, 'the value of "A" holds a NUL, which ends a variable'],
    [
      'what Linux takes for too long',
      { env: [`A=${'x'.repeat(131_070)}`] },
      'the value of "A" is too long for a variable, which ends at 131072 bytes',
    ],
  ])('%s', (_, sources, message) => {
    expect(refused(sources)).toBe(message);
  });

  test('a value that only the secret made unfit', () => {
    expect(refused({ secrets: ['s'] }, { s: { a: 'x\0hidden' } })).toBe(
      'the value of "A" holds a NUL, which ends a variable',
    );
  });

  test('not what just fits, nor what another system takes', () => {
    expect(made({ env: [`A=${'x'.repeat(131_069)}`] }).A).toHaveLength(131_069);
    expect(made({ env: [`A=${'x'.repeat(131_070)}`], platform: 'darwin' }).A).toHaveLength(131_070);
    expect(refused({ env: [`A=${'ä'.repeat(65_535)}`] })).toContain('too long');
  });
});
