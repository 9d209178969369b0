import { parse as npmParse } from 'dotenv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MobiusError } from '../../src/errors.ts';
import { parseDotenv } from '../../src/use/dotenv.ts';
import { renderVariables } from '../../src/use/shells.ts';
import { anyValue, hostile, manyValues } from './hostile.ts';

const render = (variables: Record<string, string>): string => renderVariables('dotenv', variables, () => '');

const read = (text: string): Record<string, string> =>
  Object.fromEntries(parseDotenv(text, '".env"').map(({ name, value }) => [name, value]));

const rendered = (value: string): string | undefined => {
  try {
    return render({ NAME: value });
  } catch (error) {
    expect(error).toBeInstanceOf(MobiusError);
    return undefined;
  }
};

describe('what is written', () => {
  test('the npm package and we read alike, all values in one file', () => {
    const some = Object.entries(manyValues()).filter(([, value]) => rendered(value) !== undefined);
    const variables = Object.fromEntries(some);
    const text = render(variables);
    expect(npmParse(text)).toEqual(variables);
    expect(read(text)).toEqual(variables);
  });

  test('each value between two others, whatever it holds', () => {
    fc.assert(
      fc.property(anyValue, anyValue, (one, two) => {
        if (rendered(one) === undefined || rendered(two) === undefined) return;
        const variables = { A: one, B: two, C: "it's" };
        const text = render(variables);
        expect(read(text)).toEqual(variables);
        expect(npmParse(text)).toEqual(variables);
        expect(npmParse(text.replaceAll('\n', '\r\n'))).toEqual(read(text.replaceAll('\n', '\r\n')));
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['plain-1', 'NAME=plain-1'],
    ['', "NAME=''"],
    ['a b', "NAME='a b'"],
    ['a$b', "NAME='a$b'"],
    ["it's", 'NAME="it\'s"'],
    ["it's\ntwo", 'NAME="it\'s\\ntwo"'],
    ['a\rb', 'NAME="a\\rb"'],
    ['\'"', 'NAME=`\'"`'],
    ['a\'"`', 'NAME=a\'"`'],
    ['C:\\ a\\', 'NAME=C:\\ a\\'],
  ])('%j as %s', (value, text) => {
    expect(rendered(value)).toBe(`${text}\n`);
  });

  test.each(['\'"`', 'a\'"`#', 'a\'"`\n', ' \'"`', '\'"` ', 'a\'"` ', 'ends \n\\', '"\r', '\\\r'])(
    'no way to write %j',
    (value) => {
      expect(() => render({ NAME: value })).toThrow('the value of "NAME" cannot be written in a dotenv file');
    },
  );

  test('few are refused', () => {
    expect(hostile.filter((value) => rendered(value) === undefined).length).toBeLessThan(10);
  });
});

describe('what others write', () => {
  test.each<[string, Record<string, string>]>([
    ['', {}],
    ['\n\n  \n# a comment\n  # another', {}],
    ['A=1', { A: '1' }],
    ['\ufeffA=1\r\nB=2\r\n', { A: '1', B: '2' }],
    ['\ufeff# c\nA=1', { A: '1' }],
    ['A=1\rB=2', { A: '1', B: '2' }],
    ['export A=1\n  export   B = 2  ', { A: '1', B: '2' }],
    ['exported=1', { exported: '1' }],
    ['A: 1', { A: '1' }],
    ['A.b-c=1\n1=2', { 'A.b-c': '1', 1: '2' }],
    ['A=\nB=', { A: '', B: '' }],
    ['A= # comment\nB=x # comment\nC=x\t#comment', { A: '', B: 'x', C: 'x' }],
    ['A="x" # comment\nB=\'x\'#comment\nC=`x`  ', { A: 'x', B: 'x', C: 'x' }],
    ['A="#no" \nB=\'a # b\'', { A: '#no', B: 'a # b' }],
    ['A=pass#word\nB=#x', { A: 'pass#word', B: '#x' }],
    ["A='a\\nb\\'\nB='$x'", { A: 'a\\nb\\', B: '$x' }],
    ['A="a\\nb\\rc\\td\\\\e\\"f\\g"', { A: 'a\nb\rc\td\\e"f\\g' }],
    ['A="${B}"\nB=${A}$(id)', { A: '${B}', B: '${A}$(id)' }],
    ['A="one\ntwo\n"\nB=3', { A: 'one\ntwo\n', B: '3' }],
    ["A='one\r\n# two'\r\nB=3", { A: 'one\n# two', B: '3' }],
    ['A=a"b"c\nB=it\'s', { A: 'a"b"c', B: "it's" }],
    ['__proto__=x', Object.fromEntries([['__proto__', 'x']])],
    ['A=a=b==', { A: 'a=b==' }],
  ])('%j', (text, values) => {
    expect(read(text)).toEqual(values);
  });

  test('lines and repeated names are kept', () => {
    expect(parseDotenv('# c\nA="x\ny"\n\nB=1\nA=2', 'x')).toEqual([
      { name: 'A', value: 'x\ny', line: 2 },
      { name: 'B', value: '1', line: 5 },
      { name: 'A', value: '2', line: 6 },
    ]);
  });

  test.each([
    ['A=1\nhidden', 'line 2 of ".env" is not NAME=value'],
    ['A=1\nhidden stuff=2', 'line 2 of ".env" is not NAME=value'],
    ['export hidden', 'line 1 of ".env" is not NAME=value'],
    ['=hidden', 'line 1 of ".env" is not NAME=value'],
    ['\n\nA="hidden\n\nB=2', 'line 3 of ".env" opens a quote that nothing closes'],
    ["A='hidden", 'line 1 of ".env" opens a quote that nothing closes'],
    ['A="x"hidden', 'line 1 of ".env" has text after the closing quote'],
    ["A='it\\'s hidden'", 'line 1 of ".env" has text after the closing quote'],
    ['A=1\nB=hid\0den', 'line 2 of ".env" holds a NUL'],
  ])('%j is refused, with its line and without its text', (text, message) => {
    const attempt = () => parseDotenv(text, '".env"');
    expect(attempt).toThrow(expect.objectContaining({ code: 'usage', message }));
  });

  test('any text is read or refused, and never shown in an error', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'A=\'"`\\#\n\r \t:x$') }), (text) => {
        try {
          parseDotenv(text.replaceAll('x', 'hidden'), '".env"');
        } catch (error) {
          expect((error as MobiusError).code).toBe('usage');
          expect((error as MobiusError).message).not.toContain('hidden');
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('a large one is no trouble', () => {
    const big = 'y'.repeat(1_000_000);
    expect(read(`A="${big}\\\\"\n${'B=1\n'.repeat(5_000)}`)).toEqual({ A: `${big}\\`, B: '1' });
  });
});
