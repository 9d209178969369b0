import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { bookkeepingOf, openLocal } from '../../src/calls/local.ts';
import type { Call } from '../../src/operations.ts';
import { uuidSource } from '../../src/uuid.ts';
import { checkVault } from '../../src/vault/check.ts';
import { openVault, type World } from '../../src/vault/open.ts';
import type { KeySources } from '../../src/vault/unlock.ts';
import { readEverything } from '../frozen/readings.ts';

const frozen = join(import.meta.dirname, '..', 'frozen');
const folder = mkdtempSync(join(tmpdir(), 'mobius-frozen-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const versions = readdirSync(frozen).filter((name) => /^v\d+$/.test(name));

test('there is one of every format', () => {
  expect(versions).toEqual(['v1']);
});

describe.each(versions)('a vault of %s', (version) => {
  const text = (name: string): string => readFileSync(join(frozen, version, name), 'utf8').trim();
  const contents = JSON.parse(text('contents.json')) as {
    now: number;
    good_key: string;
    revoked_key: string;
    records: unknown;
  };
  const named = (name: string): NonNullable<KeySources['passphrase']> => ({
    source: name,
    read: async () => text(name),
  });
  const defaultKeyFile = (): string => join(folder, 'none');
  const ways: Readonly<Record<string, (at: string) => KeySources>> = {
    'key file': (at) => ({ defaultKeyFile, keyFile: join(at, 'fake-vault.key') }),
    'default key file': (at) => ({ defaultKeyFile: () => join(at, 'fake-vault.key') }),
    passphrase: () => ({ defaultKeyFile, passphrase: named('fake-passphrase.txt') }),
    'recovery code': () => ({ defaultKeyFile, passphrase: named('fake-recovery-code.txt') }),
  };
  const now = (): number => contents.now;
  const worldWith = (sodium: string): World => ({
    now,
    newUuid: uuidSource(now, (bytes) => crypto.getRandomValues(bytes)),
    sodium,
  });

  const expectContents = async (call: Call): Promise<void> => {
    expect(await readEverything(call)).toEqual(contents.records);
    expect(await call('api-keys.verify', { key: contents.good_key })).toMatchObject({ valid: true });
    expect(await call('api-keys.verify', { key: contents.revoked_key })).toMatchObject({
      valid: false,
      code: 'REVOKED',
    });
  };

  test.each(Object.keys(ways).flatMap((way) => ['native', 'wasm'].map((binding) => ({ way, binding }))))(
    'opens with its $way ($binding), is whole and can be written',
    async ({ way, binding }) => {
      const at = join(folder, `${version}-${way}-${binding}`.replaceAll(' ', '-'));
      cpSync(join(frozen, version), at, { recursive: true });
      const place = { path: join(at, 'vault.db'), keys: ways[way]?.(at) ?? { defaultKeyFile } };
      const world = worldWith(binding);
      const wholeness = async () => checkVault(world, place, bookkeepingOf(world), () => undefined);
      expect(await wholeness()).toMatchObject({ ok: true, problems: [], remarks: [] });

      const first = await openLocal(world, place, { kind: 'owner' });
      await expectContents(first.call).finally(first.close);

      const second = await openLocal(world, place, { kind: 'owner' });
      try {
        await second.call('principals.create', { name: 'new', role_ids: ['Café'], with_key: {} });
        await second.call('api-keys.revoke', { id: 'good' });
      } finally {
        await second.close();
      }
      const third = await openLocal(world, place, { kind: 'owner' });
      try {
        expect(await third.call('principals.get', { id: 'new' })).toMatchObject({ name: 'new' });
        expect(await third.call('api-keys.verify', { key: contents.good_key })).toMatchObject({ valid: false });
      } finally {
        await third.close();
      }
      expect(await wholeness()).toMatchObject({ ok: true, problems: [] });
    },
  );

  test('stays shut for any other secret', async () => {
    const at = join(folder, `${version}-wrong`);
    cpSync(join(frozen, version), at, { recursive: true });
    const passphrase = { source: 'a test', read: async () => `${text('fake-passphrase.txt')}.` };
    const place = { path: join(at, 'vault.db'), keys: { defaultKeyFile, passphrase } };
    await expect(openVault(worldWith('native'), place)).rejects.toMatchObject({ code: 'locked' });
  });

  test('is small, and one file', () => {
    expect(statSync(join(frozen, version, 'vault.db')).size).toBeLessThanOrEqual(200 * 1024);
    expect(['-wal', '-shm'].filter((part) => existsSync(join(frozen, version, `vault.db${part}`)))).toEqual([]);
  });
});
