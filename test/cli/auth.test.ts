import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { formatKey } from '../../src/core/key-format.ts';
import { freePort, httpServer, type Reply, replying, type Seen } from '../calls/servers.ts';
import { fakeIo, newFolder, now } from './fake-io.ts';

let home: string;
let path: string;

beforeEach(() => {
  home = newFolder();
  path = join(home, '.mobius', 'credentials');
  mkdirSync(join(home, '.mobius'), { mode: 0o700 });
});

const mobius = async (
  line: string,
  more: { env?: Record<string, string>; stdin?: string; terminal?: boolean } = {},
) => {
  const { io, stdout, stderr } = fakeIo({ argv: line.split(' '), cwd: home, home, ...more });
  const code = await run(io);
  return { code, stdout: stdout(), stderr: stderr() };
};

const save = (...lines: string[]): void => writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });

const serve = async (...replies: Reply[]): Promise<{ url: string; seen: Seen[] }> => {
  const seen: Seen[] = [];
  return { url: await httpServer(replying(seen, ...replies)), seen };
};

const ada = { kind: 'user', name: 'ada', email: 'ada@example.com', permissions: [] };
const known: Reply = { status: 200, json: ada };
const refused: Reply = { status: 401, json: { error: { code: 'unauthorized', message: 'no' } } };
const bearers = (seen: readonly Seen[]): unknown[] => seen.map(({ headers }) => headers.authorization);

const mbx = formatKey('mbx_', new Uint8Array(32));
const mbc = formatKey('mbc_', new Uint8Array(32));

describe('signing in', () => {
  test('on another machine: the code is shown, the decision waited for, the credential saved', async () => {
    const device = {
      device_code: 'fake-device',
      user_code: 'ABCD-EFGH',
      verification_uri: 'https://mobius.example.com/device\u001b[2J',
      verification_uri_complete: 'https://mobius.example.com/device?code=ABCD-EFGH',
      expires_in: 60,
      interval: 1,
    };
    const token = { access_token: mbc, token_type: 'Bearer', credential_id: 'cred_1', project_handle: 'acme' };
    const pending = { status: 400, json: { error: 'authorization_pending' } };
    const { url, seen } = await serve({ status: 200, json: device }, pending, { status: 200, json: token }, known);
    const { code, stdout, stderr } = await mobius(`auth login --api-url ${url} --project acme --no-browser`);
    expect({ code, shown: JSON.parse(stdout) }).toEqual({
      code: 0,
      shown: {
        profile: new URL(url).host,
        api_url: url,
        default: true,
        kind: 'user',
        name: 'ada',
        email: 'ada@example.com',
        project: 'acme',
      },
    });
    expect(stderr).toContain('and confirm the code ABCD-EFGH');
    expect(stderr).not.toContain('\u001b');
    expect(seen.map(({ url: at }) => at)).toEqual([
      '/v1/auth/device/code',
      '/v1/auth/device/token',
      '/v1/auth/device/token',
      '/v1/auth/whoami',
    ]);
    expect(seen[0]?.body).toContain('mobius_requested_project_handle=acme');
    expect(readFileSync(path, 'utf8')).toContain(`token = "${mbc}"`);
    expect(stdout + stderr).not.toContain(mbc);
  });

  test('a token is saved only once the server took it', async () => {
    const { url } = await serve(refused);
    expect(await mobius(`auth login --api-url ${url} --with-token`, { stdin: `${mbx}\n` })).toMatchObject({ code: 4 });
    expect(existsSync(path)).toBe(false);
    const there = await serve(known);
    expect(await mobius(`auth login --api-url ${there.url} --with-token`, { stdin: `${mbx}\n` })).toMatchObject({
      code: 0,
    });
    expect(bearers(there.seen)).toEqual([`Bearer ${mbx}`]);
    expect(readFileSync(path, 'utf8')).toContain(`token = "${mbx}"`);
  });

  test('again keeps what was known of the profile', async () => {
    const { url } = await serve(known);
    save('default = "team"', '[team]', `api_url = "${url}"`, 'project = "acme"', 'token = "mbx_old"');
    expect(await mobius('auth login --with-token', { stdin: mbx })).toMatchObject({ code: 0 });
    expect(readFileSync(path, 'utf8')).toContain('project = "acme"');
  });
});

describe('whose credential is shown to a server', () => {
  test('that of the default profile, of the one that is named, of the one whose address is named', async () => {
    const { url, seen } = await serve(known);
    save(
      'default = "a"',
      '[a]',
      `api_url = "${url}"`,
      'token = "mbx_a"',
      '[b]',
      `api_url = "${url}/b"`,
      'token = "mbx_b"',
    );
    await mobius('whoami');
    await mobius('whoami --profile b');
    await mobius(`whoami --api-url ${url}/b/`);
    await mobius('whoami', { env: { MOBIUS_API_URL: `${url}/b` } });
    await mobius('whoami --profile a', { env: { MOBIUS_API_URL: `${url}/b` } });
    expect(bearers(seen)).toEqual(['mbx_a', 'mbx_b', 'mbx_b', 'mbx_b', 'mbx_a'].map((token) => `Bearer ${token}`));
  });

  test('a key takes its place, and is left aside for --as-owner', async () => {
    const { url, seen } = await serve(known);
    save('default = "a"', '[a]', `api_url = "${url}"`, 'token = "mbx_a"');
    const env = { MOBIUS_API_KEY: mbx };
    await mobius('whoami', { env });
    await mobius('whoami --as-owner', { env });
    expect(bearers(seen)).toEqual([`Bearer ${mbx}`, 'Bearer mbx_a']);
  });

  test('none travels to a server that it was not saved for', async () => {
    const { url, seen } = await serve(known);
    save('default = "a"', '[a]', 'api_url = "https://mobius.example.com"', 'token = "mbx_a"');
    const { code, stderr } = await mobius(`whoami --api-url ${url}`);
    expect({ code, error: JSON.parse(stderr).error.code, seen }).toEqual({ code: 4, error: 'unauthorized', seen: [] });
    const other = await mobius(`whoami --api-url ${url} --profile a`);
    expect({ code: other.code, seen }).toEqual({ code: 4, seen: [] });
  });

  test('one that is refused says how to sign in again', async () => {
    const { url } = await serve(refused);
    save('default = "a"', '[a]', `api_url = "${url}"`, 'token = "mbc_a"');
    expect(await mobius('whoami', { terminal: true })).toEqual({
      code: 4,
      stdout: '',
      stderr:
        'mobius: error: the saved credential was not accepted\n' +
        'mobius: hint: sign in again: mobius auth login --profile a\n',
    });
  });

  test('a session that ends within moments is exchanged first, and the next one saved', async () => {
    const session = {
      access_token: 'next',
      refresh_token: 'r2',
      token_type: 'Bearer',
      expires_in: 900,
      credential_id: 'c',
    };
    const { url, seen } = await serve({ status: 200, json: session }, known);
    const end = new Date(now + 20_000).toISOString();
    const tokens = ['access_token = "old"', 'refresh_token = "r1"', `expires_at = "${end}"`];
    save('default = "a"', '[a]', `api_url = "${url}"`, ...tokens);
    expect(await mobius('whoami')).toMatchObject({ code: 0 });
    expect(seen.map(({ url: at, headers }) => [at, headers.authorization])).toEqual([
      ['/v1/auth/refresh', undefined],
      ['/v1/auth/whoami', 'Bearer next'],
    ]);
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ refresh_token: 'r1' });
    expect(readFileSync(path, 'utf8')).toContain('refresh_token = "r2"');
  });

  test('a session that has ended says how to begin another', async () => {
    const { url } = await serve(refused);
    save(
      '[a]',
      `api_url = "${url}"`,
      'access_token = "old"',
      'refresh_token = "r1"',
      'expires_at = "2025-12-31T00:00:00Z"',
    );
    expect(await mobius('whoami --profile a', { terminal: true })).toMatchObject({
      code: 4,
      stderr:
        'mobius: error: the session of the profile "a" has ended\n' +
        'mobius: hint: sign in again: mobius auth login --profile a\n',
    });
  });
});

describe('the project of a request', () => {
  const pathFor = async (line: string, env: Record<string, string> = {}, token = 'mbx_a'): Promise<unknown> => {
    const { url, seen } = await serve({ status: 200, json: { items: [] } });
    save('default = "a"', '[a]', `api_url = "${url}"`, `token = "${token}"`, 'project = "saved"');
    const { stderr } = await mobius(`roles list ${line}`.trim(), { env });
    return seen[0]?.url.split('/')[3] ?? JSON.parse(stderr).error.message;
  };

  test('is that of the line, else of the credential, else of the profile', async () => {
    expect(await pathFor('')).toBe('saved');
    expect(await pathFor('--project typed')).toBe('typed');
    expect(await pathFor('', { MOBIUS_API_KEY: `${mbx}.keyed` })).toBe('keyed');
    expect(await pathFor('', {}, `${mbc}.bound`)).toBe('bound');
  });

  test('a credential of another one is refused before anything is sent', async () => {
    expect(await pathFor('--project typed', { MOBIUS_API_KEY: `${mbx}.keyed` })).toBe(
      'the API key is for project "keyed", not "typed"',
    );
    expect(await pathFor('--project typed', {}, `${mbc}.bound`)).toBe(
      'the credential of the profile "a" is for project "bound", not "typed"',
    );
  });
});

describe('signing out', () => {
  test('ends it there and forgets it here', async () => {
    const { url, seen } = await serve({ status: 204 });
    save('[a]', `api_url = "${url}"`, 'token = "mbc_a"', 'credential_id = "cred_1"', 'project = "acme"');
    expect(await mobius('auth logout --profile a', { env: { MOBIUS_API_KEY: mbx } })).toMatchObject({ code: 0 });
    expect(seen).toMatchObject([
      { method: 'POST', url: '/v1/auth/logout', headers: { authorization: 'Bearer mbc_a' } },
    ]);
    const left = readFileSync(path, 'utf8');
    expect(left).not.toContain('mbc_a');
    expect(left).not.toContain('cred_1');
    expect(left).toContain('project = "acme"');
  });

  test('forgets it also where the server is not there, and says so', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    save('[a]', `api_url = "${url}"`, 'token = "mbc_a"');
    const { code, stderr } = await mobius('auth logout --profile a');
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `mobius: warning: the credential was forgotten here, but may work on: nothing listens at "${url}"\n`,
    });
    expect(readFileSync(path, 'utf8')).not.toContain('mbc_a');
  });
});

test('a folder of certificates that is none is said in words', async () => {
  save('[a]', 'api_url = "https://mobius.example.com"', 'token = "mbc_a"', `ca_file = "${home}/none.pem"`);
  const { stderr } = await mobius('whoami --profile a', { terminal: true });
  expect(stderr).toContain(`could not read "${home}/none.pem": no such file or directory`);
});
