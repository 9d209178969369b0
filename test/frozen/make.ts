import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocal, openLocal } from '../../src/calls/local.ts';
import { uuidSource } from '../../src/uuid.ts';
import { newRecoveryCode } from '../../src/vault/recovery-code.ts';
import { passphraseParams } from '../../src/vault/slot-keys.ts';
import { addSlot, newSlot } from '../../src/vault/slots.ts';
import { readEverything } from './readings.ts';

/**
 * Makes the frozen vault of the format of today: npx tsx test/frozen/make.ts <version>. A version that was released is
 * never made again.
 */
const version = process.argv[2];
if (version === undefined || !/^v\d+$/.test(version)) throw new Error('usage: make.ts v<number>');

const target = join(import.meta.dirname, version);
const folder = mkdtempSync(join(tmpdir(), 'mobius-frozen-'));
const keyFile = join(folder, 'fake-vault.key');
const place = { path: join(folder, 'vault.db'), keys: { keyFile, defaultKeyFile: () => keyFile } };
const clock = { now: Date.parse('2026-01-01T00:00:00Z') };
const now = (): number => clock.now++;
const world = { now, newUuid: uuidSource(now, (bytes) => crypto.getRandomValues(bytes)) };
const fakePassphrase = 'plainly a fake passphrase of a frozen vault: Zoë';
const fakeRecoveryCode = newRecoveryCode();

try {
  await createLocal(world, place);
  const { vault, record, call, close } = await openLocal(world, place, { kind: 'owner' });
  const cost = { operations: 1, memoryBytes: 8 * 2 ** 20 };
  for (const [kind, secret, params] of [
    ['passphrase', fakePassphrase, passphraseParams(cost)],
    ['recovery', fakeRecoveryCode, '{}'],
  ] as const) {
    await addSlot(vault, newSlot(world, kind, params), secret, (tx, slot) =>
      record(tx, 'vault.keyslots.add', { type: 'keyslot', id: slot.id, changes: { kind } }),
    );
  }
  const tags = { env: 'prod', 'a:b': 'c:d' };
  await call('roles.create', {
    name: 'Café',
    description: 'verifies',
    permissions: ['mobius.keys.verify', 'actions.execute.*'],
    tags,
  });
  await call('principals.create', {
    name: 'Zoë',
    description: 'a person, "quoted" \\ 🔑',
    metadata: { desk: [1, 2.5, null], nested: { a: { b: 'c' } } },
    role_ids: ['Café', 'Worker'],
    tags,
  });
  await call('principals.create', { name: 'robot', owner_id: 'Zoë', role_ids: ['Viewer'] });
  await call('principals.create', { name: 'off', role_ids: ['Viewer'] });
  const good = await call('api-keys.create', { name: 'good', principal_id: 'Zoë', tags });
  const revoked = await call('api-keys.create', { name: 'revoked', principal_id: 'robot' });
  await call('api-keys.create', { name: 'brief', principal_id: 'robot', expires_at: '2026-01-02T00:00:00Z' });
  await call('api-keys.create', { name: 'idle', principal_id: 'robot' });
  await call('api-keys.revoke', { id: 'revoked' });
  await call('api-keys.update', { id: 'idle', state: 'disabled' });
  await call('principals.update', { id: 'off', state: 'disabled' });
  await call('projects.create', { name: 'Another', handle: 'another', description: 'archived' });
  await call('principals.create', { project: 'another', name: 'Zoë' });
  await call('projects.archive', { id: 'another' });
  await call('api-keys.verify', { key: good.key });
  clock.now = Date.parse('2026-02-01T00:00:00Z');
  const records = await readEverything(call);
  await vault.file?.truncateLog();
  await close();
  mkdirSync(target);
  copyFileSync(place.path, join(target, 'vault.db'));
  copyFileSync(keyFile, join(target, 'fake-vault.key'));
  writeFileSync(join(target, 'fake-passphrase.txt'), `${fakePassphrase}\n`);
  writeFileSync(join(target, 'fake-recovery-code.txt'), `${fakeRecoveryCode}\n`);
  const contents = { now: clock.now, good_key: good.key, revoked_key: revoked.key, records };
  writeFileSync(join(target, 'contents.json'), `${JSON.stringify(contents, null, 2)}\n`);
  execFileSync('npx', ['biome', 'format', '--write', join(target, 'contents.json')], { stdio: 'ignore' });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
