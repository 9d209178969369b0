import { spawn } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Call } from '../../src/operations.ts';
import { faultsOf, storedEntries } from './chain.ts';
import { makeVault, outcome, type TestVault } from './world.ts';

let vault: TestVault;
beforeEach(async () => {
  vault = await makeVault();
  await vault.owner('principals.create', { name: 'worker', role_ids: ['Worker'] });
});
afterEach(() => vault.close());

const whole = (): void => expect(faultsOf(vault.vault, storedEntries(vault))).toEqual([]);

const allKeys = async () => {
  const items: { name: string; state: string }[] = [];
  let cursor: string | undefined;
  do {
    const page = await vault.owner('api-keys.list', { limit: 200, ...(cursor === undefined ? {} : { cursor }) });
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== undefined && items.length < 1_000);
  return items;
};

const times = 8;

/** As it is bundled for the product, so that it starts fast enough for many. */
const bundled = async (): Promise<string> => {
  const place = join(vault.folder, 'bundle');
  mkdirSync(place);
  symlinkSync(resolve('node_modules'), join(place, 'node_modules'), 'dir');
  const outfile = join(place, 'child.mjs');
  await build({
    entryPoints: [resolve('test/core/child.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
  return outfile;
};

const run = (file: string, args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> =>
  new Promise((done, failed) => {
    const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (part) => {
      said.stdout += part;
    });
    child.stderr.on('data', (part) => {
      said.stderr += part;
    });
    child.on('error', failed);
    child.on('close', (code) => done({ code, ...said }));
  });

test('ten processes at once: every name is had once, no change is lost, the audit log has no gap', async () => {
  const file = await bundled();
  const keyFile = vault.place.keys.defaultKeyFile(vault.vault.id);
  const names = Array.from({ length: 10 }, (_, i) => `process ${i}`);
  const before = storedEntries(vault).length;
  const ended = await Promise.all(names.map((name) => run(file, [vault.path, keyFile, name, `${times}`])));
  for (const { code, stderr } of ended) expect({ code, stderr }).toEqual({ code: 0, stderr: '' });

  const won = ended.flatMap(({ stdout }) => JSON.parse(stdout) as string[]);
  const wanted = Array.from({ length: times }, (_, i) => `wanted ${i}`);
  expect(won.sort()).toEqual(wanted);
  const keys = await allKeys();
  expect(
    keys
      .map(({ name }) => name)
      .filter((name) => name.startsWith('wanted'))
      .sort(),
  ).toEqual(wanted);
  const own = keys.filter(({ name }) => name.startsWith('process'));
  expect(own).toHaveLength(names.length * times);
  for (const { name, state } of own)
    expect([name, state]).toEqual([name, Number(name.at(-1)) % 2 === 0 ? 'revoked' : 'active']);
  expect(storedEntries(vault).length - before).toBe(names.length * (times + times / 2) + times);
  whole();
}, 60_000);

test('two handles of one process do the same', async () => {
  const handles = await Promise.all([vault.open(), vault.open()]);
  const calls: Call[] = handles.map(({ call }) => call);
  const wins = await Promise.all(
    calls.flatMap((call, handle) =>
      Array.from({ length: 12 }, async (_, i) => {
        const { id } = await call('api-keys.create', { name: `own ${handle} ${i}`, principal_id: 'worker' });
        const { code } = await outcome(call('api-keys.create', { name: `wanted ${i}`, principal_id: 'worker' }));
        await call('api-keys.revoke', { id });
        return code;
      }),
    ),
  );
  expect(wins.filter((code) => code === undefined)).toHaveLength(12);
  expect(wins.filter((code) => code === 'already_exists')).toHaveLength(12);
  const keys = await allKeys();
  expect(
    keys
      .filter(({ state }) => state === 'active')
      .map(({ name }) => name)
      .sort(),
  ).toEqual(Array.from({ length: 12 }, (_, i) => `wanted ${i}`).sort());
  whole();
});

test('revoking one key many times at once is one revocation', async () => {
  const { id } = await vault.owner('api-keys.create', { name: 'once', principal_id: 'worker' });
  const handles = await Promise.all(Array.from({ length: 4 }, () => vault.open()));
  const before = storedEntries(vault).length;
  await Promise.all(handles.map(({ call }) => call('api-keys.revoke', { id })));
  expect(storedEntries(vault).length - before).toBe(1);
});

test('a call that waits for another’s change sees it: what is revoked in between is refused', async () => {
  const { call, keyId } = await vault.client('issuer', ['Operator']);
  const elsewhere = await vault.open();
  const revoking = elsewhere.call('api-keys.revoke', { id: keyId });
  const results = await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      outcome(call('api-keys.create', { name: `late ${i}`, principal_id: 'worker' })),
    ),
  );
  await revoking;
  const codes = results.map(({ code }) => code);
  // From the first refusal on all are refused.
  const first = codes.indexOf('unauthorized');
  expect(codes.slice(first === -1 ? codes.length : first).every((code) => code === 'unauthorized')).toBe(true);
  expect((await outcome(call('auth.whoami', {}))).code).toBe('unauthorized');
});
