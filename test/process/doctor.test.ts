import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createSocket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Machine, newMachine } from './machine.ts';

interface Finding {
  check: string;
  state: 'ok' | 'warning' | 'error';
  detail: string;
  mend?: string;
}

let machine: Machine;
let config: string;
beforeEach(() => {
  machine = newMachine();
  config = join(machine.home, '.config', 'mobius');
});
afterEach(async () => {
  await machine.mobius(['vault', 'lock', '-q', '--log-level', 'error']);
  machine.remove();
});

type Env = Readonly<Record<string, string>>;

/** What is found, and the exit code; whatever was wrong, the other checks were made too. */
const doctor = async (env: Env = {}): Promise<{ code: number | null; items: Finding[] }> => {
  const { code, stdout, stderr } = await machine.mobius(['doctor'], { env });
  expect(stderr).toBe('');
  const { items } = JSON.parse(stdout) as { items: Finding[] };
  expect(items.map(({ check }) => check)).toEqual(
    expect.arrayContaining(['target', 'permissions', 'node', 'completion']),
  );
  return { code, items };
};

const wrongIn = (items: readonly Finding[]): Finding[] => items.filter(({ state }) => state !== 'ok');

/** Found to be wrong in this way alone, and mended by what it says. */
const expectMended = async (expected: Omit<Finding, 'detail'> & { detail: RegExp }, env: Env = {}): Promise<void> => {
  const { items } = await doctor(env);
  expect(wrongIn(items)).toEqual([{ ...expected, detail: expect.stringMatching(expected.detail) }]);
  const { code, stderr } = await machine.bash(expected.mend ?? 'false', { env });
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  expect(wrongIn((await doctor(env)).items)).toEqual([]);
};

const quickstart = (): Promise<unknown> => machine.json('quickstart');
const keyFiles = (): string[] => readdirSync(join(config, 'keys')).map((name) => join(config, 'keys', name));
const saved = (text: string): void => {
  mkdirSync(config, { recursive: true, mode: 0o700 });
  writeFileSync(join(config, 'credentials'), text, { mode: 0o600 });
};

test('without a vault it says how to make one', async () => {
  const { code, items } = await doctor();
  expect(code).toBe(3);
  expect(wrongIn(items)).toEqual([
    {
      check: 'target',
      state: 'error',
      detail: `no vault at "${machine.vault}"`,
      mend: expect.stringContaining('mobius quickstart'),
    },
  ]);
});

test('with a vault as quickstart makes it nothing is wrong, and no secret is told', async () => {
  await quickstart();
  const { code, stdout, stderr } = await machine.bash('mobius doctor -o pretty');
  expect({ code, stderr }).toEqual({ code: 0, stderr: 'all is as it should be\n' });
  expect(stdout).toMatch(/^ok +target +the vault "vlt_\w+", opened by key file/);
  expect(stdout).toMatch(/^ok +integrity /m);
  const [keyFile = ''] = keyFiles();
  expect(stdout).not.toContain(readFileSync(keyFile, 'utf8').trim());
  expect(wrongIn((await doctor()).items)).toEqual([]);
});

test('a locked vault is told without asking, with what opens it', async () => {
  await quickstart();
  const [keyFile = ''] = keyFiles();
  renameSync(keyFile, `${keyFile}.away`);
  const { code, items } = await doctor();
  expect(code).toBe(3);
  expect(wrongIn(items)).toMatchObject([
    { check: 'target', state: 'error', mend: expect.stringContaining('--key-file') },
  ]);
  expect(items).toContainEqual(expect.objectContaining({ check: 'integrity', state: 'ok' }));
});

test.skipIf(process.platform === 'win32')(
  'who else could read or replace things is told, with the line that ends it',
  async () => {
    await quickstart();
    const [keyFile = ''] = keyFiles();
    const warning = (detail: string, mend: string) => ({
      check: 'permissions',
      state: 'warning' as const,
      detail: new RegExp(detail),
      mend,
    });
    chmodSync(keyFile, 0o644);
    await expectMended(warning('open to other users', `chmod 600 ${keyFile}`));
    chmodSync(machine.vault, 0o640);
    await expectMended(warning('open to other users', `chmod 600 ${machine.vault}`));
    chmodSync(machine.dataFolder, 0o755);
    await expectMended(warning('open to other users', `chmod 700 ${machine.dataFolder}`));
    chmodSync(config, 0o770);
    await expectMended(warning('open to other users', `chmod 700 ${config}`));
    chmodSync(machine.home, 0o775);
    await expectMended(warning('something else in the place of what lies in', `chmod go-w ${machine.home}`));
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
  },
);

test('a file of profiles that is broken, or open to others, keeps no other check back', async () => {
  await quickstart();
  saved('not = [valid');
  const broken = await doctor();
  expect(broken.code).toBe(2);
  expect(broken.items).toContainEqual({
    check: 'profiles',
    state: 'error',
    detail: expect.stringContaining('is not valid TOML, see line 1'),
    mend: expect.stringContaining('mobius auth login'),
  });
  saved('');
  chmodSync(join(config, 'credentials'), 0o644);
  const open = await doctor();
  expect(open.items).toContainEqual(
    expect.objectContaining({ check: 'profiles', state: 'error', mend: expect.stringContaining('chmod 600') }),
  );
});

test('each profile is told, and what it holds is not', async () => {
  await quickstart();
  saved('[gone]\nvault = "/nonexistent/vault.db"\n');
  await expectMended({
    check: 'profile',
    state: 'warning',
    detail: /"gone": there is no vault "\/nonexistent\/vault.db"/,
    mend: 'mobius auth remove gone',
  });
  saved('default = "far"\n[here]\nvault = "/"\n[empty]\n');
  const { items } = await doctor();
  const of = (detail: string) =>
    expect.objectContaining({ check: expect.stringMatching(/^profiles?$/), detail: expect.stringContaining(detail) });
  expect(items).toEqual(
    expect.arrayContaining([of('"far" is not there'), of('"here": the vault'), of('names neither')]),
  );
});

const listening = async (answer: Parameters<typeof createServer>[1]): Promise<{ server: Server; url: string }> => {
  const server = createServer({}, answer);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { server, url: `http://127.0.0.1:${(server.address() as { port: number }).port}` };
};

test('servers: the time that they tell, and whether they answer at all', async () => {
  await quickstart();
  let ahead = 0;
  const { server, url } = await listening((_, response) => {
    response.setHeader('Date', new Date(Date.now() + ahead).toUTCString()).end('{}');
  });
  try {
    saved(`[far]\napi_url = "${url}"\ntoken = "mbx_plainly_fake"\n`);
    const { items } = await doctor();
    expect(wrongIn(items)).toEqual([]);
    expect(items).toContainEqual({ check: 'clock', state: 'ok', detail: `as that of "${url}"` });
    expect(JSON.stringify(items)).not.toContain('mbx_plainly_fake');
    for (const [ms, words] of [
      [300_000, /^that of .* is (300|299) seconds ahead of the one here$/],
      [-300_000, /^that of .* is (300|301) seconds behind the one here$/],
    ] as const) {
      ahead = ms;
      const { code, items: skewed } = await doctor();
      expect(code).toBe(0);
      expect(wrongIn(skewed)).toEqual([
        { check: 'clock', state: 'warning', detail: expect.stringMatching(words), mend: expect.stringMatching(/time/) },
      ]);
    }
  } finally {
    server.close();
    server.closeAllConnections();
  }
  expect(wrongIn((await doctor()).items)).toMatchObject([
    {
      check: 'server',
      state: 'warning',
      detail: `nothing listens at "${url}"`,
      mend: expect.stringContaining('mobius auth remove far'),
    },
  ]);
  const target = await doctor({ MOBIUS_API_URL: url, MOBIUS_API_KEY: 'mbx_plainly_fake' });
  expect(target.code).toBe(7);
  expect(wrongIn(target.items)).toMatchObject([{ check: 'target', state: 'error' }]);
});

test('a server that takes a request and never answers is given up', async () => {
  const silent = createSocket(() => undefined);
  await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
  const { port } = silent.address() as { port: number };
  try {
    const { code, items } = await doctor({ MOBIUS_API_URL: `http://127.0.0.1:${port}`, MOBIUS_API_KEY: 'mbx_fake' });
    expect(code).toBe(7);
    expect(wrongIn(items)).toMatchObject([
      { check: 'target', state: 'error', detail: expect.stringContaining('within 3 s') },
    ]);
  } finally {
    silent.close();
  }
});

test('the agent: whether there is one, and whether it is of this version', async () => {
  await quickstart();
  await machine.json('vault', 'unlock');
  const running = await doctor();
  expect(wrongIn(running.items)).toEqual([]);
  expect(running.items).toContainEqual({
    check: 'agent',
    state: 'ok',
    detail: expect.stringContaining('holds the vault open'),
  });
  const folder = join(machine.dataFolder, 'run');
  const socket = readdirSync(folder).find((name) => name.endsWith('.sock')) ?? '';
  expect(await machine.mobius(['vault', 'lock'])).toMatchObject({ code: 0 });
  const older = createServer((_, response) => {
    const state = {
      status: 'ok',
      pid: 4_000_000,
      version: '0.0.1',
      since: '2026-01-01T00:00:00Z',
      locks_at: '2036-01-01T00:00:00Z',
    };
    response.end(JSON.stringify(state));
  });
  await new Promise<void>((done) => older.listen(join(folder, socket), done));
  chmodSync(join(folder, socket), 0o600);
  try {
    expect((await doctor()).items).toContainEqual({
      check: 'agent',
      state: 'warning',
      detail: expect.stringContaining('it is of mobius 0.0.1'),
      mend: 'mobius vault lock && mobius vault unlock',
    });
  } finally {
    older.close();
    older.closeAllConnections();
  }
});

test('the file of the vault: damaged, moved away, behind', async () => {
  await quickstart();
  const whole = readFileSync(machine.vault);
  writeFileSync(machine.vault, Buffer.from(whole).fill(0xff, whole.length - 4096));
  expect((await doctor()).items).toContainEqual({
    check: 'integrity',
    state: 'error',
    detail: expect.any(String),
    mend: expect.stringContaining('mobius vault restore'),
  });
  truncateSync(machine.vault, whole.length - 8192);
  const damaged = await doctor();
  expect(damaged.code).toBe(1);
  expect(damaged.items).toContainEqual(
    expect.objectContaining({
      check: 'vault',
      state: 'error',
      mend: expect.stringContaining('restore it from a backup'),
    }),
  );
  writeFileSync(machine.vault, whole);
  expect(wrongIn((await doctor()).items)).toEqual([]);

  expect(await machine.mobius(['vault', 'move', '--to', 'elsewhere.db', '--yes'])).toMatchObject({ code: 0 });
  const moved = await doctor();
  expect(moved.items).toContainEqual(
    expect.objectContaining({ check: 'vault', state: 'error', detail: expect.stringContaining('elsewhere.db') }),
  );
});

test('a vault of an earlier version is looked at and left as it is', async () => {
  const frozen = join(import.meta.dirname, '..', 'frozen', 'v1');
  const vault = join(machine.work, 'old.db');
  const keyFile = join(machine.work, 'old.key');
  cpSync(join(frozen, 'vault.db'), vault);
  cpSync(join(frozen, 'fake-vault.key'), keyFile);
  for (const path of [vault, keyFile]) chmodSync(path, 0o600);
  const env = { MOBIUS_VAULT: vault, MOBIUS_VAULT_KEY_FILE: keyFile };
  const before = readFileSync(vault);
  const { code, items } = await doctor(env);
  expect(code).toBe(0);
  expect(wrongIn(items)).toMatchObject([
    { check: 'target', state: 'warning', mend: 'mobius projects list' },
    { check: 'migrations', state: 'warning', mend: 'mobius projects list' },
  ]);
  expect(readFileSync(vault).equals(before)).toBe(true);
  expect(await machine.bash('mobius projects list', { env })).toMatchObject({ code: 0 });
  const checks = wrongIn((await doctor(env)).items).map(({ check }) => check);
  expect(checks).not.toContain('migrations');
  expect(checks).not.toContain('target');
});

test('where the end of the audit log is kept', async () => {
  await quickstart();
  const path = join(machine.work, 'ends of logs');
  writeFileSync(join(config, 'config.toml'), `[audit]\nanchor = ${JSON.stringify(path)}\n`);
  await expectMended({
    check: 'anchors',
    state: 'warning',
    detail: /holds no anchor of this vault/,
    mend: `mobius audit-logs anchor --append '${path}'`,
  });
  writeFileSync(join(config, 'config.toml'), '[audit]\nwhere = "x"\n');
  expect((await doctor()).items).toContainEqual(
    expect.objectContaining({ check: 'anchors', state: 'error', detail: expect.stringContaining('"audit.where"') }),
  );
});

test('the project at hand, and what the shell completes with', async () => {
  await quickstart();
  writeFileSync(join(machine.work, 'mobius.json'), '{"env":{"A":"b"}}');
  expect(wrongIn((await doctor()).items)).toMatchObject([
    { check: 'project-file', state: 'warning', mend: 'look at it, then: mobius trust' },
  ]);
  await machine.json('trust');
  expect(wrongIn((await doctor()).items)).toEqual([]);

  const env = { SHELL: '/usr/bin/fish' };
  expect((await doctor(env)).items).toContainEqual({
    check: 'completion',
    state: 'ok',
    detail: 'not installed for fish; to have it: mobius completion fish --install',
  });
  await machine.json('completion', 'fish', '--install');
  const script = join(machine.home, '.config', 'fish', 'completions', 'mobius.fish');
  writeFileSync(script, `${readFileSync(script, 'utf8')}# of another version\n`);
  await expectMended(
    {
      check: 'completion',
      state: 'warning',
      detail: /is of another version/,
      mend: 'mobius completion fish --install',
    },
    env,
  );
});
