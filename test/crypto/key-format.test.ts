import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatKey,
  formatPlainKey,
  isKeyPrefix,
  keyPattern,
  keyPrefix,
  keySuffix,
  parseKey,
} from '../../src/core/key-format.ts';
import { MobiusError } from '../../src/errors.ts';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const randoms = fc.uint8Array({ minLength: 32, maxLength: 32 });
const prefixes = fc.stringMatching(/^[a-z][a-z0-9]{0,4}(_[a-z0-9]{1,4})?_$/);
const keys = fc.tuple(prefixes, randoms).map(([prefix, random]) => formatKey(prefix, random));
const handles = fc.stringMatching(/^[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}$/);
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const whole = new RegExp(keyPattern);

// Made with Python: int.from_bytes, divmod and zlib.crc32.
const known = [
  [
    'mbx_',
    '0000000000000000000000000000000000000000000000000000000000000000',
    'mbx_00000000000000000000000000000000000000000003nUPDY',
  ],
  [
    'mbx_',
    'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    'mbx_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp11qZYKq',
  ],
  [
    'mbv_',
    '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    'mbv_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2Mb7x3',
  ],
  [
    'mbc_',
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'mbc_rzWtdMwJelxEeMmeB0EiiEGkAYggupnSUjWEepHLxI53hNvYP',
  ],
  [
    'mutx_live_',
    '0000000000000000000000000000000000000000000000000000000000000001',
    'mutx_live_00000000000000000000000000000000000000000010X28a5',
  ],
  [
    'a_',
    '8000000000000000000000000000000000000000000000000000000000000000',
    'a_ULrwNTJa3CHVaAVmO8lHlO4Afd3drtx651MXvhT4GuW1jiHEc',
  ],
  [
    'acme_prod1_',
    'fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0',
    'acme_prod1_yhgIGB9quGfHP8Y83EcC2im5kZukTeYkpb69aekqK3M1yLgqg',
  ],
  // A small checksum: the zeros before it stay.
  [
    'mbx_',
    'd4c2ea3c5f634412ee2da81444992bcf2ff866675fddc79a39a185480c635848',
    'mbx_oS2YRslzf3VpZtDpTh2P0ptFHqmON9BrcikhiV5lqGW000eKG',
  ],
] as const;

const sample = 'mbx_oS2YRslzf3VpZtDpTh2P0ptFHqmON9BrcikhiV5lqGW000eKG';

describe('formatKey and parseKey', () => {
  it.each(known)('make and take the known key %s %s', (prefix, random, key) => {
    expect(formatKey(prefix, bytes(random))).toBe(key);
    expect(parseKey(key)).toEqual({ ok: true, key, prefix });
    expect(key).toMatch(whole);
  });

  it('are inverse, with a handle and without', () => {
    fc.assert(
      fc.property(prefixes, randoms, handles, (prefix, random, handle) => {
        const key = formatKey(prefix, random);
        expect(key).toHaveLength(prefix.length + 49);
        expect(key.length).toBeLessThanOrEqual(60);
        expect(parseKey(key)).toEqual({ ok: true, key, prefix });
        expect(parseKey(`${key}.${handle}`)).toEqual({ ok: true, key, prefix, project: handle });
        expect(`${key}.${handle}`).toMatch(whole);
      }),
    );
  });

  it('refuse every other character in every place', () => {
    for (const [, , key] of known) {
      for (let at = 0; at < key.length; at++) {
        for (const other of `${alphabet}_.- \n`) {
          if (other === key[at]) continue;
          expect(parseKey(key.slice(0, at) + other + key.slice(at + 1)).ok).toBe(false);
        }
      }
    }
  });

  it('refuse a changed character and two neighbours that changed places, in any key', () => {
    fc.assert(
      fc.property(keys, fc.nat(58), fc.nat(61), (key, place, digit) => {
        const at = place % (key.length - 1);
        const [one = '', two = ''] = key.slice(at, at + 2);
        const other = alphabet.charAt(digit);
        if (other !== one) expect(parseKey(key.slice(0, at) + other + key.slice(at + 1)).ok).toBe(false);
        if (one !== two) expect(parseKey(key.slice(0, at) + two + one + key.slice(at + 2)).ok).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it('make and take keys of another contract, which have its shape and no checksum', () => {
    fc.assert(
      fc.property(randoms, (random) => {
        const key = formatPlainKey(random);
        expect(key).toBe(`mutx_live_${Buffer.from(random).toString('base64url')}`);
        expect(parseKey(key)).toEqual({ ok: true, key, prefix: 'mutx_live_' });
        expect(parseKey(`${key}A`).ok || parseKey(key.slice(1)).ok || parseKey(key.slice(0, -1)).ok).toBe(false);
        expect(parseKey(key.replace('mutx_live_', 'mbx_')).ok).toBe(false);
      }),
    );
  });

  it('tell a mistyped key from something else', () => {
    expect(parseKey(`${sample.slice(0, -1)}H`)).toEqual({ ok: false, reason: 'checksum' });
    expect(parseKey(sample.slice(0, -1))).toEqual({ ok: false, reason: 'shape' });
    expect(parseKey(sample.replace('mbx_', 'mbc_'))).toEqual({ ok: false, reason: 'checksum' });
    expect(parseKey(`${sample.slice(0, -1)}H.prod`)).toEqual({ ok: false, reason: 'checksum' });
  });

  it.each([
    '',
    '_',
    'mbx_',
    sample.slice('mbx_'.length),
    sample.replace('_', ''),
    ` ${sample}`,
    `${sample}\n`,
    `${sample} `,
    `${sample}.`,
    `${sample}.Prod`,
    `${sample}.prod-`,
    `${sample}.-prod`,
    `${sample}.a--b`,
    `${sample}.a.b`,
    `${sample}.prod\n`,
    `.${sample}`,
    `Bearer ${sample}`,
    sample.toUpperCase(),
    `${'a'.repeat(11)}_${sample.slice('mbx_'.length)}`,
    'a_'.repeat(50_000),
    `${sample}${'0'.repeat(100_000)}`,
  ])('refuse %j for its shape', (text) => {
    expect(parseKey(text)).toEqual({ ok: false, reason: 'shape' });
    expect(text).not.toMatch(whole);
  });

  it('refuse to make a key of a wrong prefix or of another number of bytes', () => {
    expect(() => formatKey('mbx', new Uint8Array(32))).toThrow(MobiusError);
    expect(() => formatKey('mbx_', new Uint8Array(31))).toThrow(MobiusError);
    expect(() => formatKey('mbx_', new Uint8Array(33))).toThrow(MobiusError);
  });

  it('leave the random bytes as they were', () => {
    const random = Uint8Array.from({ length: 32 }, (_, i) => i);
    formatKey('mbx_', random);
    expect(random).toEqual(Uint8Array.from({ length: 32 }, (_, i) => i));
  });
});

describe('isKeyPrefix', () => {
  it.each(['mbx_', 'mutx_live_', 'a_', 'a1_2_', 'abcdefghij_', 'a_b_c_d_e_f_'.slice(0, 10)])('takes "%s"', (prefix) => {
    expect(isKeyPrefix(prefix)).toBe(true);
    expect(parseKey(formatKey(prefix, new Uint8Array(32))).ok).toBe(true);
  });

  it.each(['', '_', 'mbx', 'Mbx_', '1a_', '_a_', 'a__', 'a__b_', 'a-b_', 'a.b_', 'a_\n', 'é_', 'abcdefghijk_'])(
    'refuses "%s"',
    (prefix) => {
      expect(isKeyPrefix(prefix)).toBe(false);
    },
  );
});

describe('what is kept for recognition', () => {
  it('is the first eight and the last three', () => {
    expect(keyPrefix(sample)).toBe('mbx_oS2Y');
    expect(keySuffix(sample)).toBe('eKG');
  });
});

describe('the rule for secret scanners', () => {
  const read = (name: string): string => readFileSync(new URL(`../../rules/${name}`, import.meta.url), 'utf8');
  const toml = read('gitleaks.toml');
  const expression = /^regex = '''(.+)'''$/m.exec(toml)?.[1] ?? '';
  const entropyFloor = Number(/^entropy = (.+)$/m.exec(toml)?.[1]);
  const keywords: string[] = JSON.parse(/^keywords = (.+)$/m.exec(toml)?.[1] ?? '[]');
  const secretGroup = Number(/^secretGroup = (.+)$/m.exec(toml)?.[1]);
  const found = (text: string): string[] =>
    keywords.some((keyword) => text.toLowerCase().includes(keyword))
      ? Array.from(text.matchAll(new RegExp(expression, 'g')), (match) => match[secretGroup] ?? '')
      : [];
  /** Shannon's, in bits a character, as gitleaks reckons it. */
  const entropy = (text: string): number =>
    [...new Set(text)]
      .map((character) => text.split(character).length - 1)
      .reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0);
  const ours = fc
    .tuple(fc.constantFrom('mbx_', 'mbc_', 'mbv_'), randoms)
    .map(([prefix, random]) => formatKey(prefix, random));

  it('is the one that the page beside it explains', () => {
    expect(expression).not.toBe('');
    expect(read('key-pattern.md')).toContain(`\n${expression}\n`);
  });

  it('finds a key wherever it stands', () => {
    const around = fc.constantFrom(
      ['', ''],
      ['"', '"'],
      ['MOBIUS_API_KEY=', '\n'],
      ['Authorization: Bearer ', '\r\n'],
      ['https://x.example/?key=', '&a=b'],
      ["key: '", "',"],
      ['(', ').'],
      ['', '.prod-eu'],
      ['<key>', '</key>'],
    );
    fc.assert(
      fc.property(ours, around, (key, [before, after]) => {
        expect(found(`${before}${key}${after}`)).toEqual([key]);
      }),
      { numRuns: 500 },
    );
  });

  it('finds each of several', () => {
    fc.assert(
      fc.property(fc.array(ours, { maxLength: 5 }), (several) => {
        expect(found(several.join(' '))).toEqual(several);
      }),
    );
  });

  it('lets no random key fall under its floor of entropy', () => {
    expect(entropyFloor).toBeGreaterThan(3);
    for (let i = 0; i < 2000; i++) {
      const random = crypto.getRandomValues(new Uint8Array(32));
      expect(entropy(formatKey('mbx_', random))).toBeGreaterThan(entropyFloor + 0.5);
    }
    expect(entropy(`mbx_${'x'.repeat(43)}000000`)).toBeLessThan(entropyFloor);
  });

  it.each([
    sample.slice(0, -1),
    `${sample}0`,
    `a${sample}`,
    `_${sample}`,
    `${sample}_`,
    sample.replace('mbx_', 'mba_'),
    sample.replace('mbx_', 'MBX_'),
    sample.replace('mbx_', 'mbx-'),
    sample.replace('S2', 'S-'),
    `${sample.slice(0, -6)}5zzzzz`,
    formatKey('acme_', new Uint8Array(32)),
    'mbx_ is the prefix of a key',
  ])('leaves %j alone', (text) => {
    expect(found(text)).toEqual([]);
  });
});
