import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { globalFlags, globalsFrom } from '../../src/cli/globals.ts';
import { product } from '../../src/cli/product.ts';
import { run } from '../../src/cli/run.ts';
import { exits, kinds } from '../../src/errors.ts';
import { fakeIo } from './fake-io.ts';

interface Flag {
  name: string;
  type: string;
  short?: string;
  value?: string;
  choices?: string[];
  alias?: string;
  variable?: string;
  default?: string;
  negatable?: true;
  property?: string;
}

interface Command {
  words: string[];
  about: string;
  flags: Flag[];
  related: string[];
  operation?: { name: keyof typeof product.operations; method: string; path: string; permission?: string };
}

interface Whole {
  version: string;
  global_flags: Flag[];
  nouns: { name: string }[];
  short_ways: { name: string; words: string[] }[];
  commands: Command[];
  topics: { name: string }[];
  exit_codes: { code: number }[];
  error_codes: { code: keyof typeof kinds; exit_code: number; http_status: number }[];
}

const ajv = new Ajv2020({ allowUnionTypes: true });
ajv.addSchema(JSON.parse(readFileSync('schemas/help.schema.json', 'utf8')) as object, 'help');

const problemsOf = (value: unknown, part = ''): string | undefined => {
  const validate = ajv.getSchema(part === '' ? 'help' : `help#/$defs/${part}`);
  if (validate === undefined) throw new Error(`no schema of a ${part}`);
  return validate(value) === true ? undefined : ajv.errorsText(validate.errors);
};

const said = async (argv: readonly string[]): Promise<string> => {
  const { io, stdout, stderr } = fakeIo({ argv });
  expect({ code: await run(io), stderr: stderr() }).toEqual({ code: 0, stderr: '' });
  return stdout();
};

const told = async <T = Whole>(...argv: string[]): Promise<T> => JSON.parse(await said(argv)) as T;

let whole: Whole;
beforeAll(async () => {
  whole = await told('help', '--json');
});

const lines = Object.entries(product.commands).flatMap(([noun, verbs]) =>
  Object.entries(verbs).flatMap(([verb, { hidden }]) =>
    hidden === true ? [] : [verb === '' ? noun : `${noun} ${verb}`],
  ),
);

describe('mobius help --json', () => {
  test('is as its schema says', () => {
    expect(problemsOf(whole)).toBeUndefined();
    expect(problemsOf({ ...whole, more: 1 })).toBeDefined();
  });

  test('holds every command, noun, short way and topic, and none that no person types', () => {
    expect(whole.commands.map(({ words }) => words.join(' '))).toEqual(
      Object.keys(product.nouns).flatMap((noun) =>
        lines.filter((line) => line === noun || line.startsWith(`${noun} `)),
      ),
    );
    expect(whole.commands.map(({ words }) => words.join(' '))).not.toContain('vault agent');
    expect(whole.nouns.map(({ name }) => name)).toEqual(Object.keys(product.nouns));
    expect(whole.short_ways).toEqual(Object.entries(product.aliases).map(([name, words]) => ({ name, words })));
    expect(whole.topics.map(({ name }) => name)).toEqual(Object.keys(product.topics));
  });

  test('holds every global flag, exit code and error code', () => {
    expect(whole.global_flags.map(({ name }) => name)).toEqual(globalFlags.map(({ name }) => name));
    expect(whole.exit_codes.map(({ code }) => String(code))).toEqual(Object.keys(exits));
    for (const { code, exit_code, http_status } of whole.error_codes) {
      expect({ exit: exit_code, http: http_status }).toMatchObject({ exit: kinds[code].exit, http: kinds[code].http });
      expect(Object.keys(exits)).toContain(String(exit_code));
    }
    expect(whole.error_codes).toHaveLength(Object.keys(kinds).length);
  });

  test('holds every operation that a command is of, with its request and permission', () => {
    const asked = whole.commands.flatMap(({ operation }) => (operation === undefined ? [] : [operation]));
    expect(asked.length).toBeGreaterThan(50);
    for (const { name, method, path, permission } of asked) {
      expect({ method, path, permission }).toEqual({
        method: product.operations[name].method,
        path: product.operations[name].path,
        permission: product.operations[name].permission,
      });
    }
  });

  test('holds of each flag what its page says', async () => {
    for (const { words, flags } of whole.commands) {
      const page = await said(['help', ...words]);
      const [, own = ''] = /\nflags:\n((?: .*\n)*)/.exec(page) ?? [];
      const listed = [...own.matchAll(/^ {2}(?:-(\w), {1}| {4})--([\w-]+)(?:, --([\w-]+))?/gm)];
      expect(flags.map(({ short, name, alias }) => [short, name, alias])).toEqual(
        listed.map(([, short, name, alias]) => [short, name, alias]),
      );
    }
  });

  test('knows types, choices, and what a switch is turned off with', () => {
    const flagsOf = (line: string) =>
      new Map(whole.commands.find(({ words }) => words.join(' ') === line)?.flags.map((flag) => [flag.name, flag]));
    expect(flagsOf('principals update').get('state')).toMatchObject({
      type: 'string',
      choices: ['active', 'disabled'],
    });
    expect(flagsOf('api-keys create').get('expires-at')).toMatchObject({ type: 'time', property: 'expires_at' });
    expect(flagsOf('projects list').get('include-archived')).toMatchObject({ type: 'boolean', negatable: true });
    expect(flagsOf('principals update').get('role-ids')).toMatchObject({ type: 'strings', alias: 'role' });
  });
});

test.each([
  ['command', ['help', 'api-keys', 'create', '--json']],
  ['command', ['help', '--json', 'api-keys', 'create']],
  ['command', ['api-keys', 'create', '--help', '-o', 'json']],
  ['command', ['help', 'whoami', '-o', 'json']],
  ['command', ['help', 'run', '--json']],
  ['noun', ['help', 'secrets', '--json']],
  ['noun', ['secrets', 'help', '-o', 'json']],
  ['topic', ['help', 'targets', '--json']],
  ['topic', ['-o', 'json', 'help', 'targets']],
])('one %s alone: mobius %j', async (part, argv) => {
  const value = await told<Command>(...argv);
  expect(problemsOf(value, part)).toBeUndefined();
  expect(problemsOf(value)).toBeDefined();
  const isCommand = part === 'command';
  if (isCommand) expect(whole.commands).toContainEqual(value);
});

test('as YAML it is the same; for a pipe alone the page stays a page', async () => {
  expect(parse(await said(['help', '-o', 'yaml']))).toEqual(whole);
  const { io, stdout } = fakeIo({ argv: ['help', 'secrets'], env: { MOBIUS_OUTPUT: 'json' } });
  await run(io);
  expect(stdout()).toMatch(/^mobius secrets: /);
});

test('defaults of global flags are those that hold', async () => {
  const { io } = fakeIo({ argv: [] });
  const standard = new Map(globalFlags.map((flag) => [flag.name, flag.default]));
  expect(standard.get('log-level')).toBe((await globalsFrom(io, [])).logLevel);
  expect(standard.get('output')).toBe('auto');
  expect(standard.get('dialect')).toBe('mobius');
  expect(standard.get('project')).toBe(await product.projectOf(io, await globalsFrom(io, [])));
});

describe('what is related', () => {
  const known = [...lines, ...Object.keys(product.topics).map((topic) => `help ${topic}`)].map(
    (line) => `mobius ${line}`,
  );

  test('is there for every command and topic, and is a command or a topic itself, another one', async () => {
    for (const { words, related, about } of whole.commands) {
      expect(about.length, words.join(' ')).toBeGreaterThan(20);
      expect(related.length, words.join(' ')).toBeGreaterThan(0);
      expect(related.filter((line) => !known.includes(line))).toEqual([]);
      expect(related).not.toContain(`mobius ${words.join(' ')}`);
      expect(new Set(related).size).toBe(related.length);
    }
    for (const { name } of whole.topics) {
      const { related } = await told<Command>('help', name, '--json');
      expect(related.filter((line) => !known.includes(line))).toEqual([]);
      expect(related).not.toContain(`mobius help ${name}`);
    }
  });
});
