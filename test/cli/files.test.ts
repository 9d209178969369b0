import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createReader, parseJson, readBody } from '../../src/cli/files.ts';
import { fakeIo, newFolder } from './fake-io.ts';

const none = new Map<string, string>();

const readerOf = (content: string | Uint8Array, variables: ReadonlyMap<string, string> = none) => {
  const cwd = newFolder();
  writeFileSync(join(cwd, 'file'), content);
  return createReader(fakeIo({ cwd, stdin: content }).io, variables);
};

const refused = async (work: Promise<unknown>): Promise<{ code: string; message: string; hint?: string }> => {
  try {
    await work;
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('it was not refused');
};

describe('what a value points at', () => {
  test.each([
    ['inline', 'inline'],
    ['', ''],
    ['@file', 'content\n'],
    ['@-', 'content\n'],
  ])('%j', async (value, text) => {
    expect(await readerOf('content\n').text(value)).toBe(text);
  });

  test.each([
    ['@missing', 'could not read "missing": no such file or directory'],
    ['@file/below', 'could not read "file/below": not a directory'],
    ['@', 'the name of a file must not be empty'],
  ])('%j is refused', async (value, message) => {
    expect(await refused(readerOf('').text(value))).toMatchObject({ code: 'usage', message });
  });

  test('a byte order mark is no part of the text', async () => {
    expect(await readerOf('\ufeff{}').file('file')).toBe('{}');
  });

  test('what is no UTF-8 is refused', async () => {
    const reader = readerOf(Uint8Array.of(0x66, 0xff));
    expect(await refused(reader.file('file'))).toMatchObject({ message: '"file" is not UTF-8 text' });
    expect(await refused(reader.file('-'))).toMatchObject({ message: 'standard input is not UTF-8 text' });
  });
});

describe('--var', () => {
  const variables = new Map([
    ['ENV', 'prod'],
    ['KEY', '$ENV'],
  ]);
  test.each([
    ['@{ENV} @ENV', 'prod prod'],
    ['@ENVIRONMENT @{ENVIRONMENT}', '@ENVIRONMENT @{ENVIRONMENT}'],
    ['@{secret:openai.api_key}', '@{secret:openai.api_key}'],
    ['x@ENV/@ENV-y', 'xprod/prod-y'],
    ['@KEY', '@ENV'],
    ['@@ENV @{ENV', '@prod @{ENV'],
    ['@1 @ @{}', '@1 @ @{}'],
  ])('%j becomes %j', async (at, expected) => {
    // Written with @ for $: to a linter the other looks like a template string gone wrong.
    const [text, replaced] = [at, expected].map((one) => one.replaceAll('@', '$')) as [string, string];
    expect(await readerOf(text, variables).file('file')).toBe(replaced);
    expect(await readerOf(text, variables).text('@-')).toBe(replaced);
  });

  test('a value on the command line stays as it is', async () => {
    expect(await readerOf('', variables).text('$ENV')).toBe('$ENV');
  });

  test('without any, nothing is replaced', async () => {
    expect(await readerOf('$ENV').file('file')).toBe('$ENV');
  });
});

describe('a body', () => {
  const known = ['name', 'description', 'expires_at', 'tags'];
  const body = { name: 'ci', expires_at: '2027-01-01T00:00:00Z', tags: { env: 'prod' } };

  test.each([
    ['JSON', JSON.stringify(body)],
    ['YAML', 'name: ci\nexpires_at: 2027-01-01T00:00:00Z\ntags:\n  env: prod\n'],
    ['YAML in braces', '{name: ci, expires_at: "2027-01-01T00:00:00Z", tags: {env: prod}}'],
  ])('as %s', async (_, text) => {
    expect(await readBody(readerOf(text), 'file', known)).toEqual({ value: body, isBare: false });
    expect(await readBody(readerOf(text), '-', known)).toEqual({ value: body, isBare: false });
  });

  test.each([
    [{ user: 'app', password: 'x' }, true],
    [{ name: 'Zoe', password: 'x' }, true],
    [{ port: 5432 }, true],
    [{ name: 'ci', description: 'x' }, false],
    [{ tags: { user: 'app' } }, false],
  ])('%j may stand bare for one property: %s', async (value, isBare) => {
    const text = JSON.stringify(value);
    expect(await readBody(readerOf(text), 'file', known, 'tags')).toEqual({ value, isBare });
  });

  test('is not bare where it mixes fields of the request with others', async () => {
    const text = '{"tags":{"a":"b"},"password":"x"}';
    expect(await refused(readBody(readerOf(text), 'file', known, 'tags'))).toMatchObject({
      message: 'unknown field "password"',
    });
  });

  test.each(['', '[]', 'null', '"text"', '12', '- a\n- b\n'])('%j is no object', async (text) => {
    expect(await refused(readBody(readerOf(text), 'file', known))).toMatchObject({
      message: '"file" must hold an object: the fields of the request',
    });
  });

  test('an unknown field is refused, with the one that was meant', async () => {
    expect(await refused(readBody(readerOf('{"nmae":1}'), 'file', known))).toMatchObject({
      code: 'invalid_input',
      message: 'unknown field "nmae"',
      hint: 'did you mean "name"?',
    });
    expect(await refused(readBody(readerOf('{"api_key":1}'), 'file', known))).toMatchObject({
      hint: 'the fields are name, description, expires_at, tags',
    });
    expect(await refused(readBody(readerOf('{"__proto__":{}}'), 'file', known))).toMatchObject({
      message: 'unknown field "__proto__"',
    });
  });

  test('what is wrong is told by its place, never by its text', async () => {
    const yaml = await refused(readBody(readerOf('name: a\nvalues: {hunter2: [hunter2}\n'), 'file', known));
    expect(yaml.message).toBe('"file" is neither valid JSON nor valid YAML at line 2, column 27');
    const json = await refused((async () => parseJson('{\n "a": 1 "hunter2"}', '--values'))());
    expect(json.message).toBe('--values is not valid JSON at line 2, column 9');
    const other = await refused((async () => parseJson('{"a": hunter2}', '--values'))());
    expect(other.message).toMatch(/^--values is not valid JSON/);
    expect([yaml, json, other].map(({ message, hint }) => `${message} ${hint}`).join()).not.toContain('hunter2');
  });

  test('a bomb of aliases is refused', async () => {
    const levels = Array.from(
      { length: 12 },
      (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join(', ')}]`,
    );
    const bomb = ['a0: &a0 [x, x, x, x]', ...levels].join('\n');
    expect(await refused(readBody(readerOf(bomb), 'file', known))).toMatchObject({
      message: '"file" holds too many YAML aliases',
    });
  });
});
