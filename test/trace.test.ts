import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { traceOf } from '../src/trace.ts';

const folder = mkdtempSync(join(tmpdir(), 'mobius-trace-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const failing = (stack: string): Error => Object.assign(new Error('plainly fake'), { stack });

/** A program of one line, of which the fifth column is from the third line of its source. */
const program = (name: string, map: string): string => {
  const path = join(folder, name);
  writeFileSync(path, 'a();b();');
  writeFileSync(`${path}.map`, map);
  return path;
};

test('a line of a program with a map is the line of its source, and every other is as it was', () => {
  const mapped = program(
    'one.cjs',
    JSON.stringify({ version: 3, sources: ['src/a.ts'], names: [], mappings: 'AAAA,IAEA' }),
  );
  const other = join(folder, 'other.cjs');
  const stack = [
    'Error: plainly fake',
    `    at Object.b (${mapped}:1:6)`,
    `    at ${mapped}:1:1`,
    `    at async c (${other}:1:6)`,
    '    at process.emit (node:events:524:28)',
  ];
  expect(traceOf(failing(stack.join('\n'))).split('\n')).toEqual([
    stack[0],
    '    at src/a.ts:3',
    '    at src/a.ts:1',
    ...stack.slice(3),
  ]);
});

test.each(['', 'no JSON', '{}', '{"version":3,"sources":1,"mappings":2}'])(
  'a map that says %j leaves the line as it is',
  (map) => {
    const stack = `Error\n    at b (${program(`broken-${map.length}.cjs`, map)}:1:6)`;
    expect(traceOf(failing(stack))).toBe(stack);
  },
);

test('it never fails, and takes no long line apart', () => {
  for (const thrown of [Object.create(null), null, undefined, 1n, Symbol('fake'), 'text', {}]) {
    expect(typeof traceOf(thrown)).toBe('string');
  }
  const long = `    at ${' ('.repeat(200_000)}x.cjs:1:2)`;
  expect(traceOf(failing(long))).toBe(long);
});
