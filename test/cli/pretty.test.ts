import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import type { Answer, Shape } from '../../src/cli/answer.ts';
import type { Globals } from '../../src/cli/command.ts';
import { openRenderer } from '../../src/cli/show.ts';
import { fakeIo } from './fake-io.ts';

const render = async (
  answer: Answer,
  more: Partial<Globals> = {},
  columns = Number.POSITIVE_INFINITY,
): Promise<string> => {
  const globals = {
    asOwner: false,
    quiet: false,
    input: true,
    color: false,
    logLevel: 'warn',
    output: 'pretty',
  } as const;
  return (await openRenderer(fakeIo({ columns }).io, { ...globals, ...more }))(answer);
};

const shape: Shape = {
  list: true,
  shown: [
    { name: 'size', kind: 'integer' },
    { name: 'created_at', kind: 'time' },
    { name: 'state', kind: 'string' },
    { name: 'name', kind: 'string' },
    { name: 'id', kind: 'string' },
    { name: 'note', kind: 'string' },
    { name: 'roles', kind: 'strings' },
    { name: 'system', kind: 'boolean' },
    { name: 'expires_at', kind: 'time' },
  ],
};

const items = [
  {
    id: 'key_1',
    name: 'short',
    state: 'active',
    size: 3,
    created_at: '2025-12-31T22:00:00Z',
    system: false,
    roles: ['x'],
  },
  { id: 'key_22', name: '日本語', state: 'revoked', size: 12, created_at: '2025-12-29T00:00:00Z', system: true },
];
const list: Answer = { value: { items, has_more: false }, shape };

describe('a list', () => {
  test('columns that say most first, none that is empty, times as people say them', async () => {
    expect(await render(list)).toBe(
      [
        'NAME    STATE    ID      CREATED_AT   SIZE  SYSTEM',
        'short   active   key_1   2 hours ago  3     false',
        '日本語  revoked  key_22  3 days ago   12    true',
        '2 shown',
        '',
      ].join('\n'),
    );
  });

  test('columns stand under each other however wide the letters are', async () => {
    const names = ['a', '日本語', '👩‍👩‍👧', 'é', 'e\u0301', '한국', 'हिन्दी', 'a\u200bb', 'שלום', '\u1100\u1161'];
    const text = await render({ value: { items: names.map((name) => ({ id: 'x', name, state: '|' })) }, shape });
    const starts = text
      .split('\n')
      .slice(1, -2)
      .map((line) => stringWidth(line.slice(0, line.indexOf('|'))));
    expect(new Set(starts)).toEqual(new Set([starts[0]]));
  });

  test.each([
    [50, 'NAME    STATE    ID      CREATED_AT   SIZE  SYSTEM'],
    [49, 'NAME    STATE    ID      CREATED_AT   SIZE'],
    [45, 'NAME    STATE    ID      CREATED_AT   SIZE'],
  ])('in %d columns the last ones are left out, and nothing is cut', async (columns, head) => {
    const text = await render(list, {}, columns);
    const [first, ...rows] = text.split('\n');
    expect(first).toBe(head);
    expect(rows.slice(0, 2).map((row) => row.split(' ')[0])).toEqual(['short', '日本語']);
  });

  test('a column that is too wide makes way for those behind it', async () => {
    const value = { items: [{ name: 'a', state: 'x'.repeat(60), id: 'key_1' }] };
    expect(await render({ value }, {}, 60)).toBe('NAME  ID\na     key_1\n1 shown\n');
  });

  test.each([44, 20])('in %d columns one record stands below the other', async (columns) => {
    expect(await render(list, { fields: ['name', 'state', 'created_at'] }, columns)).toBe(
      [
        'name        short',
        'state       active',
        'created_at  2 hours ago',
        '',
        'name        日本語',
        'state       revoked',
        'created_at  3 days ago',
        '2 shown',
        '',
      ].join('\n'),
    );
  });

  test('what is written from right to left keeps to its column', async () => {
    const text = await render({ value: { items: [{ name: 'עברית', state: 'active' }] } });
    expect(text).toBe('NAME   STATE\n\u2068עברית\u2069  active\n1 shown\n');
  });

  test('-F: these columns, also those that are no scalar or empty', async () => {
    expect(await render(list, { fields: ['roles', 'id', 'note'] })).toBe(
      'ROLES  ID      NOTE\nx      key_1\n       key_22\n2 shown\n',
    );
  });

  test('how to see more', async () => {
    const value = { items, has_more: true, next_cursor: 'abc' };
    const more = (cursor: string): string => `mobius things list --cursor ${cursor}`;
    expect(await render({ value, shape, more })).toMatch(/\n2 shown; more: mobius things list --cursor abc\n$/);
  });

  test('without results', async () => {
    expect(await render({ value: { items: [] }, shape })).toBe('(no results)\n');
  });

  test('nothing in it reaches the terminal as a command', async () => {
    const text = await render({ value: { items: [{ id: 'x\x1b[2J', name: 'a\nkey_9  forged' }] }, shape });
    expect(text).toBe('NAME              ID\na\\nkey_9  forged  x\\u001b[2J\n1 shown\n');
  });
});

describe('an object', () => {
  const value = {
    id: 'key_1',
    state: 'active',
    expires_at: '2026-01-04T00:00:00Z',
    tags: { env: 'prod', team: 'core' },
    roles: ['Worker', 'Viewer'],
    metadata: { deep: { deeper: [1, { x: 2 }] }, text: 'a\x1bb' },
    gone: undefined,
  };

  test('key and value lines, what is nested below its key', async () => {
    expect(await render({ value })).toBe(
      [
        'id          key_1',
        'state       active',
        'expires_at  2026-01-04T00:00:00Z (in 3 days)',
        'tags        env=prod, team=core',
        'roles       Worker, Viewer',
        'metadata',
        '  deep',
        '    deeper  [1,{"x":2}]',
        '  text  a\\u001bb',
        '',
      ].join('\n'),
    );
  });

  test('in the order of its schema', async () => {
    const text = await render({ value: { name: 'b', id: 'a', other: 1 }, shape: { ...shape, list: false } });
    expect(text).toBe('name   b\nid     a\nother  1\n');
  });

  test('-F', async () => {
    expect(await render({ value }, { fields: ['state', 'id'] })).toBe('state  active\nid     key_1\n');
  });

  test('a one-time value stands whole on a line of its own', async () => {
    const key = `mbx_${'x'.repeat(300)}`;
    const text = await render({ value: { id: 'key_1', key, state: 'active' }, oneTime: key }, {}, 40);
    expect(text).toBe(`id     key_1\nstate  active\n\n${key}\n\n`);
    const nested = await render({ value: { principal: { id: 'p' }, key, api_key: { id: 'k' } }, oneTime: key }, {}, 40);
    expect(nested).toBe(`principal  id=p\napi_key    id=k\n\n${key}\n\n`);
  });
});

test('a text is a line', async () => {
  expect(await render({ value: 'a\x1bb' })).toBe('a\\u001bb\n');
});

test('colours are added to the same text', async () => {
  const plain = await render(list);
  const colored = await render(list, { color: true });
  expect(colored).toContain('\x1b[32mactive\x1b[39m');
  expect(colored).toContain('\x1b[31mrevoked\x1b[39m');
  expect(colored.replace(/\x1b\[\d+m/g, '')).toBe(plain);
});
