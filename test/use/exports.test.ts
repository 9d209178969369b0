import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { MobiusError } from '../../src/errors.ts';
import { type Reader, readDoppler, readJson, readVaultKv } from '../../src/use/exports.ts';
import { renderVariables } from '../../src/use/shells.ts';

type Outcome = ReturnType<Reader>;

const refusal = (read: Reader, text: string): string => {
  try {
    read(text, '"file"');
  } catch (error) {
    expect((error as MobiusError).code).toBe('usage');
    return (error as MobiusError).message;
  }
  return 'it was read';
};

const found = (...secrets: Outcome['secrets']): Outcome => ({ secrets, remarks: [] });

describe('json', () => {
  test.each<[string, Outcome]>([
    ['{"A":"1","B":""}', found({ values: { A: '1', B: '' } })],
    ['\ufeff {\r\n\t"A" : "\\u0041\\n\\"\\/" } \n', found({ values: { A: 'A\n"/' } })],
    ['{"A":"\\ud83d\\udd11 🔑"}', found({ values: { A: '🔑 🔑' } })],
    [
      '{"db/prod":{"user":"u","pass":"p"},"x":{"k":"v"}}',
      found({ name: 'db/prod', values: { user: 'u', pass: 'p' } }, { name: 'x', values: { k: 'v' } }),
    ],
    [
      '{"a":{"k":"v"},"b":{}}',
      { secrets: [{ name: 'a', values: { k: 'v' } }], remarks: ['"b" has no values and was left out'] },
    ],
    [
      '{"__proto__":"x","constructor":"y"}',
      found({
        values: Object.fromEntries([
          ['__proto__', 'x'],
          ['constructor', 'y'],
        ]),
      }),
    ],
  ])('%s', (text, outcome) => {
    expect(readJson(text, '"file"')).toEqual(outcome);
  });

  test('numbers and truth become text as they were written, with a remark', () => {
    const { secrets, remarks } = readJson(
      '{"s":{"a":12345678901234567890,"b":1.0,"c":true,"d":-1e5,"e":"x"}}',
      '"file"',
    );
    expect(secrets).toEqual([
      { name: 's', values: { a: '12345678901234567890', b: '1.0', c: 'true', d: '-1e5', e: 'x' } },
    ]);
    expect(remarks).toHaveLength(4);
    expect(remarks[0]).toBe('"s.a" was a number and is now text, as it was written');
    expect(remarks.join()).not.toMatch(/123|1e5|true/);
  });

  test.each([
    ['', '"file" is empty'],
    ['[]', '"file" is no JSON object'],
    ['"x"', '"file" is no JSON object'],
    ['{}', '"file" holds nothing'],
    ['{"A":"1"}{"B":"2"}', '"file" holds more than one JSON text'],
    ['{"A":\n"hidden}', '"file" is not valid JSON at line 1'],
    ['{\n"A":hidden}', '"file" is not valid JSON at line 2'],
    ["{'A':'hidden'}", '"file" is not valid JSON at line 1'],
    ['{"A":"hidden",}', '"file" is not valid JSON at line 1'],
    ['{"A" "hidden"}', '"file" is not valid JSON at line 1'],
    ['{"A":"hid\nden"}', '"file" is not valid JSON at line 1'],
    ['{"A":01}', '"file" is not valid JSON at line 1'],
    ['{"A":"hidden"', '"file" is not valid JSON at line 1'],
    ['{"A":"1",\n"A":"hidden"}', 'line 2 of "file" has "A" for the second time in one object'],
    ['{"A":"1","\\u0041":"hidden"}', 'line 1 of "file" has "A" for the second time in one object'],
    ['{"s":{"A":"1","A":"hidden"}}', 'line 1 of "file" has "A" for the second time in one object'],
    ['{"s":{"a":{"b":"hidden"}}}', '"file" is nested too deep: "s.a" is no text but an object'],
    ['{"s":{"a":["hidden"]}}', '"file" is nested too deep: "s.a" is no text but a list'],
    ['{"a":["hidden"]}', '"file" is nested too deep: "a" is no text but a list'],
    ['{"A":null}', '"file" has no text at "A": it is null'],
    ['{"":"hidden"}', '"file" has an empty key at ""'],
    ['{"s":{"":"hidden"}}', '"file" has an empty key at "s."'],
    ['{"":{"a":"hidden"}}', '"file" has a secret with an empty name'],
    ['{"s":{"a":"1"},"B":"hidden"}', '"file" holds secrets with keys, but "B" is a value without a secret'],
    ['{"A":"hidden\\ud800"}', '"file" has half a character in "A"'],
    [`${'{"a":'.repeat(5_000)}"hidden"`, 'line 1 of "file" is nested too deep'],
  ])('%.60s is refused', (text, message) => {
    expect(refusal(readJson, text)).toBe(message);
  });

  test('what JSON.stringify writes comes back, and what JSON.parse refuses is refused', () => {
    const keys = fc.string({ minLength: 1 });
    const values = fc.dictionary(keys, fc.string({ unit: 'grapheme' }), { minKeys: 1 });
    fc.assert(
      fc.property(values, fc.constantFrom(0, 1, '\t'), (one, indent) => {
        const { secrets, remarks } = readJson(JSON.stringify(one, null, indent), '"file"');
        expect({ secrets, remarks }).toEqual(found({ values: { ...one } }));
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]:,"\\a01-.etrun \n') }), (text) => {
        const whole = `{"s":${text}}`;
        let valid = true;
        try {
          JSON.parse(whole);
        } catch {
          valid = false;
        }
        const message = refusal(readJson, whole);
        if (!valid) expect(message).toMatch(/not valid JSON|second time|nested too deep|more than one/);
        else expect(message).not.toMatch(/not valid JSON/);
      }),
      { numRuns: 3_000 },
    );
  });

  test('a large value is no trouble', () => {
    const big = 'x"\\'.repeat(300_000);
    expect(readJson(JSON.stringify({ A: big }), '"file"').secrets[0]?.values.A === big).toBe(true);
  });
});

const envelope = (data: unknown, more: object = {}): object => ({
  request_id: '5aef1f8e-0001',
  lease_id: '',
  lease_duration: 0,
  renewable: false,
  data,
  warnings: null,
  ...more,
});

const version = {
  created_time: '2026-01-02T03:04:05.6Z',
  custom_metadata: null,
  deletion_time: '',
  destroyed: false,
  version: 3,
};

const kv2 = (data: unknown, metadata: object = {}): object =>
  envelope({ data, metadata: { ...version, ...metadata } }, { mount_type: 'kv' });

describe('vault kv get', () => {
  const pretty = (...texts: object[]): string => texts.map((one) => `${JSON.stringify(one, null, 2)}\n`).join('');

  test('of both engines, one, several, and in a list', () => {
    expect(readVaultKv(pretty(kv2({ user: 'u', pass: 'p' })), '"file"')).toEqual(
      found({ values: { user: 'u', pass: 'p' } }),
    );
    expect(readVaultKv(pretty(envelope({ user: 'u' })), '"file"')).toEqual(found({ values: { user: 'u' } }));
    const both = found({ values: { a: '1' } }, { values: { b: '2' } });
    expect(readVaultKv(pretty(kv2({ a: '1' }), envelope({ b: '2' })), '"file"')).toEqual(both);
    expect(readVaultKv(JSON.stringify([kv2({ a: '1' }), envelope({ b: '2' })]), '"file"')).toEqual(both);
    expect(readVaultKv(stringify(kv2({ a: '1' })), '"file"')).toEqual(found({ values: { a: '1' } }));
  });

  test('keys of the first engine that are called like the parts of the second', () => {
    const values = { data: 'x', metadata: 'y' };
    expect(readVaultKv(pretty(envelope(values)), '"file"')).toEqual(found({ values }));
    expect(readVaultKv(pretty(kv2(values)), '"file"')).toEqual(found({ values }));
  });

  test('a deleted version is left out, what is said of one is kept as its description or remarked', () => {
    const text = pretty(
      kv2(null, { destroyed: true }),
      kv2({ a: '1' }, { custom_metadata: { description: 'of the shop', owner: 'hidden' } }),
    );
    expect(readVaultKv(text, '"file"')).toEqual({
      secrets: [{ values: { a: '1' }, description: 'of the shop' }],
      remarks: [
        'secret 1 of the file has no values, as a deleted version has none, and was left out',
        'the custom metadata "owner" of secret 2 of the file was left out',
      ],
    });
  });

  test.each([
    [pretty(kv2({ a: { b: 'hidden' } })), '"file" is nested too deep: "a" is no text but an object'],
    [pretty(kv2({ '': 'hidden' })), '"file" has an empty key at ""'],
    [
      pretty(kv2({ a: '1' }), { a: 'hidden' }),
      '"file" holds something else than what vault kv get prints: secret 2 of the file',
    ],
    [
      pretty({ a: { b: 'hidden' } }, { c: { d: 'x' } }),
      '"file" is neither what vault kv get prints nor an export of paths',
    ],
    ['["hidden"]', '"file" is neither what vault kv get prints nor an export of paths'],
    ['[]', '"file" holds nothing'],
    ['{}', '"file" holds nothing'],
  ])('%# is refused', (text, message) => {
    expect(refusal(readVaultKv, text)).toBe(message);
  });
});

describe('medusa export', () => {
  const tree = {
    '': {
      A: { B: { Db: { DBa: 'value 1', DBb: 'value 2' }, E: { Ea: 'on', Eb: '012' } } },
      folder: { F: { Ga: 'line 1\nline 2\n', Gb: '' } },
    },
  };
  const secrets = [
    { name: 'A/B/Db', values: { DBa: 'value 1', DBb: 'value 2' } },
    { name: 'A/B/E', values: { Ea: 'on', Eb: '012' } },
    { name: 'folder/F', values: { Ga: 'line 1\nline 2\n', Gb: '' } },
  ];

  test('as JSON and as YAML', () => {
    expect(readVaultKv(JSON.stringify(tree, null, '\t'), '"file"')).toEqual(found(...secrets));
    expect(readVaultKv(stringify(tree, { version: '1.1' }), '"file"')).toEqual(found(...secrets));
  });

  test('as it writes YAML itself', () => {
    const text =
      'secret:\n  A:\n    Xa: |\n      PEM 1\n      PEM 2\n    Xb: "yes"\n    Xc: \'{"a": 1}\'\n    Xd: 1.10\n    Xe: true\n';
    expect(readVaultKv(text, '"file"')).toEqual({
      secrets: [
        { name: 'secret/A', values: { Xa: 'PEM 1\nPEM 2\n', Xb: 'yes', Xc: '{"a": 1}', Xd: '1.10', Xe: 'true' } },
      ],
      remarks: [
        '"secret.A.Xd" was a number and is now text, as it was written',
        '"secret.A.Xe" was a boolean and is now text, as it was written',
      ],
    });
  });

  test('a folder with keys like those of vault kv get', () => {
    expect(readVaultKv('{"request_id":"x","data":{"k":"1"}}', '"file"')).toEqual({
      secrets: [{ values: { request_id: 'x' } }, { name: 'data', values: { k: '1' } }],
      remarks: ['the top holds values and objects: each object became a secret of its own'],
    });
  });

  test('a path that is secret and folder', () => {
    expect(readVaultKv('{"s":{"a":{"k":"1","b":{"l":"2"}},"c":{}}}', '"file"')).toEqual({
      secrets: [
        { name: 's/a', values: { k: '1' } },
        { name: 's/a/b', values: { l: '2' } },
      ],
      remarks: [
        '"s/a" holds values and objects: each object became a secret of its own',
        '"s/c" has no values and was left out',
      ],
    });
  });

  test.each([
    ['{"a/b":{"k":"1"},"a":{"b":{"k":"hidden"}}}', '"file" has the secret "a/b" twice'],
    ['{"a":{"k":["hidden"]}}', '"file" is nested too deep: "a.k" is no text but a list'],
    ['a:\n  k: hidden\n  k: x\n', 'line 2 of "file" has "k" for the second time in one object'],
    ['a:\n  k: &x hidden\n  l: *x\n', 'line 3 of "file" has a YAML alias'],
    ['a:\n  k: !!binary aGlkZGVu\n', 'line 2 of "file" has a YAML tag'],
    ['a:\n  k: "hidden\n', '"file" is not valid YAML at line 3'],
    ['a:\n  k:\n', '"file" has no text at "a.k": it is null'],
    ['- hidden\n', '"file" is neither what vault kv get prints nor an export of paths'],
    ['a: {b: {c: hidden}}\n---\nd: x\n', '"file" is not valid YAML at line 2'],
    ['', '"file" is neither what vault kv get prints nor an export of paths'],
  ])('%j is refused', (text, message) => {
    expect(refusal(readVaultKv, text)).toBe(message);
  });
});

describe('doppler', () => {
  const own = { DOPPLER_CONFIG: 'dev', DOPPLER_ENVIRONMENT: 'dev', DOPPLER_PROJECT: 'shop' };
  const left = Object.keys(own).map((name) => `"${name}" is Doppler's own and was left out`);
  const secrets = [{ values: { A: 'x', B: 'it\'s "two"\nlines' } }];

  test('secrets download, as JSON and as env', () => {
    const values = { ...own, ...secrets[0]?.values };
    expect(readDoppler(JSON.stringify(values), '"file"')).toEqual({ secrets, remarks: left });
    const env =
      'DOPPLER_CONFIG="dev"\nDOPPLER_ENVIRONMENT="dev"\nDOPPLER_PROJECT="shop"\nA="x"\nB="it\'s \\"two\\"\\nlines"\n';
    expect(readDoppler(env, '"file"')).toEqual({ secrets, remarks: left });
    expect(
      readDoppler(
        renderVariables('dotenv', { A: 'x' }, () => ''),
        '"file"',
      ),
    ).toEqual(found({ values: { A: 'x' } }));
  });

  test('secrets --json', () => {
    const text = JSON.stringify({
      A: { computed: 'x', computedVisibility: 'masked', note: '' },
      B: { computed: 'x-y', raw: 'x-${C}', note: 'hidden' },
      C: { computed: null, raw: null, computedVisibility: 'restricted', note: '' },
      DOPPLER_PROJECT: { computed: 'shop', raw: 'shop', note: '' },
    });
    expect(readDoppler(text, '"file"')).toEqual({
      secrets: [{ values: { A: 'x', B: 'x-y' } }],
      remarks: [
        '"B" refers to other secrets in Doppler: it is now the text that came of it',
        'the note of "B" was left out',
        'Doppler did not show the value of "C", which was left out',
        '"DOPPLER_PROJECT" is Doppler\'s own and was left out',
      ],
    });
  });

  test('nothing but its own is no secret', () => {
    expect(readDoppler(JSON.stringify(own), '"file"')).toEqual({ secrets: [], remarks: left });
  });

  test.each([
    ['', '"file" holds nothing'],
    ['{}', '"file" holds nothing'],
    ['[]', '"file" is no JSON object'],
    ['A=1\nA=hidden', 'line 2 of "file" has "A" for the second time'],
    ['{"A":"1","A":"hidden"}', 'line 1 of "file" has "A" for the second time in one object'],
    ['{"A":{"b":"hidden"}}', '"file" has an object at "A" that is no secret of Doppler\'s'],
    ['{"A":{"computed":{"b":"hidden"}}}', '"file" is nested too deep: "A" is no text but an object'],
    ['{"A":["hidden"]}', '"file" is nested too deep: "A" is no text but a list'],
    ['A: "hidden', 'line 1 of "file" opens a quote that nothing closes'],
  ])('%j is refused', (text, message) => {
    expect(refusal(readDoppler, text)).toBe(message);
  });
});
