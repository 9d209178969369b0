import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadSodium, randomBytes, type Sodium } from '../../src/crypto.ts';
import { MobiusError } from '../../src/errors.ts';
import type { Value } from '../../src/store/db.ts';
import { migrate } from '../../src/store/migrate.ts';
import { migrations } from '../../src/store/migrations.ts';
import type { Place, Sealer } from '../../src/store/sealer.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { addKeyslot, listKeyslots, openKeyslot } from '../../src/vault/keyslots.ts';
import { type Keys, makeSealer as sealerOver } from '../../src/vault/sealer.ts';

const makeSealer = (sodium: Sodium, vaultId: string, keys: Keys) => sealerOver(sodium, vaultId, () => keys);

let sodium: Sodium;
let keys: Keys;
let sealer: Sealer;
beforeAll(async () => {
  sodium = await loadSodium();
  keys = {
    records: new Map([[1, randomBytes(32)]]),
    epoch: 1,
    index: randomBytes(32),
    keyHash: randomBytes(32),
    audit: randomBytes(32),
    auditEpoch: 2,
  };
  sealer = makeSealer(sodium, 'vlt_one', keys);
});

const place: Place = {
  table: 'things',
  id: 'thing_1',
  clear: { owner: 'a', count: 1, hash: Uint8Array.of(1, 2), gone_at: null },
};
const plain = { name: 'something', tags: { ключ: '値' } };

const opens = (at: Place, sealed: Uint8Array, by = sealer): unknown => {
  try {
    return by.open(at, sealed);
  } catch (error) {
    expect(error).toBeInstanceOf(MobiusError);
    expect((error as MobiusError).code).toBe('damaged');
    return 'damaged';
  }
};

describe('a sealed row', () => {
  test('opens where it was sealed', () => {
    expect(opens(place, sealer.seal(place, plain))).toEqual(plain);
    expect(opens({ ...place, clear: {} }, sealer.seal({ ...place, clear: {} }, {}))).toEqual({});
  });

  test('opens nowhere else', () => {
    const sealed = sealer.seal(place, plain);
    const others: Place[] = [
      { ...place, table: 'others' },
      { ...place, id: 'thing_2' },
      { ...place, clear: {} },
      ...[
        { owner: 'b' },
        { owner: null },
        { owner: Uint8Array.of(97) },
        { count: 2 },
        { count: '1' },
        { count: null },
        { hash: Uint8Array.of(1, 3) },
        { hash: Uint8Array.of(1) },
        { hash: null },
        { gone_at: 0 },
        { gone_at: '' },
        { gone_at: new Uint8Array(0) },
        { more: 0 },
      ].map((change: Record<string, Value>): Place => ({ ...place, clear: { ...place.clear, ...change } })),
      { ...place, clear: { owner: 1, count: 'a', hash: Uint8Array.of(1, 2), gone_at: null } },
      { ...place, clear: { gone_at: 'a', count: 1, hash: Uint8Array.of(1, 2), owner: null } },
    ];
    for (const other of others) expect([other, opens(other, sealed)]).toEqual([other, 'damaged']);
    expect(opens(place, sealed, makeSealer(sodium, 'vlt_two', keys))).toBe('damaged');
    const otherKey = { ...keys, records: new Map([[1, randomBytes(32)]]) };
    expect(opens(place, sealed, makeSealer(sodium, 'vlt_one', otherKey))).toBe('damaged');
  });

  test('knows a column that is null from one that is not there no more than an older row does', () => {
    const { gone_at: _, ...older } = place.clear;
    expect(opens(place, sealer.seal({ ...place, clear: older }, plain))).toEqual(plain);
  });

  test('with any one bit turned, cut or grown, is damaged', () => {
    const sealed = sealer.seal(place, plain);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const turned = Uint8Array.from(sealed);
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect([bit, opens(place, turned)]).toEqual([bit, 'damaged']);
    }
    for (let length = 0; length < sealed.length; length++)
      expect(opens(place, sealed.subarray(0, length))).toBe('damaged');
    expect(opens(place, Uint8Array.from([...sealed, 0]))).toBe('damaged');
  });

  test('is another every time, and tells its size in steps of 64', () => {
    const lengths = new Set<number>();
    for (let length = 0; length < 300; length++) {
      const sealed = sealer.seal(place, { name: 'x'.repeat(length) });
      lengths.add(sealed.length);
      expect(opens(place, sealed)).toEqual({ name: 'x'.repeat(length) });
    }
    expect(new Set([...lengths].map((length) => length % 64)).size).toBe(1);
    expect(lengths.size).toBe(5);
    const twice = [sealer.seal(place, plain), sealer.seal(place, plain)];
    expect(twice[0]).not.toEqual(twice[1]);
  });

  test('of an earlier epoch opens with its key, and new ones are sealed with the latest', () => {
    const old = sealer.seal(place, plain);
    const second = { ...keys, records: new Map([...keys.records, [2, randomBytes(32)] as const]), epoch: 2 };
    const later = makeSealer(sodium, 'vlt_one', second);
    expect(opens(place, old, later)).toEqual(plain);
    const sealed = later.seal(place, plain);
    expect(opens(place, sealed, later)).toEqual(plain);
    expect(opens(place, sealed)).toBe('damaged');
    // A blob that says another epoch than it was sealed in does not open, were both keys the same.
    const [[, key] = [0, randomBytes(32)]] = keys.records;
    const alike = new Map([1, 2].map((epoch) => [epoch, key] as const));
    const either = makeSealer(sodium, 'vlt_one', { ...keys, records: alike });
    for (const blob of [old, sealed]) {
      const relabelled = Uint8Array.from(blob);
      relabelled[4] = relabelled[4] === 1 ? 2 : 1;
      expect([later, either].map((by) => opens(place, relabelled, by))).toEqual(['damaged', 'damaged']);
    }
  });
});

test('the hashes of two lists of parts are alike only where the lists are', () => {
  const parts = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\0', ':'), maxLength: 3 }), {
    minLength: 1,
    maxLength: 3,
  });
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  fc.assert(
    fc.property(parts, parts, (one, other) => {
      expect(hex(sealer.index(...one)) === hex(sealer.index(...other))).toBe(
        JSON.stringify(one) === JSON.stringify(other),
      );
    }),
    { numRuns: 1_000 },
  );
  // Texts that hold what would stand between two of them.
  for (const between of ['\u0001\0\0\0\u0001', '\u0001\0\0\0\0', '\0']) {
    expect(hex(sealer.index(`a${between}b`))).not.toBe(hex(sealer.index('a', 'b')));
  }
  expect(hex(sealer.index('x'))).not.toBe(hex(sealer.keyHash('x')));
  const sameKeys = makeSealer(sodium, 'vlt_one', { ...keys, index: keys.keyHash });
  expect(hex(sameKeys.index('x'))).not.toBe(hex(sameKeys.keyHash('x')));
});

test('a keyslot opens as it was made and not with any of its columns changed', async () => {
  const slot = { id: 'slot_1', kind: 'key-file', params: '{}', created_at: 5 };
  const [slotKey, rootKey] = [randomBytes(32), randomBytes(32)];
  const folder = mkdtempSync(join(tmpdir(), 'mobius-sealer-'));
  const db = await openSqlite(join(folder, 'vault.db'), { create: true });
  await migrate(db, migrations, { now: 1 });
  await addKeyslot(db, sodium, 'vlt_one', slot, slotKey, rootKey);
  const [{ sealed } = { sealed: new Uint8Array(0) }] = await listKeyslots(db);
  await db.close();
  rmSync(folder, { recursive: true });
  expect(openKeyslot(sodium, 'vlt_one', { ...slot, sealed }, slotKey)).toEqual(rootKey);
  for (const change of [{ id: 'slot_2' }, { kind: 'passphrase' }, { params: '{"opslimit":1}' }, { created_at: 6 }]) {
    expect(openKeyslot(sodium, 'vlt_one', { ...slot, sealed, ...change }, slotKey)).toBeUndefined();
  }
  expect(openKeyslot(sodium, 'vlt_two', { ...slot, sealed }, slotKey)).toBeUndefined();
  expect(openKeyslot(sodium, 'vlt_one', { ...slot, sealed }, randomBytes(32))).toBeUndefined();
});
