import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { dialectChoices } from '../../src/cli/globals.ts';
import { run } from '../../src/cli/run.ts';
import { dialectNames } from '../../src/dialects/names.ts';
import type { SinkError } from '../../src/io.ts';
import { httpServer, type Reply, replying, type Seen } from '../calls/servers.ts';
import { brokenPipe, fakeIo, newFolder } from './fake-io.ts';

let home: string;
let path: string;

beforeEach(() => {
  home = newFolder();
  path = join(home, '.mobius', 'credentials');
  mkdirSync(join(home, '.mobius'), { mode: 0o700 });
});

interface More {
  env?: Record<string, string>;
  stdin?: string;
  terminal?: boolean;
  stdoutFails?: SinkError;
}

const mobius = async (line: string, more: More = {}) => {
  const { io, stdout, stderr } = fakeIo({ argv: line.split(' '), cwd: home, home, ...more });
  const code = await run(io);
  return { code, stdout: stdout(), stderr: stderr() };
};

const serve = async (...replies: Reply[]): Promise<{ url: string; seen: Seen[] }> => {
  const seen: Seen[] = [];
  return { url: await httpServer(replying(seen, ...replies)), seen };
};

const save = (...lines: string[]): void => writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
const saved = (): string => readFileSync(path, 'utf8');
const linesOf = (seen: readonly Seen[]): string[] => seen.map(({ method, url }) => `${method} ${url}`);

const uuid = '019b1bc8-f400-7000-8000-000000000001';
const id = 'key_01kcdwhx00e008000000000001';
const jwt = 'eyJhbGciOiJub25lIn0.e30.c2ln';
const mobKey = { id: uuid, apiKeySuffix: 'a1b', name: 'ci', createdAt: '2025-12-01T00:00:00.000Z', lastUsedAt: null };
const mobList: Reply = { status: 200, json: { object: 'list', data: [mobKey] } };
const mobMade: Reply = {
  status: 201,
  json: { id: uuid, apiKey: 'mob_secret', name: 'ci', createdAt: mobKey.createdAt },
};
const session = { access_token: jwt, refresh_token: 'r-1', token_type: 'bearer', expires_in: 900 };
const mutxPage: Reply = { status: 200, json: { items: [], total: 0, skip: 0, limit: 50, has_more: false } };
const token = { id: uuid, expiresTimeString: '2026-01-01T01:00:00.000Z', requestLimit: '1000', remaining: '999' };
const tokens: Reply = { status: 200, json: { apiTokens: [token] } };

test('the choices of the flag are all the contracts there are', () => {
  expect(dialectChoices).toEqual(['mobius', ...dialectNames]);
});

describe('signing in', () => {
  test('to MobileNext in a browser', async () => {
    const device = {
      device_code: 'd',
      user_code: 'AB-CD',
      verification_uri: 'https://m.example.com/device',
      interval: 1,
    };
    const pending: Reply = { status: 400, json: { error: 'authorization_pending' } };
    const given: Reply = { status: 200, json: { access_token: jwt, token_type: 'Bearer' } };
    const { url, seen } = await serve({ status: 200, json: device }, pending, given, mobList);
    const line = `auth login --server ${url} --dialect mobilenext --organization org-1 --profile mob`;
    const { code, stdout, stderr } = await mobius(line);
    expect({ code, shown: JSON.parse(stdout) }).toEqual({
      code: 0,
      shown: { profile: 'mob', api_url: url, dialect: 'mobilenext', organization: 'org-1', default: true },
    });
    expect(stderr).toContain('open https://m.example.com/device and confirm the code AB-CD');
    expect(linesOf(seen)).toEqual([
      'POST /login/device/code',
      'POST /login/device/token',
      'POST /login/device/token',
      'GET /api/v1/keys',
    ]);
    expect(seen[0]?.body).toBe('{"client_id":"mobius"}');
    expect(seen[3]?.headers).toMatchObject({ authorization: `Bearer ${jwt}`, 'x-organization-id': 'org-1' });
    for (const text of ['dialect = "mobilenext"', 'organization = "org-1"', `token = "${jwt}"`]) {
      expect(saved()).toContain(text);
    }
    expect((await mobius('api-keys list -q')).stdout).toBe(`${id}\n`);
    expect(seen[4]?.headers['x-organization-id']).toBe('org-1');
  });

  test('to MUTX with a password, and the session is refreshed when it has ended', async () => {
    const next = { ...session, access_token: `${jwt}2`, refresh_token: 'r-2' };
    const { url, seen } = await serve(
      { status: 200, json: { ...session, expires_in: 10 } },
      mutxPage,
      { status: 200, json: next },
      mutxPage,
      { status: 200, json: { message: 'Successfully logged out' } },
    );
    const { code, stdout } = await mobius(`auth login --api-url ${url} --dialect mutx --email a@example.com`, {
      stdin: 'p\n',
    });
    expect({ code, shown: JSON.parse(stdout) }).toEqual({
      code: 0,
      shown: { profile: new URL(url).host, api_url: url, dialect: 'mutx', default: true, email: 'a@example.com' },
    });
    expect(await mobius('api-keys list')).toMatchObject({ code: 0 });
    expect(linesOf(seen)).toEqual([
      'POST /v1/auth/login',
      'GET /v1/api-keys',
      'POST /v1/auth/refresh',
      'GET /v1/api-keys',
    ]);
    expect(seen[2]).toMatchObject({ body: '{"refresh_token":"r-1"}' });
    expect(seen[3]?.headers.authorization).toBe(`Bearer ${jwt}2`);
    expect(saved()).toContain('refresh_token = "r-2"');
    const { stdout: ended } = await mobius('auth logout');
    expect(JSON.parse(ended)).toMatchObject({ ended: true });
    expect(linesOf(seen).at(-1)).toBe('POST /v1/auth/logout');
    expect(saved()).not.toContain('r-2');
    expect(saved()).toContain('dialect = "mutx"');
  });

  test('to MUTX with a new account, whose key is shown this once', async () => {
    const made: Reply = { status: 201, json: session, headers: { 'X-API-Key': 'mutx_live_abc' } };
    const { url, seen } = await serve(made, mutxPage);
    const line = `auth login --api-url ${url} --dialect mutx --register --name Ada --email a@example.com`;
    const { stdout } = await mobius(line, { stdin: 'p\n' });
    expect(JSON.parse(stdout)).toMatchObject({ name: 'Ada', email: 'a@example.com', key: 'mutx_live_abc' });
    expect(seen[0]?.body).toBe('{"email":"a@example.com","name":"Ada","password":"p"}');
    expect(saved()).not.toContain('mutx_live_abc');
  });

  test('to Mobula with a key', async () => {
    const { url, seen } = await serve(tokens);
    expect(await mobius(`auth login --server ${url} --dialect mobula --with-token`, { stdin: 'k-1\n' })).toMatchObject({
      code: 0,
    });
    expect(seen[0]).toMatchObject({ url: '/api/2/auth/tokens', headers: { authorization: 'k-1' } });
    expect(JSON.parse((await mobius('auth list')).stdout).items).toMatchObject([
      { dialect: 'mobula', kind: 'api key' },
    ]);
    expect(JSON.parse((await mobius('auth status')).stdout)).toEqual({
      target: 'server',
      api_url: url,
      dialect: 'mobula',
      profile: new URL(url).host,
      credential: `profile "${new URL(url).host}"`,
      accepted: true,
    });
    expect((await mobius('auth token')).stdout).toBe('k-1\n');
    expect(JSON.parse((await mobius('auth logout')).stdout)).toMatchObject({ ended: false });
    expect(saved()).not.toContain('k-1');
  });

  test.each([
    ['mutx api-keys', 'MUTX', 'api-keys list'],
    ['mobilenext api-keys', 'MobileNext', 'api-keys list'],
    ['mobula tokens', 'Mobula', 'tokens list'],
  ])("what ends soon can't be asked of %s", async (which, title, command) => {
    const [dialect, noun] = which.split(' ');
    const { url, seen } = await serve(tokens);
    const line = `${noun} list --expiring-within 14d --api-url ${url} --dialect ${dialect} --api-key k`;
    const { code, stderr } = await mobius(line);
    const said = `--expiring-within is nothing that "${command}" of a ${title} server takes`;
    expect({ code, said: JSON.parse(stderr).error.message }).toEqual({ code: 1, said });
    expect(seen).toEqual([]);
  });

  test('a credential that is refused is not saved', async () => {
    const { url } = await serve({ status: 401, json: { error: 'no such key' } });
    const { code, stderr } = await mobius(`auth login --server ${url} --dialect mobula --with-token`, { stdin: 'k\n' });
    expect({ code, said: JSON.parse(stderr).error.message }).toEqual({ code: 4, said: 'no such key' });
    expect(existsSync(path)).toBe(false);
  });

  test('beside our own contract on the same host', async () => {
    const { url } = await serve(tokens);
    save('[team]', `api_url = "${url}"`, 'token = "mbx_x"', `["${new URL(url).host}"]`, `api_url = "${url}"`);
    await mobius(`auth login --server ${url} --dialect mobula --with-token`, { stdin: 'k-1\n' });
    expect(saved()).toContain('token = "mbx_x"');
    expect(saved()).toContain(`["${new URL(url).host}-mobula"]`);
  });

  test.each([
    ['--dialect mobula', 2, 'a Mobula server is not signed in to with a browser', 'it has: --with-token'],
    ['--dialect mutx', 2, 'a MUTX server is not signed in to with a browser', 'it has: --email ADDRESS, --with-token'],
    ['--dialect mobula --email a@b', 1, 'a Mobula server takes no --email', 'it has: --with-token'],
    [
      '--dialect mobilenext --email a@b',
      1,
      'a MobileNext server takes no --email',
      'it has: a browser, where no flag names another way, --with-token',
    ],
    [
      '--dialect mutx --register --email a@b',
      2,
      '--register needs the --email and the --name of the new account',
      'such as',
    ],
    ['--name x', 2, '--name goes with --register', 'see:'],
    ['--dialect other', 2, '--dialect must be', ''],
    ['--api-url http://127.0.0.1:2', 2, '--server and --api-url are two spellings of one flag', 'give one of them'],
  ])('login %s', async (flags, code, message, hint) => {
    const { url, seen } = await serve(tokens);
    const { code: ended, stderr } = await mobius(`auth login --server ${url} ${flags}`, { stdin: 'p\n' });
    const { error } = JSON.parse(stderr);
    expect({ ended, message: error.message.slice(0, message.length) }).toEqual({ ended: code, message });
    expect(error.hint).toContain(hint);
    expect(seen).toEqual([]);
  });
});

const profile = (name: string, url: string, ...more: string[]): void =>
  save('default = "p"', '[p]', `api_url = "${url}"`, `dialect = "${name}"`, ...more);

describe('commands', () => {
  test('a key is made without a principal, and handed over', async () => {
    const { url, seen } = await serve(mobMade);
    profile('mobilenext', url, `token = "${jwt}"`);
    const { stdout } = await mobius('api-keys create ci');
    expect(JSON.parse(stdout)).toEqual({
      name: 'ci',
      id,
      created_at: '2025-12-01T00:00:00Z',
      key_prefix: 'mob_secr',
      key_suffix: 'ret',
      key: 'mob_secret',
    });
    expect(await mobius('api-keys create ci --out ci.key')).toMatchObject({ code: 0 });
    expect(readFileSync(join(home, 'ci.key'), 'utf8')).toBe('mob_secret\n');
    expect(linesOf(seen)).toEqual(['POST /api/v1/keys', 'POST /api/v1/keys']);
  });

  test('a key that reached nobody is revoked, raw or not', async () => {
    for (const line of ['api-keys create ci', 'api-keys create ci --raw']) {
      const { url, seen } = await serve(mobMade, { status: 204 });
      profile('mobilenext', url, `token = "${jwt}"`);
      const { stderr } = await mobius(line, { stdoutFails: brokenPipe });
      expect(JSON.parse(stderr).error.details).toEqual({ id, revoked: true });
      expect(linesOf(seen)).toEqual(['POST /api/v1/keys', `DELETE /api/v1/keys/${uuid}`]);
    }
  });

  test('a dry run shows the request as it would be sent', async () => {
    const { url, seen } = await serve(mobMade);
    profile('mutx', url, 'access_token = "x"', 'refresh_token = "r"', 'expires_at = "2020-01-01T00:00:00Z"');
    const { stdout, stderr } = await mobius('api-keys create ci --expires-at 90d --dry-run', {
      terminal: true,
      env: { NO_COLOR: '1' },
    });
    expect(stdout).toBe('name             ci\nexpires_in_days  90\n');
    expect(stderr).toBe('would send POST /v1/api-keys; nothing was sent\n');
    expect(await mobius(`api-keys revoke ${id} --dry-run`, { terminal: true })).toMatchObject({
      stderr: `would send DELETE /v1/api-keys/${uuid}; nothing was sent\n`,
    });
    expect(seen).toEqual([]);
  });

  test('a list on a terminal shows what there is', async () => {
    const { url } = await serve(mobList);
    profile('mobilenext', url, `token = "${jwt}"`);
    const { stdout } = await mobius('api-keys list', { terminal: true, env: { NO_COLOR: '1' } });
    expect(stdout).toMatch(/^NAME +ID +CREATED_AT\nci +key_\w+ +\S.*\n1 shown\n$/);
  });

  test('tokens show only what there is', async () => {
    const made: Reply = { status: 200, json: { createApiTokens: [{ ...token, token: jwt }] } };
    const { url, seen } = await serve(made, tokens);
    profile('mobula', url, 'token = "k"');
    const { stdout, stderr } = await mobius('tokens create --expires-in 1h', {
      terminal: true,
      env: { NO_COLOR: '1' },
    });
    expect(`${stdout}${stderr}`).not.toContain('undefined');
    expect(stdout).toContain(jwt);
    expect((await mobius('tokens list', { terminal: true, env: { NO_COLOR: '1' } })).stdout).toMatch(
      /^ID +EXPIRES_AT +REMAINING\n/,
    );
    expect(seen[0]?.body).toBe('{"expiresIn":3600000}');
  });

  test('whoami where there is one', async () => {
    const { url } = await serve({ status: 200, json: { id: uuid, email: 'a@example.com', name: 'Ada' } });
    profile('mutx', url, `token = "${jwt}"`);
    expect(JSON.parse((await mobius('whoami')).stdout)).toEqual({ kind: 'user', email: 'a@example.com', name: 'Ada' });
  });

  test.each([
    ['principals list', 'a MUTX server has no "principals list"'],
    ['api-keys verify', 'a MUTX server has no "api-keys verify"'],
    ['users create a@example.com', 'a MUTX server has no "users create"'],
    ['api-keys create ci --allow-ip 10.0.0.0/8 --out x.key', '--allow-ip is nothing that "api-keys create" of a MUTX'],
    ['api-keys create ci --expires-at 400d --out x.key', 'a MUTX key ends after a whole number of days, from 1 to 365'],
    ['tokens revoke --all', 'a MUTX server has no "tokens revoke-all"'],
    ['auth list --credentials', 'a MUTX server has no "auth list-credentials"'],
    ['secrets get a', 'a MUTX server has no "secrets get"'],
    ['api-keys list --organization o', 'a MUTX server has no organizations to choose from'],
  ])('mobius %s is told before anything is asked, opened or refreshed', async (line, message) => {
    const { url, seen } = await serve({ status: 200, json: session });
    profile('mutx', url, 'access_token = "x"', 'refresh_token = "r"', 'expires_at = "2020-01-01T00:00:00Z"');
    const { code, stderr } = await mobius(line);
    const { error } = JSON.parse(stderr);
    expect({ code, error: error.code, message: error.message.slice(0, message.length) }).toEqual({
      code: 1,
      error: 'unsupported',
      message,
    });
    expect(seen).toEqual([]);
    expect(readdirSync(home)).toEqual(['.mobius']);
  });

  test('what a command takes is told as its flags', async () => {
    profile('mutx', 'http://127.0.0.1:1', 'token = "x"');
    const { stderr } = await mobius('api-keys create ci --tag a=b');
    expect(JSON.parse(stderr).error.hint).toBe('it takes: <name>, --expires-at');
  });
});

describe('the raw answer', () => {
  const text = '{"object":"list",  "data":[]}';

  test.each(['json', 'yaml', 'text', 'pretty'])('as %s is as it came', async (mode) => {
    const { url } = await serve({ status: 200, text });
    profile('mobilenext', url, `token = "${jwt}"`);
    expect(await mobius(`api-keys list --raw -o ${mode}`)).toMatchObject({ code: 0, stdout: `${text}\n` });
  });

  test('of our own contract too', async () => {
    const { url } = await serve({ status: 200, text: '{"items": [],"has_more":false}\n' });
    save('default = "p"', '[p]', `api_url = "${url}"`, 'token = "x"');
    expect(await mobius('api-keys list --raw')).toMatchObject({ stdout: '{"items": [],"has_more":false}\n' });
  });

  test('of what was revoked', async () => {
    const { url } = await serve({ status: 200, json: { deleteApiToken: uuid } });
    profile('mobula', url, 'token = "k"');
    expect(await mobius(`tokens revoke ${uuid} --raw`)).toMatchObject({ stdout: `{"deleteApiToken":"${uuid}"}\n` });
  });

  test.each([
    ['api-keys list --raw', 'nothing comes over a wire from a local vault, so there is nothing raw'],
    ['api-keys create a --principal-id b --raw --out x', '--raw and --out exclude each other'],
    ['api-keys list --raw -F id', '--raw and -F exclude each other'],
    ['auth list --raw', '"auth list" shows no answer of a server that could be raw'],
    ['api-keys list --dialect mutx', 'a dialect is what a server speaks, and this leads to a local vault'],
  ])('mobius %s', async (line, message) => {
    const { code, stderr } = await mobius(line);
    expect({ code, message: JSON.parse(stderr).error.message }).toEqual({ code: 2, message });
  });
});

describe('which contract', () => {
  test('the flag comes before the variable, and that before the profile', async () => {
    const { url, seen } = await serve({ status: 200, json: { items: [], has_more: false } });
    profile('mobilenext', url, 'token = "x"');
    await mobius('api-keys list', { env: { MOBIUS_DIALECT: 'mutx' } });
    await mobius('api-keys list --dialect mobius', { env: { MOBIUS_DIALECT: 'mutx' } });
    expect(linesOf(seen)).toEqual(['GET /v1/api-keys', 'GET /v1/projects/default/api-keys']);
  });

  test('a key needs no profile', async () => {
    const { url, seen } = await serve(tokens);
    expect(
      await mobius(`tokens list --api-url ${url} --dialect mobula`, { env: { MOBIUS_API_KEY: 'k' } }),
    ).toMatchObject({
      code: 0,
    });
    expect(seen[0]?.headers.authorization).toBe('k');
  });

  test('what was saved for one is not shown to another of the same server', async () => {
    const { url, seen } = await serve(tokens);
    save('default = "p"', '[p]', `api_url = "${url}"`, 'token = "mbx_x"');
    const { code, stderr } = await mobius(`tokens list --api-url ${url} --dialect mobula`);
    expect({ code, hint: JSON.parse(stderr).error.hint }).toEqual({
      code: 4,
      hint: `sign in: mobius auth login --api-url ${url} --dialect mobula; or attach a key: --api-key, MOBIUS_API_KEY`,
    });
    expect(seen).toEqual([]);
  });

  test('one that a later version saved is not taken for ours', async () => {
    profile('later', 'http://127.0.0.1:1', 'token = "x"');
    const { code, stderr } = await mobius('api-keys list');
    expect({ code, message: JSON.parse(stderr).error.message }).toEqual({
      code: 2,
      message: 'the profile "p" is of a server that speaks "later", which mobius doesn\'t',
    });
  });

  test('a vault that the line names leaves the variable aside', async () => {
    const env = { MOBIUS_DIALECT: 'mutx' };
    expect(await mobius('vault init --vault v.db', { env })).toMatchObject({ code: 0 });
    expect(await mobius('roles list --vault v.db', { env })).toMatchObject({ code: 0 });
    expect(await mobius('roles list --vault v.db --dialect mutx')).toMatchObject({ code: 2 });
  });
});
