import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  changeCredentials,
  checkProfileName,
  type Profile,
  readCredentials,
  withoutCredential,
  withProfile,
} from '../../src/cli/credentials.ts';
import { withLock } from '../../src/cli/lock.ts';
import { savedToken } from '../../src/cli/sessions.ts';
import type { Session } from '../../src/generated/types.ts';
import type { Call } from '../../src/operations.ts';
import { fakeIo, newFolder, now } from './fake-io.ts';

let home: string;
let path: string;

beforeEach(() => {
  home = newFolder();
  path = join(home, '.config', 'mobius', 'credentials');
});

const ioWith = (env: Record<string, string> = {}) => fakeIo({ home, cwd: home, env }).io;

const save = (name: string, profile: Profile, env?: Record<string, string>): Promise<void> =>
  changeCredentials(ioWith(env), async (before) => ({ next: withProfile(before, name, profile), result: undefined }));

const key = { api_url: 'https://mobius.example.com', token: 'mbx_fake' };

describe('the file', () => {
  test('is TOML with a table for each profile, the first of them the default, and for its owner alone', async () => {
    await save('mobius.example.com', key);
    await save('local', { vault: '/vaults/mine.db' });
    expect(readFileSync(path, 'utf8')).toBe(
      [
        'default = "mobius.example.com"',
        '',
        '["mobius.example.com"]',
        'api_url = "https://mobius.example.com"',
        'token = "mbx_fake"',
        '',
        '[local]',
        'vault = "/vaults/mine.db"',
        '',
        '',
      ].join('\n'),
    );
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(path, '..'))).toEqual(['credentials']);
    expect([...readCredentials(ioWith()).profiles.keys()]).toEqual(['mobius.example.com', 'local']);
  });

  test('stands where the variables say, else in the folder that was there before', async () => {
    const named = join(home, 'elsewhere', 'file');
    await save('a', key, { MOBIUS_CREDENTIALS_FILE: named });
    await save('b', key, { MOBIUS_CONFIG_DIR: join(home, 'config') });
    mkdirSync(join(home, '.mobius'));
    await save('c', key);
    expect(readFileSync(named, 'utf8')).toContain('[a]');
    expect(readFileSync(join(home, 'config', 'credentials'), 'utf8')).toContain('[b]');
    expect(readFileSync(join(home, '.mobius', 'credentials'), 'utf8')).toContain('[c]');
  });

  test('is not used where others can read it', async () => {
    await save('a', key);
    chmodSync(path, 0o640);
    expect(() => readCredentials(ioWith())).toThrow('can be read or changed by others');
    await expect(save('b', key)).rejects.toMatchObject({ hint: `make it yours alone: chmod 600 ${path}` });
  });

  test('that is broken is not written over, and nothing of it is quoted', async () => {
    await save('a', key);
    writeFileSync(path, '[a]\ntoken = "mbx_fa\n');
    await expect(save('b', key)).rejects.toThrow(/is not valid TOML, see line 2$/);
    writeFileSync(path, '[a]\ntoken = 3\n');
    expect(() => readCredentials(ioWith())).toThrow('holds no text as a.token');
    writeFileSync(path, 'token = "mbx_fake"\n');
    expect(() => readCredentials(ioWith())).toThrow('holds no table "token"');
  });

  test('that is a link stays one', async () => {
    const real = join(home, 'real');
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(real, '', { mode: 0o600 });
    symlinkSync(real, path);
    await save('a', key);
    expect(readFileSync(real, 'utf8')).toContain('[a]');
  });

  test.each(['default', '', '-x', 'a b', '__proto__', 'a/b'])('no profile is called "%s"', (name) => {
    expect(() => checkProfileName(name)).toThrow("can't be the name of a profile");
  });

  test('without its credential a profile still says where it leads', () => {
    const session = { access_token: 'a', refresh_token: 'r', expires_at: 'e', credential_id: 'c' };
    expect(withoutCredential({ ...key, ...session, project: 'p' })).toEqual({ api_url: key.api_url, project: 'p' });
  });
});

describe('changes at the same time', () => {
  test('lose nothing of one another', async () => {
    const names = Array.from({ length: 20 }, (_, at) => `p${at}`);
    await Promise.all(names.map((name) => save(name, key)));
    expect([...readCredentials(ioWith()).profiles.keys()].sort()).toEqual(names.sort());
    expect(readdirSync(join(path, '..'))).toEqual(['credentials']);
  });

  test('a lock that was left behind counts for half a minute', async () => {
    await save('a', key);
    const lock = `${path}.lock`;
    writeFileSync(lock, `${now - 31_000} dead\n`);
    await save('b', key);
    expect(readCredentials(ioWith()).profiles.size).toBe(2);
    writeFileSync(lock, `${now - 1000} alive\n`);
    let done = false;
    const waiting = save('c', key).then(() => {
      done = true;
    });
    await new Promise((later) => setTimeout(later, 150));
    expect(done).toBe(false);
    writeFileSync(lock, `${now - 31_000} alive\n`);
    await waiting;
  });

  test('whoever was taken for dead leaves the lock of the next one alone', async () => {
    const lock = join(home, 'lock');
    await withLock(ioWith(), lock, async () => writeFileSync(lock, `${now} another\n`));
    expect(readFileSync(lock, 'utf8')).toBe(`${now} another\n`);
  });

  test('what is interrupted leaves no lock', async () => {
    const { io, interrupt } = fakeIo({ home, cwd: home });
    await withLock(io, join(home, 'lock'), async () => {
      interrupt();
      expect(readdirSync(home)).toEqual([]);
    });
  });
});

describe('a session', () => {
  const session = (n: number): Session => ({
    access_token: `access-${n}`,
    refresh_token: `refresh-${n}`,
    token_type: 'Bearer',
    expires_in: 900,
    credential_id: 'cred_1',
  });

  const saved = (endsInMs: number): Profile => ({
    api_url: key.api_url,
    access_token: 'access-0',
    refresh_token: 'refresh-0',
    expires_at: new Date(now + endsInMs).toISOString(),
  });

  /** Takes each refresh token once, as a server does. */
  const opening = (used: string[]) => async () => {
    const call = (async (_: string, { refresh_token: token }: { refresh_token: string }) => {
      await new Promise((later) => setTimeout(later, 20));
      used.push(token);
      return session(used.length);
    }) as unknown as Call;
    return { call, close: () => undefined };
  };

  test('that lasts is used as it is', async () => {
    const used: string[] = [];
    const profile = saved(31_000);
    expect(await savedToken(ioWith(), { name: 'a', profile }, opening(used))).toBe('access-0');
    expect(used).toEqual([]);
  });

  test('that ends within moments is refreshed once, however many ask', async () => {
    const used: string[] = [];
    const profile = saved(29_000);
    await save('a', profile);
    const asked = Array.from({ length: 5 }, () => savedToken(ioWith(), { name: 'a', profile }, opening(used)));
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 5 }, () => 'access-1'));
    expect(used).toEqual(['refresh-0']);
    expect(readCredentials(ioWith()).profiles.get('a')).toEqual({
      api_url: key.api_url,
      access_token: 'access-1',
      refresh_token: 'refresh-1',
      expires_at: '2026-01-01T00:15:00.000Z',
      credential_id: 'cred_1',
    });
  });
});
