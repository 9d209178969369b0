import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { createClient as generate } from '@hey-api/openapi-ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHttpWorld, type HttpWorld } from './world.ts';

const run = promisify(execFile);

/** What the generated functions have in common, as far as it is used here. */
type Generated = (options: {
  client: unknown;
  path?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: Record<string, unknown>;
  headers?: Record<string, string>;
}) => Promise<{ data?: unknown; error?: unknown; response: Response }>;

let folder: string;
let world: HttpWorld;
let sdk: Record<string, Generated>;
let client: unknown;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mobius-generated-'));
  world = await createHttpWorld();
  const { text } = await world.ask('GET', '/openapi.json');
  const document = join(folder, 'openapi.json');
  writeFileSync(document, text);
  await generate({
    input: document,
    output: { path: join(folder, 'client') },
    plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
    logs: { level: 'silent' },
  });
  sdk = await import(/* @vite-ignore */ pathToFileURL(join(folder, 'client/index.ts')).href);
  const { createClient } = await import(/* @vite-ignore */ pathToFileURL(join(folder, 'client/client/index.ts')).href);
  const admin = await world.vault.client('admin', ['Owner']);
  client = createClient({ baseUrl: world.url, auth: () => admin.key });
}, 60_000);

afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

const call = async (name: string, options: Omit<Parameters<Generated>[0], 'client'>): Promise<unknown> => {
  const { data, error, response } = (await sdk[name]?.({ client, ...options })) ?? {};
  expect([response?.status, error]).toEqual([expect.toBeOneOf([200, 201, 204]), undefined]);
  return data;
};
const path = { project: 'default' };

test('a client that a generator made of the published description works against the server', async () => {
  const body = { name: 'worker', role_ids: ['Worker'], tags: { env: 'test' } };
  expect(await call('principalsCreate', { path, body })).toMatchObject({ name: 'worker', kind: 'service' });
  const created = await call('apiKeysCreate', {
    path,
    body: { name: 'ci', principal_id: 'worker', rate_limit: '5/60s' },
  });
  expect(created).toMatchObject({ key: expect.stringMatching(/^mbx_/), rate_limit: '5/60s' });
  const { key } = created as { key: string };
  expect(await call('apiKeysVerify', { path, body: { key } })).toMatchObject({ code: 'VALID', remaining: 4 });
  expect(await call('apiKeysList', { path, query: { limit: 1, state: 'active' } })).toMatchObject({ has_more: true });
  expect(
    await call('principalsList', { path, query: { tag: ['env:test', 'env:*'], include_disabled: true } }),
  ).toMatchObject({ items: [{ name: 'worker' }] });
  await call('secretsCreate', { path, body: { name: 'db/main', values: { password: 'a-fake-value' } } });
  const secret = { ...path, secret: 'db/main' };
  expect(await call('secretsGet', { path: secret })).toMatchObject({ name: 'db/main', version: 1 });
  const update = { path: secret, body: { values: { password: 'another-fake-value' } }, headers: { 'If-Match': '1' } };
  expect(await call('secretsUpdate', update)).toMatchObject({ version: 2 });
  const late = await sdk.secretsUpdate?.({ client, ...update });
  expect([late?.response.status, late?.error]).toMatchObject([412, { error: { code: 'conflict' } }]);
  expect(await call('apiKeysRevoke', { path: { ...path, id: 'ci' } })).toBeDefined();
  expect(await call('authDeviceCode', { body: { mobius_label: 'generated' } })).toMatchObject({ interval: 5 });
});

test('its types know what goes in and what comes out', async () => {
  const program = join(folder, 'program.ts');
  writeFileSync(
    program,
    `import { apiKeysCreate, type ApiKeyCreated } from './client/index';
     export const made = async (): Promise<string> => {
       const { data } = await apiKeysCreate({ path: { project: 'p' }, body: { name: 'n', principal_id: 'x' } });
       const created: ApiKeyCreated | undefined = data;
       // @ts-expect-error a key needs a principal
       await apiKeysCreate({ path: { project: 'p' }, body: { name: 'n' } });
       return created?.key ?? '';
     };`,
  );
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'esnext'];
  const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
  await run(process.execPath, [
    tsc,
    ...options,
    '--moduleResolution',
    'bundler',
    '--lib',
    'es2022,dom,dom.iterable',
    program,
  ]);
  expect(readFileSync(program, 'utf8')).toContain('apiKeysCreate');
}, 60_000);
