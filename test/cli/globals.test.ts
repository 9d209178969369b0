import { describe, expect, test } from 'vitest';
import { globalFlags, globalsFrom, tellsJson, variablesFrom } from '../../src/cli/globals.ts';
import { readLine } from '../../src/cli/line.ts';
import { fakeIo } from './fake-io.ts';

type Env = Readonly<Record<string, string>>;

const givenBy = async (argv: readonly string[]) =>
  (await readLine(argv, globalFlags, { stopAtWord: false, help: '' })).given;

const merged = async (argv: readonly string[], env: Env = {}, terminal = false) =>
  globalsFrom(fakeIo({ argv, env, terminal }).io, await givenBy(argv));

test('nothing is set by itself', async () => {
  expect(await merged([])).toEqual({
    asOwner: false,
    output: 'json',
    quiet: false,
    input: true,
    color: false,
    logLevel: 'warn',
  });
});

test('a flag wins over its variable, an empty variable is none, the last of two flags counts', async () => {
  const env = { MOBIUS_PROJECT: 'from-env', MOBIUS_API_URL: 'https://env', MOBIUS_VAULT: '' };
  const globals = await merged(['--project', 'a', '--project', 'b', '-F', ' id , name '], env);
  expect(globals).toMatchObject({ project: 'b', apiUrl: 'https://env', fields: ['id', 'name'] });
  expect(globals).not.toHaveProperty('vault');
});

test.each<[string, string[], Env]>([
  ['apiUrl', ['--api-url', 'x'], { MOBIUS_API_URL: 'x' }],
  ['apiKey', ['--api-key', 'x'], { MOBIUS_API_KEY: 'x' }],
  ['profile', ['--profile', 'x'], { MOBIUS_PROFILE: 'x' }],
  ['project', ['--project', 'x'], { MOBIUS_PROJECT: 'x' }],
  ['vault', ['--vault', 'x'], { MOBIUS_VAULT: 'x' }],
  ['keyFile', ['--key-file', 'x'], { MOBIUS_VAULT_KEY_FILE: 'x' }],
])('%s by flag and by variable', async (name, argv, env) => {
  expect(await merged(argv)).toHaveProperty(name, 'x');
  expect(await merged([], env)).toHaveProperty(name, 'x');
});

test.each<[string, string[], Env, boolean]>([
  ['pretty', [], {}, true],
  ['json', [], {}, false],
  ['json', ['-o', 'json'], {}, true],
  ['pretty', ['-o', 'pretty'], {}, false],
  ['pretty', ['-o', 'auto'], { MOBIUS_OUTPUT: 'text' }, true],
  ['yaml', [], { MOBIUS_OUTPUT: 'yaml' }, true],
])('output is %s with %j %j, terminal: %s', async (output, argv, env, terminal) => {
  expect(await merged(argv, env, terminal)).toMatchObject({ output });
});

test.each<[boolean, string[], Env, boolean]>([
  [true, [], {}, true],
  [false, [], {}, false],
  [false, ['--no-color'], { CLICOLOR_FORCE: '1' }, true],
  [false, [], { NO_COLOR: '1' }, true],
  [false, [], { NO_COLOR: '0', CLICOLOR_FORCE: '1' }, true],
  [true, [], { NO_COLOR: '' }, true],
  [true, [], { CLICOLOR_FORCE: '1' }, false],
  [true, [], { CLICOLOR_FORCE: '1', TERM: 'dumb' }, false],
  [false, [], { CLICOLOR_FORCE: '0' }, false],
  [false, [], { TERM: 'dumb' }, true],
])('colour is %s with %j %j, terminal: %s', async (color, argv, env, terminal) => {
  expect(await merged(argv, env, terminal)).toMatchObject({ color });
});

describe('refused', () => {
  test.each<[string[], Env, string, string | undefined]>([
    [['-o', 'jsn'], {}, '--output must be auto, pretty, json, yaml or text, not "jsn"', 'did you mean json?'],
    [[], { MOBIUS_OUTPUT: 'xml' }, 'MOBIUS_OUTPUT must be auto, pretty, json, yaml or text, not "xml"', undefined],
    [['--log-level', 'debgu'], {}, '--log-level must be error, warn or debug, not "debgu"', 'did you mean debug?'],
    [['-F', 'id,,name'], {}, '--fields must be names with commas between them', 'such as: -F id,name'],
  ])('%j %j', async (argv, env, message, hint) => {
    await expect(merged(argv, env)).rejects.toMatchObject({ code: 'usage', message, hint });
  });
});

test.each<[boolean, string[], Env, boolean]>([
  [true, [], {}, false],
  [false, [], {}, true],
  [true, ['a', '-o', 'json'], {}, true],
  [true, ['a', '-ojson'], {}, true],
  [true, ['a', '--output=json', '--nope'], {}, true],
  [false, ['a', '-o', 'text'], {}, false],
  [false, ['a', '-o', 'text'], { MOBIUS_OUTPUT: 'json' }, false],
  [true, ['a'], { MOBIUS_OUTPUT: 'json' }, true],
  [true, ['a', '-o', 'nonsense'], {}, false],
  [false, ['a', '-o'], {}, true],
])('an error is JSON: %s for %j %j, terminal: %s', (json, argv, env, terminal) => {
  expect(tellsJson(fakeIo({ argv, env, terminal }).io)).toBe(json);
});

test('--var', async () => {
  expect([...variablesFrom(await givenBy(['--var', 'A=1', '--var=B=x=y\nz', '--var', 'A=2']))]).toEqual([
    ['A', '2'],
    ['B', 'x=y\nz'],
  ]);
  for (const wrong of ['A', '=x', '1A=x', 'a-b=x', '']) {
    const given = await givenBy(['--var', wrong]);
    expect(() => variablesFrom(given)).toThrow('--var must be KEY=VALUE');
  }
});
