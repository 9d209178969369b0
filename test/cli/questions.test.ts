import { readdirSync, readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, test } from 'vitest';
import { product } from '../../src/cli/product.ts';
import { run } from '../../src/cli/run.ts';
import { MobiusError } from '../../src/errors.ts';
import { fakeIo, newFolder } from './fake-io.ts';

const down = '\u001b[B';
const erased = '\u007f';

let home: string;

const silent = async (...argv: string[]) => {
  const { io, stdout, stderr } = fakeIo({ argv, cwd: home, home });
  const code = await run(io);
  return { code, stdout: stdout(), stderr: stderr() };
};

const json = async (...argv: string[]) => JSON.parse((await silent(...argv)).stdout);

/** Runs a line at a terminal. Each answer is typed once its question stands there. */
const asked = async (
  argv: readonly string[],
  answers: readonly (readonly [question: string, keys: string])[],
  {
    env = {},
    terminal = true,
    over = product,
  }: { env?: Record<string, string>; terminal?: boolean; over?: typeof product } = {},
) => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const { io, stdout, stderr } = fakeIo({ argv, cwd: home, home, env, terminal, prompts: { input, output } });
  // As a terminal, it goes on when a question has ended.
  output.end = () => output;
  const left = [...answers];
  let drawn = '';
  let fresh = '';
  output.on('data', (chunk: Buffer) => {
    drawn += chunk.toString();
    fresh += chunk.toString();
    const [next] = left;
    if (next === undefined || !fresh.includes(next[0])) return;
    left.shift();
    fresh = '';
    setImmediate(() => (next[1] === 'the end' ? input.end() : input.write(next[1])));
  });
  const code = await run(io, over);
  return { code, stdout: stdout(), stderr: stderr(), drawn, left };
};

beforeEach(async () => {
  home = newFolder();
  await silent('vault', 'init');
});

describe('a required record is chosen from those that are there', () => {
  test('of a new key: its name, whose it is, and when it ends', async () => {
    await silent('principals', 'create', 'worker', '--role', 'Worker');
    await silent('principals', 'create', 'builder', '--role', 'Operator');
    const { code, left, stdout } = await asked(
      ['api-keys', 'create', '-o', 'json'],
      [
        ['Name', 'ci\r'],
        ['Principal:', `${down}\r`],
        ['Expires:', `${down}\r`],
      ],
    );
    expect([code, left]).toEqual([0, []]);
    const { id } = await json('principals', 'get', 'builder');
    expect(JSON.parse(stdout)).toMatchObject({ name: 'ci', principal_id: id, expires_at: '2026-04-01T00:00:00Z' });
  });

  test('or made, once the last question was answered', async () => {
    const answers = [
      ['Name', 'ci\r'],
      ['Name of the new principal', 'worker\r'],
      ['Roles of the new principal:', ' \r'],
      ['Expires:', '\u0003'],
    ] as const;
    const given = await asked(['api-keys', 'create'], answers);
    expect([given.code, given.left]).toEqual([130, []]);
    expect((await json('principals', 'list')).items).toEqual([]);

    const { code, stderr } = await asked(['api-keys', 'create'], [...answers.slice(0, 3), ['Expires:', '\r']]);
    expect(code).toBe(0);
    expect(stderr).toContain('created principal "worker"\n');
    expect((await json('api-keys', 'get', 'ci')).name).toBe('ci');
  });

  test('as an argument too, and of a long list by a word of it', async () => {
    for (let at = 0; at < 12; at++) await silent('secrets', 'create', `app/${at}`, '--generate', 'key');
    const { code, stdout } = await asked(
      ['secrets', 'get', '-o', 'json'],
      [
        ['type to search', 'app/7'],
        ['app/7', '\r'],
      ],
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout).name).toBe('app/7');
  });

  test('a version of the secret that was chosen before', async () => {
    await silent('secrets', 'create', 'db', '--generate', 'key');
    await silent('secrets', 'update', 'db', '--generate', 'key');
    const { code } = await asked(
      ['secrets', 'disable-version'],
      [
        ['Secret:', '\r'],
        ['Version:', `${down}\r`],
      ],
    );
    expect(code).toBe(0);
    const { items } = await json('secrets', 'list-versions', 'db');
    expect(items.map(({ version, state }: { version: number; state: string }) => [version, state])).toEqual(
      expect.arrayContaining([
        [2, expect.any(String)],
        [1, 'DISABLED'],
      ]),
    );
  });

  test('several at once, with what they mean', async () => {
    const { code, drawn } = await asked(['roles', 'create', 'looker'], [['Permissions:', ' \r']]);
    expect(code).toBe(0);
    expect(drawn).toContain('see principals, roles and the metadata of keys');
    expect((await json('roles', 'get', 'looker')).permissions).toEqual(['mobius.project.view']);
  });

  test('and typed where nobody may look', async () => {
    await silent('principals', 'create', 'worker', '--role', 'Worker');
    const over: typeof product = {
      ...product,
      async openTarget(...about) {
        const target = await product.openTarget(...about);
        return {
          ...target,
          call: async (name, input) => {
            if (name === 'principals.list') throw new MobiusError('permission_denied', 'not for you');
            return target.call(name, input);
          },
        };
      },
    };
    const answers = [
      ['who the key acts as', 'worker\r'],
      ['Expires:', '\r'],
    ] as const;
    expect((await asked(['api-keys', 'create', 'ci'], answers, { over })).code).toBe(0);
  });

  test('where there are none, that is told', async () => {
    const { code, stderr } = await asked(['api-keys', 'revoke'], []);
    expect(code).toBe(2);
    expect(stderr).toContain('there is no api key to choose from');
  });
});

test('what is wrong is told at once, and asked again', async () => {
  const { code, drawn } = await asked(
    ['projects', 'create', '-o', 'json'],
    [
      ['Name', '\r'],
      ['it is required', 'Two words\r'],
    ],
  );
  expect(code).toBe(0);
  expect(drawn).toContain('it is required');
  const wrong = await asked(
    ['rotations', 'set', 'api-keys/x', '--dry-run'],
    [
      ['Every', 'often\r'],
      ['it must be a duration', `${erased.repeat(5)}30d\r`],
    ],
  );
  expect([wrong.code, wrong.left]).toEqual([0, []]);
});

describe('the values of a secret', () => {
  const two = [
    ['Key of its first value', 'user\r'],
    ['Value of "user"', 'plainly-fake-1\r'],
    ['Key of another value', 'password\r'],
    ['Value of "password"', 'plainly-fake-2\r'],
    ['Key of another value', '\r'],
  ] as const;

  test('are asked for one after another, unseen', async () => {
    const { code, drawn } = await asked(['secrets', 'create', 'db'], two);
    expect(code).toBe(0);
    expect(drawn).not.toContain('plainly-fake');
    expect((await json('secrets', 'get', 'db')).key_names).toEqual(['password', 'user']);
  });

  test('new ones, where nothing is said of what is to change; the others stay', async () => {
    await silent('secrets', 'create', 'db', '--generate', 'kept');
    expect((await asked(['secrets', 'update', 'db'], two)).code).toBe(0);
    expect((await json('secrets', 'get', 'db')).key_names).toEqual(['kept', 'password', 'user']);
  });
});

describe('what can’t be undone', () => {
  beforeEach(() => silent('secrets', 'create', 'db', '--generate', 'key'));

  test.each([
    ['db', 0, 5],
    ['y', 1, 0],
    ['', 1, 0],
  ])('is done when its name was typed: %j', async (typed, expected, after) => {
    const { code } = await asked(['secrets', 'delete', 'db'], [['Type "db" to go on', `${typed}\r`]]);
    expect(code).toBe(expected);
    expect((await silent('secrets', 'get', 'db')).code).toBe(after);
  });
});

describe('nothing is left behind, and the code is 130', () => {
  test.each([
    ['Ctrl-C', '\u0003', 'xterm'],
    ['Escape', '\u001b', 'xterm'],
    ['Ctrl-D', '\u0004', 'xterm'],
    ['an input that ends', 'the end', 'xterm'],
    ['an input that ends', 'the end', 'dumb'],
  ])('after %s (%j, %s)', async (_, keys, TERM) => {
    const before = readdirSync(home, { recursive: true });
    const { code, drawn } = await asked(['secrets', 'create'], [['Name', keys]], { env: { TERM } });
    expect(code).toBe(130);
    expect(readdirSync(home, { recursive: true })).toEqual(before);
    expect((await json('secrets', 'list')).items).toEqual([]);
    if (TERM === 'xterm') expect(drawn.lastIndexOf('\u001b[?25h')).toBeGreaterThan(drawn.lastIndexOf('\u001b[?25l'));
  });
});

test('a command that is no operation asks too: which token, and which server', async () => {
  await silent('principals', 'create', 'worker', '--role', 'Operator', '--with-key', '--out', `${home}/key`);
  const key = readFileSync(`${home}/key`, 'utf8').trim();
  const { id } = await json('tokens', 'create', '--name', 'one', '--api-key', key);
  const { code } = await asked(['tokens', 'revoke'], [['Which token:', '\r']]);
  expect(code).toBe(0);
  expect((await json('tokens', 'get', id)).state).toBe('revoked');

  const login = await asked(
    ['auth', 'login'],
    [
      ['Address of the server', 'example\r'],
      ['is no address of a server', `${erased.repeat(7)}http://127.0.0.1:1\r`],
    ],
    { env: { MOBIUS_TIMEOUT: '1' } },
  );
  expect([login.code, login.left]).toEqual([7, []]);
});

test('--no-input asks nothing', async () => {
  const { code, drawn, stderr } = await asked(['api-keys', 'create', '--no-input'], []);
  expect([code, drawn]).toEqual([2, '']);
  expect(stderr).toContain('--name and --principal-id are required');
});

test('a terminal that knows only lines gets lines', async () => {
  const env = { TERM: 'dumb' };
  await silent('principals', 'create', 'worker', '--role', 'Worker');
  const { code, drawn } = await asked(
    ['api-keys', 'create'],
    [
      ['Name', 'ci\n'],
      ['Principal (number or name):', 'nobody\n'],
      ['that is none of them', '1\n'],
      ['Expires (', 'never\n'],
    ],
    { env },
  );
  expect(code).toBe(0);
  expect(drawn).not.toContain('\u001b');
  expect(drawn).toContain('   1) worker  (service, active)\n');
  const roles = await asked(['roles', 'create', 'two'], [['Permissions (', '1, 3\n']], { env });
  expect(roles.code).toBe(0);
  expect((await json('roles', 'get', 'two')).permissions).toHaveLength(2);
  const secret = await asked(['secrets', 'create', 'db', '--value', 'key'], [['Value of "key"', 'plainly-fake\r']], {
    env,
  });
  expect(secret.code).toBe(0);
  expect(secret.drawn).not.toContain('plainly-fake');
});
