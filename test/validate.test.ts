import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MobiusError } from '../src/errors.ts';
import { formats } from '../src/formats.ts';
import { operations } from '../src/generated/operations.ts';
import type { Name } from '../src/operations.ts';
import { validate } from '../src/validate.ts';

const refusalOf = async (name: Name, input: unknown): Promise<MobiusError> => {
  const error = await validate(name, input).then(
    () => new Error('was taken'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof MobiusError)) throw error;
  return error;
};

const key = { name: 'ci', principal_id: 'worker' };
const id = 'key_01hw1q2r3s4t5v6v7w8x9y0z1a';

describe('what is right', () => {
  it('comes back as a copy with its defaults', async () => {
    const input = { ...key, tags: { team: 'core' } };
    const output = await validate('api-keys.create', input);
    expect(output).toEqual({
      ...key,
      tags: { team: 'core' },
      project: 'default',
      prefix: 'mbx_',
      allow_unassigned_principal: false,
    });
    expect(output.tags).not.toBe(input.tags);
    expect(input).toEqual({ ...key, tags: { team: 'core' } });
  });

  it('may be given undefined where a property is optional', async () => {
    expect(await validate('projects.get', { id: 'acme', x: undefined } as { id: string })).toEqual({ id: 'acme' });
  });

  it('may be a bare object, as a query string is read', async () => {
    expect(await validate('projects.get', Object.assign(Object.create(null), { id: 'acme' }))).toEqual({ id: 'acme' });
  });

  it('keeps what a person may shape freely', async () => {
    const metadata = { a: [{ b: null }], constructor: 'x', 'd.e/f': 1.5 };
    expect((await validate('principals.create', { name: 'ci', metadata })).metadata).toEqual(metadata);
  });
});

describe('the sentence for what is wrong', () => {
  const many = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`k${index}`, 'v']));

  it.each<[Name, object, string]>([
    ['api-keys.create', { principal_id: 'worker' }, '"name" is required'],
    ['api-keys.create', { ...key, name: 7 }, '"name" must be text'],
    ['api-keys.create', { ...key, name: null }, '"name" must be text'],
    ['api-keys.create', { ...key, name: '' }, '"name" must not be empty'],
    ['api-keys.create', { ...key, name: 'x'.repeat(129) }, '"name" must be at most 128 characters'],
    ['api-keys.create', { ...key, name: id }, '"name" must not have the shape of an id'],
    ['api-keys.create', { ...key, name: 'a\nb' }, '"name" must not hold control characters'],
    ['api-keys.create', { ...key, name: ' a' }, '"name" must not begin or end with white space'],
    ['api-keys.create', { ...key, name: 'a\u2028b' }, '"name" must be a single line'],
    ['api-keys.create', { ...key, name: 'a\ud800' }, '"name" must be well-formed Unicode'],
    ['api-keys.create', { ...key, expires_at: 'tomorrow' }, '"expires_at" must be a time such as 2027-01-01T00:00:00Z'],
    [
      'api-keys.create',
      { ...key, allow_unassigned_principal: 'yes' },
      '"allow_unassigned_principal" must be true or false',
    ],
    [
      'api-keys.create',
      { ...key, project: 'No' },
      '"project" must be lower-case letters, digits and single hyphens, such as acme-ci',
    ],
    [
      'api-keys.create',
      { ...key, prefix: 'mbx' },
      '"prefix" must be lower-case letters, digits and single underscores, ending in one, such as acme_',
    ],
    ['api-keys.create', { ...key, tags: many }, '"tags" must have at most 8 entries'],
    ['api-keys.create', { ...key, tags: 'a=b' }, '"tags" must be an object'],
    ['api-keys.create', { ...key, tags: { a: 'b\n' } }, '"tags.a" must not hold control characters'],
    [
      'api-keys.create',
      { ...key, tags: { 'mobius:a': 'b' } },
      '"tags" has the key "mobius:a", which must not begin with mobius:, which is reserved',
    ],
    ['api-keys.list', { limit: 0 }, '"limit" must be at least 1'],
    ['api-keys.list', { limit: 201 }, '"limit" must be at most 200'],
    ['api-keys.list', { limit: 1.5 }, '"limit" must be a whole number'],
    ['api-keys.list', { limit: '5' }, '"limit" must be a whole number'],
    [
      'api-keys.list',
      { state: 'gone' },
      '"state" must be one of "active", "disabled", "expired", "retiring", "revoked"',
    ],
    ['api-keys.list', { cursor: 'x'.repeat(513) }, '"cursor" must be at most 512 characters'],
    ['api-keys.list', { tag: ['env'] }, '"tag.0" must be a tag such as env:production or env:*'],
    ['api-keys.list', { tag: 'env:*' }, '"tag" must be a list'],
    ['api-keys.verify', { key: '' }, '"key" must not be empty'],
    ['api-keys.verify', { key: 'k', ip: '1.2.3' }, '"ip" must be an IP address such as 203.0.113.7 or 2001:db8::7'],
    [
      'api-keys.verify',
      { key: 'k', permission: 'A' },
      '"permission" must be a permission such as mobius.keys.issue or actions.execute.*',
    ],
    ['principals.create', { name: 'ci', role_ids: [] }, '"role_ids" must not be empty'],
    [
      'principals.create',
      { name: 'ci', role_ids: ['Worker', 'Viewer', 'Worker'] },
      '"role_ids" must not name "Worker" twice',
    ],
    ['principals.create', { name: 'ci', role_ids: ['Worker', 5] }, '"role_ids.1" must be text'],
    ['principals.create', { name: 'ci', metadata: [] }, '"metadata" must be an object'],
    [
      'principals.create',
      { name: 'ci', with_key: { expires_at: '2027' } },
      '"with_key.expires_at" must be a time such as 2027-01-01T00:00:00Z',
    ],
  ])('%s %j: %s', async (name, input, message) => {
    const error = await refusalOf(name, input);
    const [, field, problem] = /^"([^"]+)" (.*)$/.exec(message) ?? [];
    expect(error.message).toBe(message);
    expect(error.code).toBe('invalid_input');
    expect(error.details).toEqual({ field, problem });
  });

  it.each([null, undefined, 'text', 7, true, [], [{}]])('says of %j that it is no object', async (input) => {
    const error = await refusalOf('api-keys.create', input);
    expect([error.code, error.message]).toEqual(['bad_request', 'the input must be an object']);
  });

  it('never quotes a raw key', async () => {
    const error = await refusalOf('api-keys.verify', { key: `mbx_${'s'.repeat(300)}` });
    expect(error.message).toBe('"key" must be at most 256 characters');
    expect(JSON.stringify([error.details, error.hint])).not.toContain('mbx_');
  });
});

describe('an unknown field', () => {
  const unknown = async (name: Name, input: object): Promise<[string, unknown, string | undefined]> => {
    const { message, details, hint } = await refusalOf(name, input);
    return [message, details, hint];
  };

  it('is named before what is missing, with the one that was meant', async () => {
    expect(await unknown('api-keys.create', { nam: 'ci' })).toEqual([
      'unknown field "nam"',
      { field: 'nam', problem: 'unknown' },
      'did you mean "name"?',
    ]);
    expect((await unknown('api-keys.create', { ...key, 'principal-id': 'x' }))[2]).toBe('did you mean "principal_id"?');
    expect((await unknown('api-keys.create', { ...key, zebra: 'x' }))[2]).toBeUndefined();
  });

  it('is found inside too', async () => {
    expect(await unknown('principals.create', { name: 'ci', with_key: { nmae: 'x' } })).toEqual([
      'unknown field "with_key.nmae"',
      { field: 'with_key.nmae', problem: 'unknown' },
      'did you mean "name"?',
    ]);
  });

  it.each(['constructor', 'toString', 'hasOwnProperty', 'prototype'])('may have the name %s', async (name) => {
    expect((await unknown('projects.get', { id: 'acme', [name]: 'x' }))[0]).toBe(`unknown field "${name}"`);
  });

  it('is shown so that a terminal obeys nothing in it', async () => {
    expect((await unknown('projects.get', { id: 'a', 'x\u001b[2J\u202e': 1 }))[0]).toBe(
      'unknown field "x\\u{1b}[2J\\u{202e}"',
    );
    const [message] = await unknown('projects.get', { id: 'a', ['k'.repeat(5000)]: 1 });
    expect(message).toBe(`unknown field "${'k'.repeat(64)}…"`);
  });
});

describe('what would reach beyond the input', () => {
  it.each([
    ['{"__proto__":{"polluted":1}}', '__proto__'],
    ['{"name":"ci","metadata":{"__proto__":{"polluted":1}}}', 'metadata.__proto__'],
    ['{"name":"ci","metadata":{"a":[{"__proto__":1}]}}', 'metadata.a.0.__proto__'],
    ['{"name":"ci","tags":{"__proto__":"x"}}', 'tags.__proto__'],
  ])('%s is refused', async (json, field) => {
    const error = await refusalOf('principals.create', JSON.parse(json));
    expect([error.message, error.details]).toEqual([`unknown field "${field}"`, { field, problem: 'unknown' }]);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it('takes nothing from a prototype', async () => {
    const heir = Object.create({ id: 'acme' });
    expect((await refusalOf('projects.get', heir)).message).toBe('the input must be an object');
    expect((await refusalOf('projects.get', {})).message).toBe('"id" is required');
  });

  it.each([[new Date()], [new Map()], [() => 1], [1n], [Symbol('x')], [Number.NaN], [new Uint8Array(2)]])(
    'refuses what JSON cannot hold: %s',
    async (value) => {
      const error = await refusalOf('principals.create', { name: 'ci', metadata: { at: value } });
      expect(error.message).toBe('"metadata.at" must be plain JSON');
    },
  );

  it('refuses what is nested or grows without end', async () => {
    const metadata: Record<string, unknown> = {};
    metadata.self = metadata;
    expect((await refusalOf('principals.create', { name: 'ci', metadata })).message).toBe(
      'the input is nested too deeply',
    );
    metadata.self = [metadata, metadata];
    expect((await refusalOf('principals.create', { name: 'ci', metadata })).code).toBe('bad_request');
    const deep = JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`);
    expect((await refusalOf('principals.create', { name: 'ci', metadata: { deep } })).code).toBe('bad_request');
    const wide = { name: 'ci', role_ids: Array(200_000).fill('x') };
    expect((await refusalOf('principals.create', wide)).message).toBe('the input holds too many values');
  });
});

describe('whatever it is given', () => {
  const names = Object.keys(operations) as Name[];
  const known = [
    'name',
    'id',
    'principal_id',
    'role_ids',
    'tags',
    'tag',
    'metadata',
    'with_key',
    'limit',
    'expires_at',
    'key',
  ];
  const anything = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(
      fc.oneof(fc.constantFrom(...known), fc.string({ unit: 'binary' })),
      fc.jsonValue({ stringUnit: 'binary' }),
    ),
  );

  it('takes it or refuses it with a sentence of its own', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), anything, async (name, input) => {
        const before = JSON.stringify(input);
        try {
          expect(await validate(name, input)).toBeTypeOf('object');
        } catch (error) {
          if (!(error instanceof MobiusError)) throw error;
          expect(['invalid_input', 'bad_request']).toContain(error.code);
          expect(error.message).not.toMatch(/undefined|is not valid|\p{Cc}/u);
          expect(error.message.length).toBeLessThan(700);
        }
        expect(JSON.stringify(input)).toBe(before);
      }),
      { numRuns: 2000 },
    );
  });

  it('finds nothing to add to what it took', async () => {
    const tags = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(fc.record({ name: fc.string(), principal_id: fc.string(), tags }), async (input) => {
        const once = await validate('api-keys.create', input).catch(() => undefined);
        if (once !== undefined) expect(await validate('api-keys.create', once)).toEqual(once);
      }),
    );
  });

  it('takes its time in proportion to a long text', () => {
    const length = 100_000;
    const texts = [
      'a',
      '-',
      'a-',
      '_',
      'a_',
      '.',
      'a.',
      ':',
      '::',
      '1',
      '0:',
      ' ',
      '\t',
      '\n',
      '\r',
      '\u2028',
      '😀',
      '\ud800',
    ];
    for (const [name, format] of Object.entries(formats)) {
      for (const unit of texts) {
        const text = unit.repeat(length / unit.length);
        const start = performance.now();
        format(text);
        format(`${text}!`);
        format(`2027-01-01T00:00:00.${text}`);
        expect(performance.now() - start, `${name} of "${unit}"`).toBeLessThan(500);
      }
    }
  });
});

describe('the formats', () => {
  const ok = (format: string, ...texts: string[]): void => {
    for (const text of texts) expect(formats[format]?.(text), `${format} of ${JSON.stringify(text)}`).toBeUndefined();
  };
  const bad = (format: string, ...texts: string[]): void => {
    for (const text of texts) expect(formats[format]?.(text), `${format} of ${JSON.stringify(text)}`).toMatch(/^must /);
  };

  it('name: what a person calls a thing', () => {
    ok(
      'name',
      'ci',
      'Ada Lovelace',
      'openai/api-key',
      'key_short',
      '漢字',
      '😀'.repeat(128),
      'a.b@c',
      'KEY_01HW1Q2R3S4T5V6V7W8X9Y0Z1A',
    );
    bad(
      'name',
      '',
      ' ',
      'a ',
      '\ta',
      'a\u0000',
      'a\u0085b',
      'a\u2029b',
      'a\udc00',
      id,
      'x'.repeat(129),
      '😀'.repeat(129),
      '\u00a0a',
    );
  });

  it('reference: a name or an id', () => {
    ok('reference', 'ci', id);
    bad('reference', '', ' x', 'a\nb', 'x'.repeat(129));
  });

  it('line and prose', () => {
    ok('line', '', 'a b', ' a ', '😀');
    bad('line', 'a\tb', 'a\nb', 'a\u2028', '\ud83d', '\u007f');
    ok('prose', '', 'a\tb\nc', 'a\r\nb', ' a\u2028b');
    bad('prose', 'a\rb', 'a\u0000', '\u001b[0m', '\udc00', '\u009b');
  });

  it('handle', () => {
    ok('handle', 'a', 'default', 'acme-ci', '0', 'a'.repeat(63));
    bad('handle', '', 'A', '-a', 'a-', 'a--b', 'a_b', 'a b', 'ä', 'a'.repeat(64), 'a\n');
  });

  it('permission', () => {
    ok('permission', 'mobius', 'mobius.keys.issue', 'mobius.secrets.*', 'actions.execute.send-mail_2', 'a.0');
    bad('permission', '', '*', 'a.', '.a', 'a..b', 'a.*.b', 'a*', 'A.b', '0a', 'a.*\n', 'a b');
  });

  it('key-prefix', () => {
    ok('key-prefix', 'a_', 'mbx_', 'mutx_live_', 'a1_2_');
    bad('key-prefix', '', '_', 'mbx', '1a_', 'a__', 'A_', 'toolongname_', 'a-b_', 'a_\n');
  });

  it('tag-key, tag-value and tag-filter', () => {
    ok('tag-key', 'env', 'mobius', 'a b', 'a:b');
    bad('tag-key', '', 'mobius:x', ' a', 'a\n', 'x'.repeat(129));
    ok('tag-value', '', 'x'.repeat(256), ' a ');
    bad('tag-value', 'a\n', 'x'.repeat(257), '\ud800');
    ok('tag-filter', 'env:prod', 'env:*', 'env:', 'a:b:c');
    bad('tag-filter', '', 'env', ':prod', 'env:a\n');
  });

  it('date-time: RFC 3339, on days that exist', () => {
    ok(
      'date-time',
      '2027-01-01T00:00:00Z',
      '2024-02-29T23:59:59.123456789+14:00',
      '2000-02-29T00:00:00-00:00',
      '0000-01-01T00:00:00Z',
    );
    bad(
      'date-time',
      '',
      '2027-01-01',
      '2027-01-01 00:00:00Z',
      '2027-01-01t00:00:00z',
      '2027-01-01T00:00Z',
      '2027-01-01T00:00:00',
    );
    bad(
      'date-time',
      '2027-02-29T00:00:00Z',
      '1900-02-29T00:00:00Z',
      '2027-04-31T00:00:00Z',
      '2027-13-01T00:00:00Z',
      '2027-00-01T00:00:00Z',
    );
    bad(
      'date-time',
      '2027-01-00T00:00:00Z',
      '2027-01-32T00:00:00Z',
      '2027-01-01T24:00:00Z',
      '2027-01-01T00:60:00Z',
      '2016-12-31T23:59:60Z',
    );
    bad(
      'date-time',
      '2027-01-01T00:00:00+24:00',
      '2027-01-01T00:00:00+00:60',
      '2027-01-01T00:00:00.Z',
      '2027-01-01T00:00:00.1234567890Z',
    );
    bad(
      'date-time',
      '2027-01-01T00:00:00Z\n',
      '+02027-01-01T00:00:00Z',
      '٢٠٢٧-01-01T00:00:00Z',
      '2027-01-01T00:00:00+0000',
    );
  });

  it('date-time: takes what a clock writes', () => {
    const day = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true });
    fc.assert(fc.property(day, (date) => ok('date-time', date.toISOString())));
  });

  it('uuid and ip', () => {
    ok('uuid', '01890a5d-ac96-774b-bcce-b302099a8057', '01890A5D-AC96-774B-BCCE-B302099A8057');
    bad(
      'uuid',
      '',
      '01890a5dac96774bbcceb302099a8057',
      '01890a5d-ac96-774b-bcce-b302099a805g',
      '{01890a5d-ac96-774b-bcce-b302099a8057}',
    );
    ok(
      'ip',
      '0.0.0.0',
      '255.255.255.255',
      '::',
      '::1',
      '1::',
      '2001:db8::7',
      '1:2:3:4:5:6:7:8',
      '::ffff:1.2.3.4',
      '1:2:3:4:5:6:1.2.3.4',
      '1::8',
      '1:2:3:4:5:6:7::',
    );
    bad(
      'ip',
      '',
      '1.2.3',
      '1.2.3.256',
      '01.2.3.4',
      '1.2.3.4.5',
      ':',
      ':::',
      '1:::2',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7::8',
      '12345::',
      'g::',
      '1.2.3.4::',
      '::1.2.3.4:5',
      '1:',
      ':1',
      'fe80::1%eth0',
      '::1/64',
      '1:2:3:4:5:6:7:1.2.3.4',
    );
  });
});
