import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatKey } from '../../src/core/key-format.ts';
import type { Needle } from '../../src/use/needles.ts';
import { type Found, makeScanner } from '../../src/use/scan.ts';
import { type Skipped, scanFiles } from '../../src/use/walk.ts';
import { newFolder } from '../cli/fake-io.ts';

const key = formatKey('mbx_', Buffer.alloc(32, 'plainly fake'));
const own = formatKey('acme_prod_', Buffer.alloc(32, 'plainly fake'));
const value = 'fake/pa ss+wörd?"<&>~';
const needle: Needle = { name: 'db.password', value };

async function* inPieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

const scan = async (text: string | Uint8Array, needles: readonly Needle[] = [needle], length = 1 << 16) => {
  const found: Found[] = [];
  for await (const one of makeScanner(needles).scan('f', inPieces(Buffer.from(text), length))) found.push(one);
  return found;
};

const brief = (found: readonly Found[]): string[] =>
  found.map(({ line, column, kind, name, spelling }) => [line, column, kind, name, spelling].filter(Boolean).join(' '));

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('a value is found', () => {
  test.each([
    ['plain', value],
    ['base64', base64(value)],
    ['base64', base64(`x${value}`).slice(2)],
    ['base64', base64(`xx${value}yyy`).slice(3)],
    ['base64', Buffer.from(`user:${value}`).toString('base64url').slice(7)],
    ['percent', encodeURIComponent(value)],
    ['percent', encodeURIComponent(value).replace(/%../g, (code) => code.toLowerCase())],
    ['percent', new URLSearchParams({ '': value }).toString().slice(1)],
    ['json', JSON.stringify(value).slice(1, -1)],
    ['json', JSON.stringify(value).slice(1, -1).replaceAll('/', '\\/').replace('ö', '\\u00f6')],
    ['json', 'fake/pa ss+wörd?\\"\\u003c\\u0026\\u003e~'],
    ['utf-16', Buffer.from(value, 'utf16le').toString('latin1')],
  ])('spelled in %s: %s', async (spelling, text) => {
    const encoding = spelling === 'utf-16' ? 'latin1' : 'utf8';
    const [before, after] = [Buffer.from('one\ntwo \0'), Buffer.from('\0 end')];
    const found = await scan(Buffer.concat([before, Buffer.from(text, encoding), after]));
    expect(found).toEqual([{ path: 'f', line: 2, column: 6, kind: 'secret', name: needle.name, spelling }]);
  });

  test('in UTF-16 with its mark, and a key too', async () => {
    const text = `one\r\n${value} ${key}\r\n`;
    const little = Buffer.from(`\ufeff${text}`, 'utf16le');
    const big = Buffer.from(little).swap16();
    for (const bytes of [little, big]) {
      for (const length of [1, 7, 1000]) {
        const found = brief(await scan(bytes, [needle], length));
        expect(found).toEqual(['2 1 secret db.password plain', expect.stringMatching(/^2 \d+ key$/)]);
      }
    }
  });

  test('behind a mark that is not true', async () => {
    const bytes = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(value)]);
    for (const length of [1, 3, 1000]) {
      expect(brief(await scan(bytes, [needle], length))).toEqual(['1 3 secret db.password plain']);
    }
  });

  test('every time, also where two touch, but once where it overlaps itself', async () => {
    expect(brief(await scan('abcdabcd1abcdabcd1', [{ name: 'n', value: 'abcdabcd1' }]))).toHaveLength(2);
    const twice = { name: 'n', value: 'abc1abc1abc1' };
    expect(brief(await scan('abc1abc1abc1abc1', [twice]))).toEqual(['1 1 secret n plain']);
  });

  test('under every name that has it', async () => {
    const both = ['a.x', 'b.y'].map((name) => ({ name, value: 'plainly-fake-1' }));
    expect(brief(await scan('plainly-fake-1', both))).toEqual(['1 1 secret a.x plain', '1 1 secret b.y plain']);
  });

  test('without white space at its ends', async () => {
    expect(brief(await scan('a plainly-fake-1 b', [{ name: 'n', value: '\nplainly-fake-1\n' }]))).toHaveLength(1);
  });
});

describe('of a value of several lines', () => {
  const lines = ['MIIEfakefakefakefake0123456789', 'Qk9ndXNib2d1c2JvZ3VzMDEyMzQ1', 'short'];
  const pem: Needle = {
    name: 'tls.key',
    value: ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n'),
  };

  test('the whole is one find', async () => {
    expect(brief(await scan(`x\n${pem.value}x`, [pem], 3))).toEqual(['2 1 secret tls.key plain']);
    expect(brief(await scan(JSON.stringify(pem), [pem]))).toEqual([expect.stringContaining('secret tls.key json')]);
  });

  test('each line that tells something is one', async () => {
    const indented = pem.value.replaceAll('\n', '\r\n    ');
    expect(brief(await scan(indented, [pem]))).toEqual(['2 5 secret tls.key line', '3 5 secret tls.key line']);
    expect(await scan('-----BEGIN PRIVATE KEY-----\nother\nshort\n-----END PRIVATE KEY-----\n', [pem])).toEqual([]);
  });

  test('what every such file says is none', async () => {
    const account = {
      type: 'service_account',
      private_key_id: '0123456789abcdef0123456789abcdef01234567',
      auth_uri: 'https://accounts.google.com/o/oauth2/auth',
      auth_provider_x509_cert_url: 'https://www.googleapis.com/oauth2/v1/certs',
    };
    const json = (what: object) => JSON.stringify(what, undefined, 2);
    const file: Needle = { name: 'gcp.json', value: json(account) };
    expect(brief(await scan(json({ ...account, private_key_id: 'other' }), [file]))).toEqual([]);
    expect(brief(await scan(`  "private_key_id": "${account.private_key_id}",`, [file]))).toHaveLength(1);
  });
});

test('values that are found everywhere are left out, and named', () => {
  const values = ['short', '1234567', 'localhost', 'Password', 'aaaaaaaaaaaaaaa', '', '      \n', 'just-eig'];
  const { leftOut } = makeScanner(values.map((one, at) => ({ name: `n${at}`, value: one })));
  expect(leftOut.map(({ name }) => name)).toEqual(['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6']);
  expect(JSON.stringify(leftOut)).not.toMatch(/localhost|Password|1234567|aaaa/);
});

describe('a key is found', () => {
  const wrong = key.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'));

  test.each([
    ['by itself', key, 1, key],
    ['with a prefix of somebody', `x=${own}`, 3, own],
    ['with its handle, which is no part of it', `"${key}.default"`, 2, key],
    ['after an escaped line end', `"a\\n${key}\\n"`, 5, key],
    ['in a word', `KEY_${key}xyz`, 5, key],
    ['in a URL', `?k%3D${key}%26`, 6, key],
  ])('%s', async (_, text, column, found) => {
    expect(await scan(text, [])).toEqual([{ path: 'f', line: 1, column, kind: 'key', key: found }]);
  });

  test('never where the checksum is wrong or a character is missing', async () => {
    expect(await scan([wrong, key.slice(1), key.slice(0, -1), key.replace('_', '-')].join('\n'), [])).toEqual([]);
  });
});

test('what is found does not depend on the pieces', async () => {
  const needles = [needle, { name: 'long', value: Buffer.alloc(3000, 'a plainly fake, long value 1 ').toString() }];
  const text = ['x', value, key, needles[1]?.value, own, base64(value), '\n', value].join('\n');
  const whole = brief(await scan(text, needles));
  expect(whole).toHaveLength(6);
  for (const length of [1, 2, 59, 1000, 2999]) expect(brief(await scan(text, needles, length))).toEqual(whole);
});

test('across the borders of what is in memory at once', async () => {
  const long = Buffer.alloc(10_000, 'a plainly fake, long value 1 ').toString();
  const needles = [needle, { name: 'long', value: long }];
  const all: [string, string | Buffer][] = [
    ['db.password', value],
    [key, key],
    ['db.password', base64(value)],
    ['long', long],
    ['long', Buffer.from(long, 'utf16le')],
  ];
  // What is kept of the last piece is as long as the longest spelling, UTF-16, less one byte.
  for (const border of [1 << 18, 2 << 18].map((pieces) => pieces + 2 * long.length - 1)) {
    for (const [name, text] of all) {
      for (const before of [0, 1, 5, Buffer.byteLength(text) - 1, Buffer.byteLength(text)]) {
        const lead = Buffer.alloc(border - before, 'xyz \n');
        const place = [Math.floor(lead.length / 5) + 1, (lead.length % 5) + 1, name];
        const found = await scan(Buffer.concat([lead, Buffer.from(text), Buffer.from('\nend')]), needles);
        expect(found.map((one) => [one.line, one.column, one.name ?? one.key])).toEqual([place]);
      }
    }
  }
});

test('a part of what was told is not told again', async () => {
  const line = 'QUJDfake0123456789fake0123456789';
  const several = { name: 'n', value: `${line}\n${line}\n${line}` };
  const longest = 2 * several.value.length;
  for (const offset of [-1, 0, 1]) {
    const lead = Buffer.alloc((1 << 18) + longest - 1 - longest + offset, 'xyz ');
    const found = await scan(Buffer.concat([lead, Buffer.from(several.value), Buffer.alloc(1 << 19, 'xyz ')]), [
      several,
    ]);
    expect(brief(found)).toEqual([`1 ${lead.length + 1} secret n plain`]);
  }
});

test('nothing is missed and nothing made up', async () => {
  const letter = fc.constantFrom('a', 'b', '\n', '"', ' ');
  const text = fc.string({ unit: letter, maxLength: 400 });
  const word = fc.string({ unit: fc.constantFrom('a', 'b', '"'), minLength: 8, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(text, fc.array(word, { minLength: 1, maxLength: 4 }), fc.nat(50), async (given, words, at) => {
      const needles = words.map((one, index) => ({ name: `n${index}`, value: one }));
      const { leftOut } = makeScanner(needles);
      const planted = given.slice(0, at) + words[0] + given.slice(at);
      const found = (await scan(planted, needles, 13)).filter(({ spelling }) => spelling === 'plain');
      const expected = needles.flatMap(({ name, value: one }) => {
        if (leftOut.some((out) => out.name === name)) return [];
        const places: string[] = [];
        for (let i = planted.indexOf(one); i !== -1; i = planted.indexOf(one, i + one.length)) {
          const lines = planted.slice(0, i).split('\n');
          places.push(`${lines.length} ${(lines.at(-1) ?? '').length + 1} secret ${name} plain`);
        }
        return places;
      });
      expect(brief(found).sort()).toEqual(expected.sort());
    }),
    { numRuns: 200 },
  );
});

describe('files', () => {
  const walk = async (cwd: string, ...paths: string[]) => {
    const skipped: Skipped[] = [];
    const found: string[] = [];
    const scanner = makeScanner([needle]);
    for await (const one of scanFiles(paths, { cwd, scanner, tell: (what) => skipped.push(what) })) {
      found.push(`${one.path}:${one.line}:${one.column}`);
    }
    return { found, skipped };
  };

  test('are walked in the order of their names, links and special ones left out', async () => {
    const folder = newFolder();
    const outside = newFolder();
    for (const name of ['b', '.git', 'node_modules', 'a b']) mkdirSync(join(folder, name));
    for (const name of ['b/2\n', 'b/1', 'z', '.hidden', '.git/config', 'node_modules/x.js', 'a b/ü']) {
      writeFileSync(join(folder, name), value);
    }
    writeFileSync(join(outside, 'x'), value);
    symlinkSync(outside, join(folder, 'link'));
    symlinkSync(join(outside, 'x'), join(folder, 'linked'));
    symlinkSync('.', join(folder, 'b', 'loop'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const { found, skipped } = await walk(folder, '.');
    expect(found).toEqual(['.hidden:1:1', 'a b/ü:1:1', 'b/1:1:1', 'b/2\n:1:1', 'z:1:1']);
    expect(skipped.map(({ path, failed }) => [path, failed])).toEqual([
      ['.git', false],
      ['b/loop', false],
      ['link', false],
      ['linked', false],
      ['node_modules', false],
      ['pipe', false],
    ]);
  });

  test('that are named are read, whatever they are', async () => {
    const folder = newFolder();
    mkdirSync(join(folder, 'node_modules'));
    writeFileSync(join(folder, 'node_modules', 'x.js'), value);
    symlinkSync('node_modules/x.js', join(folder, 'linked'));
    const { found, skipped } = await walk(folder, 'node_modules', 'linked', join(folder, 'linked'));
    expect(found).toEqual(['node_modules/x.js:1:1', 'linked:1:1', `${folder}/linked:1:1`]);
    expect(skipped).toEqual([]);
  });

  test('that can not be read are told, and the others read', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'z'), value);
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const { found, skipped } = await walk(folder, 'nothing', 'pipe', 'z');
    expect(found).toEqual(['z:1:1']);
    expect(skipped).toEqual([
      { path: 'nothing', why: 'no such file or directory', failed: true },
      { path: 'pipe', why: 'no ordinary file', failed: true },
    ]);
    // Root may read whatever it likes.
    chmodSync(join(folder, 'z'), 0);
    if (process.getuid?.() !== 0) expect((await walk(folder, '.')).skipped.at(-1)?.failed).toBe(true);
  });

  test('that are full of it are given up at some point', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'a'), `${value}\n`.repeat(20_000));
    writeFileSync(join(folder, 'b'), value);
    const { found, skipped } = await walk(folder, '.');
    expect(found).toHaveLength(1001);
    expect(found.at(-1)).toBe('b:1:1');
    expect(skipped).toEqual([{ path: 'a', why: expect.stringContaining('more than 1000'), failed: true }]);
  });
});

test('a large file is read in little memory', async () => {
  async function* large(): AsyncGenerator<Uint8Array> {
    const piece = Buffer.alloc(1 << 20, 'nothing to see here 0123456789\n');
    for (let i = 0; i < 64; i++) yield piece;
    yield Buffer.from(value);
  }
  const before = process.memoryUsage().arrayBuffers;
  let count = 0;
  for await (const _ of makeScanner([needle]).scan('f', large())) count++;
  expect(count).toBe(1);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
});
