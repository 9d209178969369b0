import { expect, test } from 'vitest';
import { cell, quotedControls, visible } from '../../src/cli/visible.ts';

test.each([
  ['plain text, ümlaut, 日本語, 👩‍👩‍👧', 'plain text, ümlaut, 日本語, 👩‍👩‍👧'],
  ['\x1b[31mred\x1b[0m', '\\u001b[31mred\\u001b[0m'],
  ['a\nb\tc\rd', 'a\\nb\\tc\\rd'],
  ['\x07\x7f\x9b31m', '\\u0007\\u007f\\u009b31m'],
  ['user\u202etxt.exe', 'user\\u202etxt.exe'],
  ['\u2066a\u2069\u200f\u061c\u2028', '\\u2066a\\u2069\\u200f\\u061c\\u2028'],
])('%j is shown as %j', (text, shown) => {
  expect(visible(text)).toBe(shown);
});

test('a cell can be turned back', () => {
  expect(cell('a\\tb\tc')).toBe('a\\\\tb\\tc');
});

test('JSON keeps its values', () => {
  const value = { name: '\x9b31m\x7f\u2028é' };
  const json = quotedControls(JSON.stringify(value));
  expect(json).toMatch(/^[^\x7f-\x9f\u2028]*$/);
  expect(JSON.parse(json)).toEqual(value);
});
