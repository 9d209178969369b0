import fc from 'fast-check';
import { TypeID } from 'typeid-js';
import { describe, expect, it } from 'vitest';
import { idPrefixes, isId, parseTypeId, parseUuidText, typeId, uuidText } from '../../src/core/ids.ts';
import { randomBytes } from '../../src/crypto.ts';
import { MobiusError } from '../../src/errors.ts';
import { uuidSource } from '../../src/uuid.ts';

const uuids = fc.uint8Array({ minLength: 16, maxLength: 16 });
const prefixes = fc.stringMatching(/^([a-z]([a-z_]{0,61}[a-z])?)?$/);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const newUuid = uuidSource(Date.now, (bytes) => bytes.set(randomBytes(bytes.length)));

describe('the published vectors of TypeID', () => {
  it.each([
    ['00000000000000000000000000', '', '00000000-0000-0000-0000-000000000000'],
    ['00000000000000000000000001', '', '00000000-0000-0000-0000-000000000001'],
    ['0000000000000000000000000a', '', '00000000-0000-0000-0000-00000000000a'],
    ['0000000000000000000000000g', '', '00000000-0000-0000-0000-000000000010'],
    ['00000000000000000000000010', '', '00000000-0000-0000-0000-000000000020'],
    ['7zzzzzzzzzzzzzzzzzzzzzzzzz', '', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
    ['prefix_0123456789abcdefghjkmnpqrs', 'prefix', '0110c853-1d09-52d8-d73e-1194e95b5f19'],
    ['prefix_01h455vb4pex5vsknk084sn02q', 'prefix', '01890a5d-ac96-774b-bcce-b302099a8057'],
    ['pre_fix_00000000000000000000000000', 'pre_fix', '00000000-0000-0000-0000-000000000000'],
  ])('%s', (text, prefix, uuid) => {
    const parsed = parseTypeId(text);
    expect(parsed?.prefix).toBe(prefix);
    expect(uuidText(parsed?.uuid ?? new Uint8Array())).toBe(uuid);
    expect(typeId(prefix, parseUuidText(uuid) ?? new Uint8Array())).toBe(text);
  });

  it.each([
    'PREFIX_00000000000000000000000000',
    '12345_00000000000000000000000000',
    'pre.fix_00000000000000000000000000',
    'préfix_00000000000000000000000000',
    '  prefix_00000000000000000000000000',
    'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl_00000000000000000000000000',
    '_00000000000000000000000000',
    '_',
    'prefix_1234567890123456789012345',
    'prefix_123456789012345678901234567',
    'prefix_1234567890123456789012345 ',
    'prefix_0123456789ABCDEFGHJKMNPQRS',
    'prefix_123456789-123456789-123456',
    'prefix_ooooooiiiiiiuuuuuuulllllll',
    'prefix_i23456789ol23456789oi23456',
    'prefix_123456789-0123456789-0123456',
    'prefix_8zzzzzzzzzzzzzzzzzzzzzzzzz',
    '_prefix_00000000000000000000000000',
    'prefix__00000000000000000000000000',
    // And a few that the specification doesn't list.
    '',
    'prefix',
    'prefix_',
    'prefix_00000000000000000000000000\n',
    'prefix_0000000000000000000000000\u0660',
  ])('refuses "%s"', (text) => {
    expect(parseTypeId(text)).toBeUndefined();
  });
});

describe('typeId and parseTypeId', () => {
  it('are inverse', () => {
    fc.assert(
      fc.property(prefixes, uuids, (prefix, uuid) => {
        expect(parseTypeId(typeId(prefix, uuid))).toEqual({ prefix, uuid });
      }),
    );
  });

  it('agree with another implementation', () => {
    fc.assert(
      fc.property(prefixes, uuids, (prefix, uuid) => {
        const theirs = TypeID.fromUUIDBytes(prefix, uuid).toString();
        expect(typeId(prefix, uuid)).toBe(theirs);
        expect(parseTypeId(theirs)?.uuid).toEqual(TypeID.fromString(theirs).toUUIDBytes());
        // Theirs gives the text of no UUID that isn't of a known version.
        const seven = uuid.with(6, 0x70 | ((uuid[6] ?? 0) & 0x0f)).with(8, 0x80 | ((uuid[8] ?? 0) & 0x3f));
        expect(uuidText(seven)).toBe(TypeID.fromUUIDBytes(prefix, seven).toUUID());
      }),
    );
  });

  it('keep the order', () => {
    const near = fc
      .tuple(uuids, fc.nat(15), fc.nat(255))
      .map(([uuid, at, byte]) => [uuid, uuid.with(at, byte)] as const);
    fc.assert(
      fc.property(near, ([a, b]) => {
        const [one, other] = [typeId('key', a), typeId('key', b)];
        expect(one < other).toBe(Buffer.compare(a, b) < 0);
        expect(one === other).toBe(Buffer.compare(a, b) === 0);
      }),
      { numRuns: 1000 },
    );
  });

  it('take no second spelling of an id', () => {
    const id = typeId('key', newUuid());
    fc.assert(
      fc.property(
        fc.nat(id.length - 1),
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
        (at, character) => {
          const text = id.slice(0, at) + character + id.slice(at + 1);
          const parsed = parseTypeId(text);
          if (parsed !== undefined) expect(typeId(parsed.prefix, parsed.uuid)).toBe(text);
        },
      ),
      { numRuns: 2000 },
    );
    for (let at = 'key_'.length; at < id.length; at++) {
      for (const character of 'ilou\u212aAZ-_ ') {
        expect(parseTypeId(id.slice(0, at) + character + id.slice(at + 1))).toBeUndefined();
      }
    }
    expect(parseTypeId(id.toUpperCase())).toBeUndefined();
    expect(parseTypeId(id.replace(/_./, '_8'))).toBeUndefined();
  });

  it.each(['Key', 'key_', '_key', 'k3y', 'ké', 'a'.repeat(64), 'key\n'])('refuse to make an id with "%s"', (prefix) => {
    expect(() => typeId(prefix, new Uint8Array(16))).toThrow(MobiusError);
  });

  it.each([0, 15, 17])('refuse to make an id or a text of %d bytes', (length) => {
    expect(() => typeId('key', new Uint8Array(length))).toThrow(MobiusError);
    expect(() => uuidText(new Uint8Array(length))).toThrow(MobiusError);
  });
});

describe('isId', () => {
  it('tells the prefixes apart', () => {
    const all = Object.values(idPrefixes);
    expect(new Set(all).size).toBe(all.length);
    for (const one of all) {
      const id = typeId(one, newUuid());
      for (const other of all) expect(isId(id, other)).toBe(one === other);
    }
  });

  it('is false for a part of the prefix', () => {
    const id = typeId('prin', newUuid());
    for (const prefix of ['', 'p', 'pri', 'rin', 'prin_']) expect(isId(id, prefix)).toBe(false);
  });

  it('is false for a name', () => {
    for (const name of ['Worker', 'key', 'key_', 'key_worker', `${typeId('key', new Uint8Array(16))} `]) {
      expect(isId(name, 'key')).toBe(false);
    }
  });
});

describe('the UUID spelling', () => {
  it('goes there and back, in either case', () => {
    fc.assert(
      fc.property(uuids, (uuid) => {
        const text = uuidText(uuid);
        expect(text).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
        expect(text.replaceAll('-', '')).toBe(hex(uuid));
        expect(parseUuidText(text)).toEqual(uuid);
        expect(parseUuidText(text.toUpperCase())).toEqual(uuid);
      }),
    );
  });

  it.each([
    '',
    '01890a5dac96774bbcceb302099a8057',
    '{01890a5d-ac96-774b-bcce-b302099a8057}',
    'urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057',
    '01890a5d-ac96-774b-bcce-b302099a805',
    '01890a5d-ac96-774b-bcce-b302099a80577',
    '01890a5d-ac96-774b-bcce-b302099a805g',
    '01890a5da-c96-774b-bcce-b302099a8057',
    ' 01890a5d-ac96-774b-bcce-b302099a8057',
    '01890a5d-ac96-774b-bcce-b302099a8057\n',
  ])('refuses "%s"', (text) => {
    expect(parseUuidText(text)).toBeUndefined();
  });
});
