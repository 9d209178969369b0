import { describe, expect, test } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { version } from '../../src/version.ts';
import { fakeIo } from './fake-io.ts';

const told = async (argv: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const { io, stdout, stderr } = fakeIo({ argv, env: { MOBIUS_OUTPUT: 'text', ...env } });
  const code = await run(io);
  return { code, stdout: stdout(), stderr: stderr() };
};

const wrong = (message: string, hint: string) => ({
  code: 2,
  stdout: '',
  stderr: `mobius: error: ${message}\nmobius: hint: ${hint}\n`,
});

describe('what is wrong with a line is told with what to type instead', () => {
  test.each<[string[], string, string]>([
    [['frobnicate'], 'unknown command "frobnicate"', 'see which there are: mobius --help'],
    [['api-kyes', 'list'], 'unknown command "api-kyes"', 'did you mean: mobius api-keys'],
    [['whomai'], 'unknown command "whomai"', 'did you mean: mobius whoami'],
    [['api-keys', 'craete'], 'unknown command "api-keys craete"', 'did you mean: mobius api-keys create'],
    [['api-key', 'craete'], 'unknown command "api-keys craete"', 'did you mean: mobius api-keys create'],
    [['help', 'api-keys', 'xyzzy'], 'unknown command "api-keys xyzzy"', 'see which there are: mobius api-keys --help'],
    [['--projct', 'x', 'whoami'], 'unknown flag --projct', 'did you mean --project? see its flags: mobius --help'],
    [
      ['api-keys', '--projct', 'list'],
      'unknown flag --projct',
      'did you mean --project? see its flags: mobius api-keys --help',
    ],
    [
      ['api-keys', 'create', '--nmae', 'x'],
      'unknown flag --nmae',
      'did you mean --name? see its flags: mobius api-keys create --help',
    ],
    [['api-keys', 'create', '-z'], 'unknown flag -z', 'see its flags: mobius api-keys create --help'],
    [['api-keys', 'list', '--quiet=1'], '--quiet takes no value', 'see its flags: mobius api-keys list --help'],
    [['--project'], '--project needs a value', 'see its flags: mobius --help'],
    [['api-keys', 'create', '--name'], '--name needs a value', 'see its flags: mobius api-keys create --help'],
    [['api-keys', 'create'], '--name and --principal-id are required', 'see: mobius api-keys create --help'],
    [['api-keys', 'create', 'ci'], '--principal-id is required', 'see: mobius api-keys create --help'],
    [['api-keys', 'get'], '<key> is required', 'see: mobius api-keys get --help'],
    [['can'], '<principal> and <permission> are required', 'see: mobius permissions check --help'],
    [
      ['api-keys', 'get', 'a', 'b'],
      'unexpected argument "b": "api-keys get" takes only <key>',
      'see: mobius api-keys get --help',
    ],
    [
      ['api-keys', 'list', 'a'],
      'unexpected argument "a": "api-keys list" takes no arguments',
      'see: mobius api-keys list --help',
    ],
    [
      ['api-keys', 'create', 'a', '--name', 'b', '--principal-id', 'c'],
      '<name> is given twice: as an argument and as a flag',
      'see: mobius api-keys create --help',
    ],
    [
      ['api-keys', 'list', '--limit', 'x'],
      '--limit must be a whole number, not "x"',
      'see: mobius api-keys list --help',
    ],
    [['api-keys', 'list', '--limit', '201'], '--limit must be at most 200', 'see: mobius api-keys list --help'],
    [['api-keys', 'get', ''], '<key> must not be empty', 'see: mobius api-keys get --help'],
    [
      ['principals', 'create', '', '--role', 'Worker'],
      '<name> must not be empty',
      'see: mobius principals create --help',
    ],
    [['principals', 'create', '--name', ''], '--name must not be empty', 'see: mobius principals create --help'],
    [
      ['principals', 'update', 'ci'],
      'nothing to change',
      'give at least one of --description, --state, --owner-id, --metadata, --role-ids, --tag',
    ],
    [
      ['api-keys', 'list', '--state', 'activ'],
      '--state must be active, disabled, expired, retiring or revoked, not "activ"',
      'did you mean active?',
    ],
    [
      ['api-keys', 'list', '-F', 'nmae,id'],
      'no field "nmae" to show',
      'did you mean "name"? the fields are id, name, state, principal_id, key_prefix, key_suffix, project_id, expires_at, rate_limit, allow_ips, last_used_at, retires_at, revoked_at, rotated_from, replaced_by, tags, created_at, updated_at',
    ],
    [
      ['api-keys', 'revoke', 'ci', '-F', 'id'],
      'this command shows no fields, so -F has nothing to pick',
      'see: mobius api-keys revoke --help',
    ],
    [
      ['projects', 'delete', 'x'],
      'nobody can be asked to confirm: delete project "x" and everything in it?',
      'add --yes',
    ],
    [
      ['vault', 'init', 'extra'],
      'unexpected argument "extra": "vault init" takes no arguments',
      'see: mobius vault init --help',
    ],
  ])('%j', async (argv, message, hint) => {
    expect(await told(argv)).toEqual(wrong(message, hint));
  });
});

test('an entry of a list and a key of a map are named by their flag', async () => {
  expect((await told(['principals', 'create', 'a', '--role', 'ok,\x07'])).stderr).toMatch(
    /^mobius: error: entry 2 of --role-ids must not hold control characters\n/,
  );
  expect((await told(['principals', 'create', 'a', '--tag', 'env=\x07'])).stderr).toMatch(
    /^mobius: error: "env" in --tag must not hold control characters\n/,
  );
});

test('in JSON mode the error is JSON on stderr', async () => {
  const { code, stdout, stderr } = await told(['api-keys', 'list', '--limit', '201', '-o', 'json']);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^\{\n {2}"error": \{\n {4}"code": "invalid_input",\n/);
  expect(JSON.parse(stderr)).toEqual({
    error: {
      code: 'invalid_input',
      message: '--limit must be at most 200',
      hint: 'see: mobius api-keys list --help',
      details: { field: 'limit', problem: 'must be at most 200' },
    },
  });
});

test('what somebody else wrote never drives the terminal', async () => {
  const { stderr } = await told(['\x1b]0;title\x07']);
  expect(stderr).toBe(
    'mobius: error: unknown command "\\u001b]0;title\\u0007"\nmobius: hint: see which there are: mobius --help\n',
  );
});

describe('global flags', () => {
  const sent = '{"name":"n","principal_id":"p"}';
  test.each([
    [['-o', 'json', 'api-keys', 'create', 'n', '--principal-id', 'p', '--dry-run']],
    [['api-keys', '--output=json', 'create', 'n', '--principal-id', 'p', '--dry-run']],
    [['api-keys', 'create', 'n', '--principal-id', 'p', '--dry-run', '-o', 'json']],
    [['api-key', 'create', '--dry-run', '-ojson', '--principal-id=p', '--name=n', '-q']],
  ])('are understood everywhere: %j', async (argv) => {
    const { code, stdout } = await told(argv);
    expect({ code, sent: JSON.stringify(JSON.parse(stdout)) }).toEqual({ code: 0, sent });
  });

  test('are values where a flag wants one', async () => {
    const line = ['principals', 'create', 'n', '--description', '-q', '--dry-run', '-o', 'json'];
    expect(JSON.parse((await told(line)).stdout)).toEqual({ name: 'n', description: '-q' });
  });

  test('--version wins over the command', async () => {
    for (const argv of [
      ['--version'],
      ['-q', '--version'],
      ['api-keys', '--version'],
      ['api-keys', 'get', '--version'],
    ]) {
      expect(await told(argv)).toEqual({ code: 0, stdout: `mobius ${version}\n`, stderr: '' });
    }
  });
});

describe('an unexpected error', () => {
  const fail = async (env: Readonly<Record<string, string>>) => {
    const { io, stderr } = fakeIo({ argv: ['whoami'], env: { MOBIUS_OUTPUT: 'text', ...env } });
    const code = await run(
      Object.create(io, {
        home: {
          get: () => {
            throw new TypeError('no\x1bhome');
          },
        },
      }),
    );
    return { code, stderr: stderr() };
  };

  test('is told as one, with a way to know more', async () => {
    expect(await fail({})).toEqual({
      code: 1,
      stderr:
        'mobius: error: internal error: no\\u001bhome\nmobius: hint: set MOBIUS_DEBUG=1 to see where it comes from\n',
    });
  });

  test('shows its stack when that is asked for', async () => {
    expect((await fail({ MOBIUS_DEBUG: '1' })).stderr).toMatch(/TypeError: no\\u001bhome\n {4}at /);
  });
});
