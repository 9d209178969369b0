import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bookkeepingOf, openLocal } from '../../src/calls/local.ts';
import { typeId } from '../../src/core/ids.ts';
import { formatKey, parseKey } from '../../src/core/key-format.ts';
import { loadSodium, type Sodium } from '../../src/crypto.ts';
import { type AuditColumns, linkOf, macOf } from '../../src/store/audit.ts';
import { canonical, canonicalColumns, concat } from '../../src/store/canonical.ts';
import type { Query, Row, Value } from '../../src/store/db.ts';
import { migrate } from '../../src/store/migrate.ts';
import { migrations } from '../../src/store/migrations.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { useSecrets } from '../../src/use/resolve.ts';
import { uuidSource } from '../../src/uuid.ts';
import { checkVault } from '../../src/vault/check.ts';
import { nextRootPlace } from '../../src/vault/following.ts';
import { openKeyring } from '../../src/vault/keyring.ts';
import { type Keyslot, openKeyslot } from '../../src/vault/keyslots.ts';
import type { World } from '../../src/vault/open.ts';
import { passphraseBytes } from '../../src/vault/passphrase.ts';
import { parseRecoveryCode } from '../../src/vault/recovery-code.ts';
import { type Keys, makeSealer, openBlob, sealBlob } from '../../src/vault/sealer.ts';
import { slotKey } from '../../src/vault/slot-keys.ts';
import type { KeySources } from '../../src/vault/unlock.ts';

interface Hex {
  hex: string;
}
type Named = Readonly<Record<string, string | number | Hex>>;
type StoredRow = Readonly<Record<string, string | number | null | Hex>>;

interface Blob {
  key: Hex;
  epoch: number;
  nonce: Hex;
  associated: Hex;
  plain: Hex;
  sealed: Hex;
}

interface Vectors {
  canonical: { canonical: { values: Named; bytes: Hex }[]; columns: { row: StoredRow; bytes: Hex }[] };
  blob: { blobs: Blob[]; padding: { text: string; padded: Hex }[]; padme: { length: number; padded: number }[] };
  keys: {
    type_ids: { prefix: string; uuid: Hex; id: string }[];
    keys: { prefix: string; random: Hex; key: string }[];
    recovery_codes: { random: Hex; secret: string; checksum: string; code: string }[];
    argon2id: {
      passphrase: string;
      bytes: Hex;
      salt: Hex;
      operations: number;
      memory_bytes: number;
      key: Hex;
    }[];
    slot_keys: { kind: string; params: string; secret: string; key: Hex }[];
  };
  vault: {
    vault_id: string;
    now: number;
    root_key: Hex;
    next_root_key: Hex;
    opened_by: { key_file: string; keychain: string; recovery: string; passphrase: string };
    ring: { purpose: string; epoch: number; key: Hex }[];
    blobs: (Blob & { step: string; inputs: Record<string, unknown> })[];
    indexes: { parts: Record<string, string>; hash: Hex }[];
    api_keys: { good: string; revoked: string };
    api_key_hashes: { key: string; hash: Hex }[];
    audit: { id: string; clear: StoredRow; text: string; before: Hex; seq: number; mac: Hex; hash: Hex }[];
    tables: { table: string; row: StoredRow }[];
  };
}

const vectorsOf = <K extends keyof Vectors>(name: K): Vectors[K] =>
  JSON.parse(readFileSync(join(import.meta.dirname, '..', 'vectors', `${name}.json`), 'utf8')) as Vectors[K];

const files = {
  canonical: vectorsOf('canonical'),
  blob: vectorsOf('blob'),
  keys: vectorsOf('keys'),
  vault: vectorsOf('vault'),
};

const hex = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString('hex');
const bytes = ({ hex: digits }: Hex): Uint8Array => new Uint8Array(Buffer.from(digits, 'hex'));
const unhex = <T>(value: T | Hex): T | Uint8Array =>
  typeof value === 'object' && value !== null && 'hex' in value ? bytes(value as Hex) : (value as T);
const rowOf = (row: StoredRow): Row =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, unhex(value) as Value]));

describe('canonical bytes', () => {
  test.each(files.canonical.canonical)('of $values', ({ values, bytes: expected }) => {
    const [label, ...parts] = Object.values(values).map(unhex);
    expect(hex(canonical(label as string, ...parts))).toBe(expected.hex);
  });

  test.each([0, 1, 127, 128, 255, 256, 65_535, 65_536, 70_000])('of parts of %i bytes, in one way', (length) => {
    const framed = (tag: number, body: Buffer): Buffer => {
      const head = Buffer.from([tag, 0, 0, 0, 0]);
      head.writeUInt32BE(body.length, 1);
      return Buffer.concat([head, body]);
    };
    const [ascii, other] = ['a'.repeat(length), 'ä'.repeat(length / 2)];
    const bytes = Buffer.alloc(length, 0xe4);
    const expected = [Buffer.from('label'), Buffer.from(ascii), Buffer.from(other)].map((body) => framed(1, body));
    expected.push(framed(3, bytes), framed(2, Buffer.from('7')));
    expect(hex(canonical('label', ascii, other, bytes, 7))).toBe(Buffer.concat(expected).toString('hex'));
    const plain = [expected[0], expected[1], expected[3]] as Buffer[];
    expect(hex(canonical('label', ascii, bytes))).toBe(Buffer.concat(plain).toString('hex'));
  });

  test.each(files.canonical.columns)('of the columns $row', ({ row, bytes: expected }) => {
    expect(hex(canonicalColumns(rowOf(row)))).toBe(expected.hex);
  });
});

describe('what a person holds', () => {
  test.each(files.keys.type_ids)('the id $id', ({ prefix, uuid, id }) => {
    expect(typeId(prefix, bytes(uuid))).toBe(id);
  });

  test.each(files.keys.keys)('the key $key', ({ prefix, random, key }) => {
    expect(formatKey(prefix, bytes(random))).toBe(key);
    expect(parseKey(key)).toEqual({ ok: true, key, prefix });
  });

  test.each(files.keys.recovery_codes)('the recovery code $code', ({ secret, checksum, code }) => {
    expect(parseRecoveryCode(code)).toBe(secret);
    expect(code.replaceAll('-', '')).toBe(secret + checksum);
    const mistyped = `${checksum.startsWith('0') ? '1' : '0'}${checksum.slice(1)}`;
    expect(parseRecoveryCode(secret + mistyped)).toBeUndefined();
    expect(parseRecoveryCode(` ${code.toLowerCase().replaceAll('0', 'o').replaceAll('1', 'l')}\n`)).toBe(secret);
  });
});

describe.each(['native', 'wasm'] as const)('with the %s libsodium', (binding) => {
  let sodium: Sodium;
  beforeAll(async () => {
    sodium = await loadSodium(binding);
    expect(sodium.binding).toBe(binding);
  });

  /** The nonce of a product's blob is random, so the literal is opened by it, and made again around it. */
  const expectBlob = ({ key, epoch, nonce, associated, plain, sealed }: Blob): void => {
    expect(hex(openBlob(sodium, bytes(key), bytes(associated), bytes(sealed)))).toBe(plain.hex);
    const head = Uint8Array.of(1, epoch >>> 24, epoch >>> 16, epoch >>> 8, epoch);
    const cipher = sodium.aeadSeal(bytes(plain), concat(head, bytes(associated)), bytes(nonce), bytes(key));
    expect(hex(concat(head, bytes(nonce), cipher))).toBe(sealed.hex);
    const fresh = sealBlob(sodium, bytes(key), epoch, bytes(associated), bytes(plain));
    expect(hex(fresh.subarray(0, 5))).toBe(hex(head));
    const again = sodium.aeadSeal(bytes(plain), concat(head, bytes(associated)), fresh.subarray(5, 29), bytes(key));
    expect(hex(fresh.subarray(29))).toBe(hex(again));
  };

  test.each(files.blob.blobs)('a blob of epoch $epoch', expectBlob);

  const ringKey = (purpose: string, epoch = 1): Uint8Array => {
    const found = files.vault.ring.find((one) => one.purpose === purpose && one.epoch === epoch);
    if (found === undefined) throw new Error(`no ${purpose} key of epoch ${epoch}`);
    return bytes(found.key);
  };
  const keys = (epoch: number): Keys => ({
    records: new Map([1, 2].map((one) => [one, ringKey('record', one)])),
    epoch,
    index: ringKey('index'),
    keyHash: ringKey('key-hash'),
    audit: ringKey('audit'),
    auditEpoch: 1,
  });
  const sealer = () => makeSealer(sodium, files.vault.vault_id, () => keys(2));

  test.each(files.blob.padding)('the padding of $text', ({ text, padded }) => {
    const place = { table: 'projects', id: 'prj_x', clear: {} };
    const sealed = makeSealer(sodium, 'vlt_x', () => keys(1)).seal(place, JSON.parse(text));
    const associated = canonical('mobius/row/1', 'vlt_x', 'projects', 'prj_x');
    expect(hex(openBlob(sodium, ringKey('record'), associated, sealed))).toBe(padded.hex);
  });

  test.each(files.blob.padme)('the padding of $length bytes by Padmé', ({ length, padded }) => {
    const { dataKey, sealed } = sealer().sealValues('ver_x', new Uint8Array(length).fill(0x78));
    expect(sealed.length).toBe(5 + 24 + padded + 16);
    expect(sealer().openValues('ver_x', dataKey, sealed).length).toBe(length);
  });

  test.each(files.keys.argon2id)('Argon2id of $operations passes over $memory_bytes bytes', async (one) => {
    expect(hex(passphraseBytes(one.passphrase))).toBe(one.bytes.hex);
    const cost = { operations: one.operations, memoryBytes: one.memory_bytes };
    expect(hex(await sodium.argon2id(bytes(one.bytes), bytes(one.salt), cost))).toBe(one.key.hex);
  });

  test.each(files.keys.slot_keys)('the key of a $kind slot', async ({ kind, params, secret, key }) => {
    expect(hex(await slotKey(sodium, { id: 'slot', kind, params }, secret))).toBe(key.hex);
  });

  test.each(files.vault.blobs)('a blob of the step $step: $inputs', (one) => {
    expectBlob(one);
    const { step, inputs, sealed } = one;
    if (step === 'keyslot') {
      const slot = { ...inputs, sealed: bytes(sealed) } as unknown as Keyslot;
      const root = openKeyslot(sodium, files.vault.vault_id, slot, bytes(one.key));
      expect(hex(root)).toBe(files.vault.root_key.hex);
    } else if (step === 'next-root') {
      expect(hex(nextRootPlace(files.vault.vault_id, String(inputs.id)))).toBe(one.associated.hex);
      expect(one.plain.hex).toBe(files.vault.next_root_key.hex);
    } else if (step === 'values') {
      const { version_id: id, text } = inputs as { version_id: string; text: string };
      const dataKey = Buffer.from(bytes(one.key)).toString('base64');
      expect(Buffer.from(sealer().openValues(id, dataKey, bytes(sealed))).toString()).toBe(text);
      const again = sealer().sealValues(id, Buffer.from(text));
      const key = new Uint8Array(Buffer.from(again.dataKey, 'base64'));
      expect(hex(openBlob(sodium, key, bytes(one.associated), again.sealed))).toBe(one.plain.hex);
    } else if (step === 'row') {
      const { table, id, clear, text } = inputs as { table: string; id: string; clear: StoredRow; text: string };
      const place = { table, id, clear: rowOf(clear) };
      expect(sealer().open(place, bytes(sealed))).toEqual(JSON.parse(text));
      const again = makeSealer(sodium, files.vault.vault_id, () => keys(one.epoch)).seal(place, JSON.parse(text));
      expect(hex(openBlob(sodium, bytes(one.key), bytes(one.associated), again))).toBe(one.plain.hex);
    }
  });

  test('the keyring', async () => {
    const ring = files.vault.tables.filter(({ table }) => table === 'keyring').map(({ row }) => rowOf(row));
    const query = { all: async () => ring } as unknown as Query;
    expect(await openKeyring(query, sodium, files.vault.vault_id, bytes(files.vault.root_key))).toEqual(keys(2));
  });

  test.each(files.vault.indexes)('the look-up hash of $parts', ({ parts, hash }) => {
    expect(hex(sealer().index(...Object.values(parts)))).toBe(hash.hex);
  });

  test.each(files.vault.api_key_hashes)('the hash of the API key $key', ({ key, hash }) => {
    expect(hex(sealer().keyHash(key))).toBe(hash.hex);
  });

  test.each(files.vault.audit)('the MAC and the link of audit row $seq', (one) => {
    const store = { db: {} as Query, sealer: sealer() };
    const mac = macOf(store, one.id, rowOf(one.clear) as AuditColumns, JSON.parse(one.text));
    expect(hex(mac)).toBe(one.mac.hex);
    expect(hex(linkOf(store, bytes(one.before), one.seq, one.id, mac))).toBe(one.hash.hex);
  });
});

describe('the vault that these rows make', () => {
  const { vault } = files;
  const folder = mkdtempSync(join(tmpdir(), 'mobius-vectors-'));
  const path = join(folder, 'vault.db');
  const keyFile = join(folder, 'vault.key');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const world = (binding: string): World => ({
    now: () => vault.now,
    newUuid: uuidSource(
      () => vault.now,
      (random) => crypto.getRandomValues(random),
    ),
    sodium: binding,
  });

  beforeAll(async () => {
    writeFileSync(keyFile, `${vault.opened_by.key_file}\n`);
    const db = await openSqlite(path, { create: true });
    await migrate(db, migrations, { now: vault.now });
    for (const { table, row } of vault.tables) {
      const columns = Object.keys(row);
      const places = columns.map((_, i) => `$${i + 1}`).join(', ');
      await db.run(`insert into ${table} (${columns.join(', ')}) values (${places})`, Object.values(rowOf(row)));
    }
    await db.close();
  });

  const defaultKeyFile = (): string => join(folder, 'none');
  const named = (text: string) => ({ source: 'a test', read: async () => text });
  const ways: Record<string, KeySources> = {
    'its key file': { defaultKeyFile, keyFile },
    'the text of its key file': {
      defaultKeyFile,
      key: { source: 'a test', read: async () => vault.opened_by.key_file },
    },
    'its keychain': { defaultKeyFile, keychain: async () => vault.opened_by.keychain },
    'its recovery code': { defaultKeyFile, passphrase: named(vault.opened_by.recovery) },
    'its passphrase': { defaultKeyFile, passphrase: named(vault.opened_by.passphrase) },
    'its passphrase, composed': { defaultKeyFile, passphrase: named(vault.opened_by.passphrase.normalize('NFC')) },
  };

  test.each(['native', 'wasm'].flatMap((binding) => Object.keys(ways).map((way) => ({ binding, way }))))(
    'opens with $way ($binding)',
    async ({ binding, way }) => {
      const keys = ways[way] ?? { defaultKeyFile };
      const { call, close } = await openLocal(world(binding), { path, keys }, { kind: 'owner' });
      try {
        const zoe = await call('principals.get', { id: 'Zoë' });
        expect(zoe).toMatchObject({ kind: 'user', metadata: { desk: [1, 2.5, null] }, tags: { env: 'prod' } });
        expect((await call('principals.list', { tag: ['a:b:c:d', 'env:*'] })).items).toEqual([zoe]);
        expect(await call('roles.get', { id: 'café' })).toMatchObject({ name: 'CAFE\u0301', tags: { t: '' } });
        expect((await call('api-keys.list', {})).items.map(({ name, state }) => [name, state])).toEqual([
          ['good', 'active'],
          ['revoked', 'revoked'],
        ]);
        expect(await call('secrets.get', { secret: 'db/prød' })).toMatchObject({ version: 2, key_names: ['a', '€'] });
        const { texts } = await useSecrets(async () => ({ call, project: 'default', close: async () => undefined }), {
          texts: { both: '${secret:db/prød@2.a} ${secret:db/prød.€}' },
          secrets: [],
        });
        expect(texts).toEqual({ both: '2 Zoë "/\\\n' });
        expect(await call('api-keys.verify', { key: vault.api_keys.good })).toMatchObject({ valid: true });
        expect(await call('api-keys.verify', { key: vault.api_keys.revoked })).toMatchObject({ valid: false });
      } finally {
        await close();
      }
    },
  );

  test('is whole', async () => {
    const place = { path, keys: { defaultKeyFile, keyFile } };
    const report = await checkVault(world('native'), place, bookkeepingOf(world('native')), () => undefined);
    expect(report.problems).toEqual([]);
    expect(report.remarks).toHaveLength(1);
    expect(report.remarks[0]).toContain('a re-key is under way');
  });
});
