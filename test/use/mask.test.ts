import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeMask, patternsOf } from '../../src/use/mask.ts';

const masked = (values: readonly string[], chunks: readonly Uint8Array[]): Buffer => {
  const { push, end } = makeMask(values);
  return Buffer.concat([...chunks.map(push), end()]);
};

const text = (values: readonly string[], ...chunks: string[]): string =>
  masked(
    values,
    chunks.map((chunk) => Buffer.from(chunk)),
  ).toString();

/** The same in the plainest way: look everywhere, join what overlaps. */
const oracle = (values: readonly string[], whole: Buffer): Buffer => {
  const places: [number, number][] = [];
  for (const pattern of patternsOf(values)) {
    for (let at = whole.indexOf(pattern); at !== -1; at = whole.indexOf(pattern, at + 1)) {
      places.push([at, at + pattern.length]);
    }
  }
  const parts: Buffer[] = [];
  let done = 0;
  places.sort(([a, b], [c, d]) => a - c || d - b);
  for (const [from, to] of places) {
    if (from >= done || parts.length === 0) {
      parts.push(whole.subarray(done, from), Buffer.from('***'));
      done = to;
    } else {
      done = Math.max(done, to);
    }
  }
  return Buffer.concat([...parts, whole.subarray(done)]);
};

const cut = (whole: Buffer, sizes: readonly number[]): Buffer[] => {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(whole.subarray(at, at + size));
    at += size;
  }
  return [...chunks, whole.subarray(at)];
};

describe('what is masked', () => {
  test.each([
    ['the value', ['s3cret'], 'a s3cret!', 'a ***!'],
    ['every time', ['s3cret'], 's3crets3cret s3cret', '****** ***'],
    ['the longer of two', ['s3cr', 's3cret'], 's3cret s3cre', '*** ***e'],
    ['what overlaps, as one', ['abcabc', 'cabcd'], 'xabcabcdx', 'x***x'],
    ['a run of itself, as one', ['aaaa'], 'baaaaaaaab', 'b***b'],
    ['one inside another that ends otherwise', ['bcde', 'abcdefgh'], 'abcdefgx', 'a***fgx'],
    ['none of fewer than four bytes', ['abc', ''], 'abc', 'abc'],
    ['four bytes of fewer characters', ['ää'], 'ää', '***'],
    ['the lines of a value', ['first line\r\n  second \nx'], 'first line\n\tsecond\nx', '***\n\t***\nx'],
    ['a value of short lines as a whole', ['ab\ncd'], 'ab\ncd ab', '*** ab'],
    ['a value without the space around it', [' s3cret\n'], '[s3cret]', '[***]'],
    ['nothing', [], 'anything', 'anything'],
  ])('%s', (_, values, input, output) => {
    expect(text(values, input)).toBe(output);
  });

  test('wherever the output is cut', () => {
    const whole = 'before s3cret after s3cre';
    for (let at = 0; at <= whole.length; at++) {
      expect(text(['s3cret'], whole.slice(0, at), whole.slice(at))).toBe('before *** after s3cre');
    }
  });

  test('in bytes that are no text', () => {
    const noise = Buffer.from([0, 255, 254, 0xc3, 0, 10, 13, 128]);
    expect(masked(['s3cret'], [noise, Buffer.from('s3cret'), noise])).toEqual(
      Buffer.concat([noise, Buffer.from('***'), noise]),
    );
  });

  test('as looking everywhere finds it, in any pieces', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'ä', '\n', ' '), minLength: 0, maxLength: 9 });
    const piece = fc.oneof(word, fc.nat({ max: 4 }));
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 6 }),
        fc.array(piece, { maxLength: 20 }),
        fc.array(fc.nat({ max: 7 }), { maxLength: 20 }),
        (values, pieces, sizes) => {
          const said = pieces.map((one) => (typeof one === 'number' ? (values[one] ?? '') : one)).join('');
          const whole = Buffer.from(said);
          const expected = oracle(values, whole).toString();
          expect(masked(values, cut(whole, sizes)).toString()).toBe(expected);
          expect(
            masked(
              values,
              [...whole].map((byte) => Uint8Array.of(byte)),
            ).toString(),
          ).toBe(expected);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('what is held back', () => {
  const said = (values: readonly string[], ...chunks: string[]): string[] => {
    const { push, end } = makeMask(values);
    return [...chunks.map((chunk) => push(Buffer.from(chunk))), end()].map((part) => Buffer.from(part).toString());
  };

  test('is only what may become a value', () => {
    expect(said(['s3cret'], 'Name: ', 'users', 'ss3', 'cr', 'et', '!')).toEqual([
      'Name: ',
      'user',
      'ss',
      '',
      '***',
      '!',
      '',
    ]);
  });

  test('is given back when it became none', () => {
    expect(said(['s3cret'], 's3cre', 'm', 's3')).toEqual(['', 's3crem', '', 's3']);
  });

  test('is not a value that is whole', () => {
    expect(said(['aaaa'], 'aaaa', 'aa', 'b')).toEqual(['***', '', 'b', '']);
  });
});

describe('long values', () => {
  const mebibyte = 1 << 20;
  const long = `${'a'.repeat(mebibyte - 1)}b`;

  test('of a mebibyte, in output that nearly holds them again and again', () => {
    const near = Buffer.from('a'.repeat(65536));
    const out = masked([long], [...Array.from({ length: 32 }, () => near), Buffer.from('b')]);
    expect(out.length).toBe(mebibyte + 1 + 3);
    expect(out.subarray(-4).toString()).toBe('a***');
  });

  test('a byte at a time', () => {
    const { push } = makeMask([long]);
    let given = 0;
    for (const byte of Buffer.from(long)) given += push(Uint8Array.of(byte)).length;
    expect(given).toBe(3);
  });

  test('and fifty at once', () => {
    const values = Array.from({ length: 50 }, (_, at) => `${'x'.repeat(20_000)}${at}y`);
    expect(text(values, `${'x'.repeat(1_000_000)}7y, ${values.join(' ')}`)).toBe(
      `${'x'.repeat(980_000)}***, ${Array.from(values, () => '***').join(' ')}`,
    );
  });
});
