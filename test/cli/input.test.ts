import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Field } from '../../src/cli/command.ts';
import { createReader } from '../../src/cli/files.ts';
import type { Flag } from '../../src/cli/flags.ts';
import { argumentValue, extraValues, inputFromFlags, withoutSecrets } from '../../src/cli/input.ts';
import type { Given } from '../../src/cli/line.ts';
import { fakeIo, newFolder, now } from './fake-io.ts';

const field = (kind: Field['kind'], more: Partial<Field> = {}): Field => ({
  name: 'the_field',
  kind,
  in: 'body',
  required: false,
  description: '',
  ...more,
});

const source = (cwd = '/nowhere') => ({
  reader: createReader(fakeIo({ cwd, stdin: '{"from":"stdin"}' }).io, new Map()),
  now,
});

const flagOf = (of: Field, more: Partial<Flag> = {}): Flag => ({
  name: 'the-flag',
  from: 'input',
  field: of,
  description: '',
  ...more,
});

const convert = async (of: Field, values: readonly string[], cwd?: string): Promise<unknown> => {
  const given = values.map((value): Given<Flag> => ({ flag: flagOf(of, { value: 'X' }), value }));
  return (await inputFromFlags(given, source(cwd))).the_field;
};

describe('a flag becomes', () => {
  test.each<[Field['kind'], readonly string[], unknown]>([
    ['string', ['text'], 'text'],
    ['string', ['a', 'b'], 'b'],
    ['string', [''], ''],
    ['string', ['@not-a-file'], '@not-a-file'],
    ['integer', ['12'], 12],
    ['integer', ['-1'], -1],
    ['integer', ['007'], 7],
    ['time', ['90d'], '2026-04-01T00:00:00Z'],
    ['strings', ['a', 'b,c', ' d , e '], ['a', 'b', 'c', 'd', 'e']],
    ['strings', [''], []],
    ['strings', ['', 'a'], ['a']],
    ['tags', ['a=1', 'b=2=3', 'c='], { a: '1', b: '2=3', c: '' }],
    ['tags', ['a=1', 'a=2'], { a: '2' }],
    ['tags', [''], {}],
    ['json', ['{"a":[1,null]}'], { a: [1, null] }],
    ['json', ['@-'], { from: 'stdin' }],
  ])('%s %j: %j', async (kind, values, expected) => {
    expect(await convert(field(kind), values)).toEqual(expected);
  });

  test("a file's JSON", async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'values.json'), '{"a":"b"}');
    expect(await convert(field('json'), ['@values.json'], folder)).toEqual({ a: 'b' });
  });

  test('a switch, the last one counting', async () => {
    const on = flagOf(field('boolean'));
    const off = flagOf(field('boolean'), { name: 'no-the-flag', negates: true });
    const same = { ...off, field: on.field ?? field('boolean') };
    expect(await inputFromFlags([{ flag: on }], source())).toEqual({ the_field: true });
    expect(await inputFromFlags([{ flag: off }], source())).toEqual({ the_field: false });
    expect(await inputFromFlags([{ flag: same }, { flag: on }], source())).toEqual({ the_field: true });
    expect(await inputFromFlags([{ flag: on }, { flag: same }], source())).toEqual({ the_field: false });
  });

  test('an own property, whatever its key', async () => {
    const tags = (await convert(field('tags'), ['__proto__=x'])) as object;
    expect(Object.keys(tags)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(tags)).toBe(Object.prototype);
  });
});

describe('a flag is refused', () => {
  test.each<[Field['kind'], string, string, string?]>([
    ['integer', '1.5', '--the-flag must be a whole number, not "1.5"'],
    ['integer', '', '--the-flag must be a whole number, not ""'],
    ['integer', '0x10', '--the-flag must be a whole number, not "0x10"'],
    ['integer', '9007199254740993', '--the-flag must be a whole number, not "9007199254740993"'],
    ['time', 'soon', '--the-flag must be a time such as 2027-01-01T00:00:00Z or a duration such as 90d, not "soon"'],
    ['tags', 'env', '--the-flag must be KEY=VALUE, not "env"', 'such as: --the-flag env=production'],
    ['tags', '=x', '--the-flag must be KEY=VALUE, not "=x"', 'such as: --the-flag env=production'],
    ['json', '{', '--the-flag is not valid JSON at line 1, column 2'],
  ])('%s %j', async (kind, value, message, hint) => {
    await expect(convert(field(kind), [value])).rejects.toMatchObject({ code: 'usage', message, hint });
  });

  test.each<[Field['kind'], string, string, string | undefined]>([
    ['string', 'activ', '--the-flag must be active or disabled, not "activ"', 'did you mean active?'],
    ['string', 'purple', '--the-flag must be active or disabled, not "purple"', undefined],
    ['strings', 'active,disable', '--the-flag must be active or disabled, not "disable"', 'did you mean disabled?'],
  ])('%s %j of an enum', async (kind, value, message, hint) => {
    const chosen = field(kind, { enum: ['active', 'disabled'] });
    await expect(convert(chosen, [value])).rejects.toMatchObject({ message, hint });
  });
});

test('an argument is converted like a flag, under its own name', async () => {
  expect(await argumentValue('<count>', field('integer'), '3', source())).toBe(3);
  await expect(argumentValue('<count>', field('integer'), 'x', source())).rejects.toThrow(
    '<count> must be a whole number, not "x"',
  );
});

describe('extra flags', () => {
  const extra = (name: string, more: Partial<Flag> = {}): Flag => ({ name, from: 'extra', description: '', ...more });

  test('are collected by name', async () => {
    const values = await extraValues([
      { flag: extra('with-key') },
      { flag: extra('key-name', { value: 'NAME' }), value: 'a' },
      { flag: extra('env', { value: 'NAME', repeatable: true }), value: 'A' },
      { flag: extra('env', { value: 'NAME', repeatable: true }), value: 'B' },
      { flag: flagOf(field('string')), value: 'not an extra one' },
    ]);
    expect(values).toEqual({ 'with-key': true, 'key-name': 'a', env: ['A', 'B'] });
  });

  test('keep to their choices', async () => {
    const flag = extra('format', { value: 'F', choices: ['sh', 'fish'] });
    await expect(extraValues([{ flag, value: 'fishy' }])).rejects.toMatchObject({
      message: '--format must be sh or fish, not "fishy"',
      hint: 'did you mean fish?',
    });
  });
});

test('no secret value stands in what a dry run prints', () => {
  const fields = [
    field('string', { name: 'id', in: 'path' }),
    field('string', { name: 'name' }),
    field('json', { name: 'values', secret: true }),
    field('string', { name: 'key', secret: true }),
  ];
  const input = { id: 'x', name: 'openai', values: { api_key: 'sk-1', more: [{ deep: 'sk-2' }], n: 3 }, key: 'sk-4' };
  expect(withoutSecrets(input, fields)).toEqual({
    name: 'openai',
    values: { api_key: '***REDACTED***', more: [{ deep: '***REDACTED***' }], n: '***REDACTED***' },
    key: '***REDACTED***',
  });
});
