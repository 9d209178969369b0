import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quotedControls } from '../src/cli/visible.ts';
import { idPrefixes, isId, typeId } from '../src/core/ids.ts';
import { iso } from '../src/core/iso.ts';
import { formatKey, keyPattern, parseKey } from '../src/core/key-format.ts';
import { codePoints, handle, line } from '../src/formats.ts';
import { unnumbered } from '../src/store/parameters.ts';
import { isAddress } from '../src/vault-place.ts';

/** What is read by hand, because a pattern would be compiled at each start, takes what the pattern takes. */

const runs = { numRuns: 3000 };
const units = (alphabet: string): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 12 });
const odd = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      ...'aZ0 -_.~\t\n\r\x1f\x7f\x80\x9f\xa0\u061c\u2028\u2029\u202e\ufeff\ud83d\ude00\udbff\udfff'.split(''),
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
});

test('a handle', () => {
  fc.assert(
    fc.property(fc.oneof(units('ab09-'), units('aZ-é.'), odd), (text) => {
      expect(handle(text) === undefined).toBe(/^[a-z0-9]+(-[a-z0-9]+)*$/.test(text));
    }),
    runs,
  );
});

test('a line, and how long it is', () => {
  fc.assert(
    fc.property(odd, (text) => {
      const wrong = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text) || /[\ud800-\udfff]/u.test(text);
      expect(line(text) !== undefined).toBe(wrong);
      expect(codePoints(text)).toBe([...text].length);
    }),
    runs,
  );
});

test('a document as it is shown', () => {
  fc.assert(
    fc.property(odd, (text) => {
      const obeyed = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
      const shown = text.replace(obeyed, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
      expect(quotedControls(text)).toBe(shown);
    }),
    runs,
  );
});

test('a key', () => {
  const pattern = new RegExp(keyPattern);
  const part = (alphabet: string, min: number, max: number): fc.Arbitrary<string> =>
    fc.string({ unit: fc.constantFrom(...alphabet), minLength: min, maxLength: max });
  const near = fc
    .tuple(part('ab_0A', 0, 12), part('aZ09', 40, 58), fc.oneof(fc.constant(''), part('a0-.', 0, 9)), fc.boolean())
    .map(([prefix, body, end, dot]) => prefix + body + (dot ? '.' : '') + end);
  const good = fc
    .tuple(fc.constantFrom('mbx_', 'a_', 'acme_prod1_'), fc.uint8Array({ minLength: 32, maxLength: 32 }), units('a0-.'))
    .chain(([prefix, random, end]) => {
      const key = formatKey(prefix, random);
      const at = fc.nat(key.length - 1);
      const broken = fc.tuple(at, odd).map(([where, put]) => key.slice(0, where) + put + key.slice(where + 1));
      return fc.oneof(fc.constant(key), fc.constant(`${key}.${end}`), broken);
    });
  let taken = 0;
  fc.assert(
    fc.property(fc.oneof(near, good, odd), (text) => {
      const [, prefix, body, check, project] = pattern.exec(text) ?? [];
      const parsed = parseKey(text);
      expect(parsed.ok || parsed.reason === 'checksum').toBe(prefix !== undefined);
      if (prefix !== undefined) taken += 1;
      if (!parsed.ok) return;
      expect(parsed).toEqual({
        ok: true,
        key: `${prefix}${body}${check}`,
        prefix,
        ...(project === undefined ? {} : { project }),
      });
    }),
    runs,
  );
  expect(taken).toBeGreaterThan(300);
});

test('an id of a kind', () => {
  const [kind, ...others] = Object.values(idPrefixes);
  const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((uuid) => typeId(kind ?? '', uuid));
  fc.assert(
    fc.property(id, fc.nat(29), odd, (text, at, put) => {
      expect(isId(text, kind ?? '')).toBe(true);
      for (const other of ['', ...others]) expect(isId(text, other)).toBe(false);
      const broken = text.slice(0, at) + put + text.slice(at + 1);
      expect(isId(broken, kind ?? '')).toBe(/^prj_[0-7][0-9a-hjkmnp-tv-z]{25}$/.test(broken));
    }),
  );
  expect(() => typeId('Plainly', new Uint8Array(16))).toThrow("can't be the prefix of an id");
});

test('a time', () => {
  const times = fc.oneof(
    fc.integer({ min: -1e15, max: 1e15 }),
    fc.integer({ min: 0, max: 4e9 }).map((one) => one * 1000),
  );
  fc.assert(
    fc.property(times, (time) => {
      expect(iso(time)).toBe(new Date(time).toISOString().replace('.000Z', 'Z'));
    }),
    runs,
  );
  expect(() => iso(Number.NaN)).toThrow(RangeError);
});

test('the parameters of a statement', () => {
  fc.assert(
    fc.property(units('$1290 a?'), (sql) => {
      expect(unnumbered(sql)).toEqual({
        text: sql.replace(/\$(\d+)/g, '?'),
        occurrences: Array.from(sql.matchAll(/\$(\d+)/g), ([, number]) => Number(number)),
      });
    }),
    runs,
  );
});

test.each([
  'postgres://h/d',
  'postgresql://h/d',
  'postgres:/h',
  'postgresq://h',
  'Postgres://h',
  ' postgres://h',
  'vault.db',
])('the address of a database: %s', (place) => {
  expect(isAddress(place)).toBe(/^postgres(ql)?:\/\//.test(place));
});
