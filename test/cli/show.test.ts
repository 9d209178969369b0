import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Answer, type Shape, without } from '../../src/cli/answer.ts';
import type { Globals } from '../../src/cli/command.ts';
import { checkFields, openRenderer } from '../../src/cli/show.ts';
import { fakeIo } from './fake-io.ts';

const globals = (more: Partial<Globals>): Globals => ({
  asOwner: false,
  output: 'json',
  quiet: false,
  input: true,
  color: false,
  logLevel: 'warn',
  ...more,
});

const render = async (answer: Answer, more: Partial<Globals> = {}): Promise<string> =>
  (await openRenderer(fakeIo().io, globals(more)))(answer);

const shape = (list: boolean): Shape => ({
  list,
  shown: [
    { name: 'id', kind: 'string' },
    { name: 'name', kind: 'string' },
    { name: 'uses', kind: 'integer' },
    { name: 'roles', kind: 'strings' },
    { name: 'tags', kind: 'object' },
    { name: 'expires_at', kind: 'time' },
  ],
});

const one = { id: 'key_1', name: 'a\tb\\c\nd\x1b[2J', roles: ['x', 'y'], tags: { env: 'prod' }, uses: 0 };
const two = { id: 'key_2', name: '日本', expires_at: '2027-01-01T00:00:00Z' };
const object: Answer = { value: one, shape: shape(false) };
const list: Answer = { value: { items: [one, two], has_more: true, next_cursor: 'c' }, shape: shape(true) };
const issued: Answer = { value: { ...one, key: 'mbx_secret' }, shape: shape(false), oneTime: 'mbx_secret' };

describe('json', () => {
  test('two spaces, a final line end, the value as it is', async () => {
    expect(await render({ value: { id: 'a', n: [1] } })).toBe('{\n  "id": "a",\n  "n": [\n    1\n  ]\n}\n');
    expect(JSON.parse(await render(list))).toEqual(list.value);
  });

  test('no byte that a terminal obeys', async () => {
    const value = { name: '\x1b[2J\x9b2J\x7f' };
    const text = await render({ value });
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(JSON.parse(text)).toEqual(value);
  });

  test('-F picks and orders, and keeps the envelope of a list', async () => {
    expect(await render(object, { fields: ['uses', 'id'] })).toBe('{\n  "uses": 0,\n  "id": "key_1"\n}\n');
    expect(JSON.parse(await render(list, { fields: ['id', 'expires_at'] }))).toEqual({
      items: [{ id: 'key_1' }, { id: 'key_2', expires_at: two.expires_at }],
      has_more: true,
      next_cursor: 'c',
    });
  });
});

describe('yaml', () => {
  test('reads back as the same value', async () => {
    const value = { ...one, more: '\x9b2J', text: 'a: b', long: 'word '.repeat(60) };
    const text = await render({ value }, { output: 'yaml' });
    expect(text).toMatch(/^id: key_1\n/);
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(parse(text)).toEqual(value);
  });

  test('-F', async () => {
    expect(await render(list, { output: 'yaml', fields: ['id'] })).toBe(
      'items:\n  - id: key_1\n  - id: key_2\nhas_more: true\nnext_cursor: c\n',
    );
  });
});

describe('text', () => {
  test('a list: one line an item, its scalar fields between tabs', async () => {
    expect(await render(list, { output: 'text' })).toBe(
      'key_1\ta\\tb\\\\c\\nd\\u001b[2J\t0\t\nkey_2\t日本\t\t2027-01-01T00:00:00Z\n',
    );
  });

  test('an object: one line a field', async () => {
    expect(
      await render({ value: { id: 'a', tags: { k: 'v' }, roles: ['x', 'y'], gone: undefined } }, { output: 'text' }),
    ).toBe('id\ta\ntags\t{"k":"v"}\nroles\tx,y\n');
  });

  test('-F: values alone, in the order asked for', async () => {
    expect(await render(object, { output: 'text', fields: ['uses', 'id', 'expires_at'] })).toBe('0\tkey_1\t\n');
    expect(await render(list, { output: 'text', fields: ['expires_at', 'id'] })).toBe(
      '\tkey_1\n2027-01-01T00:00:00Z\tkey_2\n',
    );
  });

  test('without a schema the fields are those that are there', async () => {
    expect(await render({ value: [{ a: 1 }, { b: true, a: 2 }] }, { output: 'text' })).toBe('1\t\n2\ttrue\n');
  });

  test('an empty list is empty', async () => {
    expect(await render({ value: { items: [] }, shape: shape(true) }, { output: 'text' })).toBe('');
  });
});

describe('-q', () => {
  test.each<[string, Answer, string]>([
    ['the one-time value alone', issued, 'mbx_secret\n'],
    ['else the id', object, 'key_1\n'],
    ['the ids of a list', list, 'key_1\nkey_2\n'],
    ['nothing where there is no id', { value: { valid: true } }, ''],
    ['nothing for an empty list', { value: { items: [] } }, ''],
    ['the id of what was shown in another shape', { value: { principal: { id: 'x' } }, id: 'prin_1' }, 'prin_1\n'],
  ])('%s', async (_, answer, expected) => {
    expect(await render(answer, { quiet: true })).toBe(expected);
    expect(await render(answer, { quiet: true, output: 'pretty' })).toBe(expected);
  });
});

test('nothing answered is nothing shown', async () => {
  for (const output of ['json', 'yaml', 'text', 'pretty'] as const) {
    expect(await render({ value: undefined }, { output })).toBe('');
  }
});

describe('-F is checked first', () => {
  const known = ['id', 'name', 'state'];
  test.each<[Partial<Globals>, readonly string[] | undefined, string, string]>([
    [{ fields: ['stat'] }, known, 'no field "stat" to show', 'did you mean "state"? the fields are id, name, state'],
    [{ fields: ['id', 'colour'] }, known, 'no field "colour" to show', 'the fields are id, name, state'],
    [{ fields: ['id'], quiet: true }, known, '-q and -F exclude each other', 'leave one of them out'],
  ])('%j', async (more, names, message, hint) => {
    await expect(checkFields(globals(more), names)).rejects.toMatchObject({ code: 'usage', message, hint });
  });

  test('where there are none', async () => {
    await expect(checkFields(globals({ fields: ['id'] }), [])).rejects.toThrow('this command shows no fields');
  });

  test('and what is right passes', async () => {
    await checkFields(globals({ fields: ['name', 'id'] }), known);
    await checkFields(globals({ fields: ['anything'] }), undefined);
    await checkFields(globals({ quiet: true }), known);
  });
});

test('a one-time value can be left out, however deep it stands', () => {
  expect(without({ a: 'key', b: { c: 'key', d: ['x', { e: 'key' }] }, f: 1 }, 'key')).toEqual({
    b: { d: ['x', {}] },
    f: 1,
  });
});
