import { expect, test } from 'vitest';
import type { ExtraFlag } from '../../src/cli/command.ts';
import { readLine } from '../../src/cli/line.ts';

const flags: readonly ExtraFlag[] = [
  { name: 'description', short: 'd', value: 'TEXT', description: '' },
  { name: 'tag', value: 'K=V', description: '', repeatable: true },
  { name: 'quiet', short: 'q', description: '' },
];

const read = async (args: readonly string[], stopAtWord = false) => {
  const { given, words, unknown } = await readLine(args, flags, { stopAtWord, help: 'mobius x --help' });
  return { given: given.map(({ flag, value }) => [flag.name, value]), words, unknown };
};

const nothing = { given: [], words: [], unknown: undefined };

test.each([
  [[], nothing],
  [['a', 'b'], { ...nothing, words: ['a', 'b'] }],
  [
    ['--quiet', 'a', '-q'],
    {
      ...nothing,
      given: [
        ['quiet', undefined],
        ['quiet', undefined],
      ],
      words: ['a'],
    },
  ],
  [['--description', 'text'], { ...nothing, given: [['description', 'text']] }],
  [['--description=text'], { ...nothing, given: [['description', 'text']] }],
  [['--description='], { ...nothing, given: [['description', '']] }],
  [['--description', ''], { ...nothing, given: [['description', '']] }],
  [['-d', 'text'], { ...nothing, given: [['description', 'text']] }],
  [['-dtext'], { ...nothing, given: [['description', 'text']] }],
  [
    ['-qd', 'text'],
    {
      ...nothing,
      given: [
        ['quiet', undefined],
        ['description', 'text'],
      ],
    },
  ],
  [['--description', '-q'], { ...nothing, given: [['description', '-q']] }],
  [['--description', '--quiet'], { ...nothing, given: [['description', '--quiet']] }],
  [
    ['--tag', 'a=b=c', '--tag=d=e'],
    {
      ...nothing,
      given: [
        ['tag', 'a=b=c'],
        ['tag', 'd=e'],
      ],
    },
  ],
  [['--', '-q', '--tag'], { ...nothing, words: ['-q', '--tag'] }],
  [['-'], { ...nothing, words: ['-'] }],
  [['--nope', '-q'], { ...nothing, given: [['quiet', undefined]], unknown: '--nope' }],
  [['--nope=x'], { ...nothing, unknown: '--nope' }],
  [['--quiet=yes'], { ...nothing, unknown: '--quiet' }],
  [['-x'], { ...nothing, unknown: '-x' }],
  [['--__proto__'], { ...nothing, unknown: '--__proto__' }],
])('%j', async (args, expected) => {
  expect(await read(args)).toEqual(expected);
});

test.each([
  [['-q', 'noun', '-q', '--nope'], { ...nothing, given: [['quiet', undefined]], words: ['noun', '-q', '--nope'] }],
  [['--nope', 'noun'], { ...nothing, unknown: '--nope' }],
  [['--', 'noun', '-q'], { ...nothing, words: ['noun', '-q'] }],
  [['noun', '-q', '--nope'], { ...nothing, words: ['noun', '-q', '--nope'] }],
])('up to the first word: %j', async (args, expected) => {
  expect(await read(args, true)).toEqual(expected);
});

test.each([
  [['--description'], '--description needs a value'],
  [['-qd'], '-d needs a value'],
])('a value is missing: %j', async (args, message) => {
  await expect(read(args)).rejects.toThrow(
    expect.objectContaining({ code: 'usage', message, hint: 'see its flags: mobius x --help' }),
  );
});
