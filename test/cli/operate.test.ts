import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Product, product } from '../../src/cli/product.ts';
import { run } from '../../src/cli/run.ts';
import type { SinkError } from '../../src/io.ts';
import { brokenPipe, diskFull, fakeIo, newFolder } from './fake-io.ts';

let home: string;

interface More {
  env?: Record<string, string>;
  stdin?: string;
  terminal?: boolean;
  stdoutFails?: SinkError;
  product?: Product;
}

const mobius = async (line: string, { product: other, ...more }: More = {}) => {
  const { io, stdout, stderr } = fakeIo({ argv: line.split(' '), cwd: home, home, ...more });
  const code = await run(io, other ?? product);
  return { code, stdout: stdout(), stderr: stderr() };
};

const json = async (line: string): Promise<Record<string, unknown>> => JSON.parse((await mobius(line)).stdout);

/** A product whose every attempt to reach a vault or a server fails. */
const unreachable: Product = {
  ...product,
  openTarget: async () => {
    throw new Error('something was opened');
  },
};

beforeEach(async () => {
  home = newFolder();
  expect(await mobius('vault init')).toMatchObject({ code: 0 });
  expect(await mobius('principals create worker --role Worker')).toMatchObject({ code: 0 });
});

const create = 'api-keys create ci --principal-id worker';
const stateOf = async (key: string): Promise<unknown> => (await json(`api-keys get ${key}`)).state;

describe('a dry run', () => {
  test('prints the body and reaches nothing', async () => {
    const { code, stdout, stderr } = await mobius(`${create} --expires-at 90d --tag a=b --dry-run`, {
      product: unreachable,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      name: 'ci',
      principal_id: 'worker',
      expires_at: '2026-04-01T00:00:00Z',
      tags: { a: 'b' },
    });
  });

  test('tells a person which request it would have been', async () => {
    const { stdout, stderr } = await mobius('principals update a/b --state disabled --project p-1 --dry-run', {
      terminal: true,
      env: { NO_COLOR: '1' },
      product: unreachable,
    });
    expect(stdout).toBe('state  disabled\n');
    expect(stderr).toBe('would send PATCH /v1/projects/p-1/principals/a%2Fb; nothing was sent\n');
  });

  test('checks everything first', async () => {
    expect(await mobius(`${create} --tag mobius:x=y --dry-run`)).toMatchObject({ code: 2, stdout: '' });
  });

  test('asks for no confirmation', async () => {
    expect(await mobius('projects delete x --dry-run', { product: unreachable })).toMatchObject({
      code: 0,
      stdout: '{}\n',
    });
  });
});

describe('a file', () => {
  test('is the input, and flags and arguments win over it', async () => {
    writeFileSync(join(home, 'key.yaml'), 'name: from-file\nprincipal_id: $WHO\ntags: {env: prod}\nprefix: acme_\n');
    const { stdout } = await mobius('api-keys create from-line -f key.yaml --var WHO=worker --prefix x_ --dry-run');
    expect(JSON.parse(stdout)).toEqual({
      name: 'from-line',
      principal_id: 'worker',
      tags: { env: 'prod' },
      prefix: 'x_',
    });
  });

  test('comes from stdin too', async () => {
    const { stdout } = await mobius('api-keys create --file - --dry-run', { stdin: '{"name":"a","principal_id":"b"}' });
    expect(JSON.parse(stdout)).toEqual({ name: 'a', principal_id: 'b' });
  });

  test('what is wrong in it is said in the words of the line', async () => {
    const { stderr } = await mobius('api-keys create --file - -o text', { stdin: '{"name":"","principal_id":"b"}' });
    expect(stderr).toMatch(/^mobius: error: --name must not be empty\n/);
  });
});

describe('nothing is asked of a vault', () => {
  test.each([
    [`${create} -F id,name`, '-F leaves out "key", which is shown only this once'],
    [`${create} -F id,key -q`, '-q and -F exclude each other'],
    [`${create} --out missing/ci.key`, '--out can\'t write "missing/ci.key": no such folder'],
    ['principals create other --out other.key', 'nothing will be issued that --out could write'],
    ['projects delete x', 'nobody can be asked to confirm: delete project "x" and everything in it?'],
  ])('by mobius %s', async (line, message) => {
    const { code, stderr } = await mobius(line, { product: unreachable });
    expect({ code, message: JSON.parse(stderr).error.message }).toEqual({ code: 2, message });
  });

  test('where a key proves itself to be none', async () => {
    const { code, stdout } = await mobius('api-keys verify', { stdin: 'mbx_nonsense', product: unreachable });
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toEqual({ valid: false, code: 'NOT_FOUND' });
  });
});

describe('a one-time value on stdout', () => {
  test('stands alone with -q, and works', async () => {
    const { stdout, stderr } = await mobius(`${create} -q`);
    expect(stdout).toMatch(/^mbx_[A-Za-z0-9]+\n$/);
    expect(stderr).toBe('');
    expect(await mobius('api-keys verify', { stdin: stdout })).toMatchObject({ code: 0 });
  });

  test('a person is told once what it is', async () => {
    const { stdout, stderr } = await mobius(create, { terminal: true, env: { NO_COLOR: '1' } });
    expect(stdout).toMatch(/\n\nmbx_[A-Za-z0-9]+\n\n$/);
    expect(stderr).toMatch(/^created api key "ci" \(key_[0-9a-z]{26}\)\nshown only this once: store it now\n$/);
  });

  test.each([
    ['a reader that went away', brokenPipe, 'broken pipe'],
    ['a full disk', diskFull, 'no space left on device'],
  ])('is taken back after %s', async (_, stdoutFails, why) => {
    const { code, stderr } = await mobius(create, { stdoutFails });
    const { error } = JSON.parse(stderr);
    expect(code).toBe(1);
    expect(error.message).toMatch(
      new RegExp(`^could not write to standard output: ${why}; the key key_[0-9a-z]{26} was revoked$`),
    );
    expect(await stateOf(error.details.id)).toBe('revoked');
  });

  test('if taking it back fails too, that is what is told', async () => {
    const stubborn: Product = {
      ...product,
      openTarget: async (io, globals) => {
        const { call, close, about } = await product.openTarget(io, globals);
        const refusing: typeof call = async (name, input) => {
          if (name === 'api-keys.revoke') throw new Error('no way');
          return call(name, input);
        };
        return { call: refusing, close, about };
      },
    };
    const { code, stderr } = await mobius(`${create} -o text`, { stdoutFails: diskFull, product: stubborn });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /; the key (key_\w+) could not be revoked either and still works: no way\n.*: mobius api-keys revoke \1\n$/,
    );
  });
});

describe('a one-time value to a file', () => {
  test('is there, and nowhere else', async () => {
    const { code, stdout } = await mobius(`${create} --out ci.key -F id,state`);
    const key = readFileSync(join(home, 'ci.key'), 'utf8');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ id: expect.stringMatching(/^key_/), state: 'active' });
    expect(await mobius('api-keys verify', { stdin: key })).toMatchObject({ code: 0 });
  });

  test('-q gives the id then', async () => {
    expect((await mobius(`${create} --out ci.key -q`)).stdout).toMatch(/^key_\w{26}\n$/);
    const withKey = await mobius('principals create other --with-key --role Worker --out other.key', {
      terminal: true,
    });
    expect(withKey.stdout + withKey.stderr).not.toContain(readFileSync(join(home, 'other.key'), 'utf8').trim());
    expect(withKey.stderr).toMatch(/\nwrote the key to "other.key"\n$/);
  });

  test('no file is left when the call fails', async () => {
    expect(await mobius('api-keys create ci --principal-id nobody --out ci.key')).toMatchObject({ code: 5 });
    expect(readdirSync(home).filter((name) => !name.startsWith('.local') && !name.startsWith('.config'))).toEqual([]);
  });

  test("is taken back when the file can't be written any more", async () => {
    mkdirSync(join(home, 'folder'));
    const vanishing: Product = {
      ...product,
      openTarget: (io, globals) => {
        rmSync(join(home, 'folder'), { recursive: true });
        return product.openTarget(io, globals);
      },
    };
    const { code, stdout, stderr } = await mobius(`${create} --out folder/ci.key`, { product: vanishing });
    const { error } = JSON.parse(stderr);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(error.message).toMatch(
      /^could not write "folder\/ci.key": no such file or directory; the key key_\w+ was revoked$/,
    );
    expect(await stateOf(error.details.id)).toBe('revoked');
  });

  test('stays, though nobody reads what stdout says', async () => {
    const { code, stderr } = await mobius(`${create} --out ci.key`, { stdoutFails: brokenPipe });
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(await mobius('api-keys verify', { stdin: readFileSync(join(home, 'ci.key'), 'utf8') })).toMatchObject({
      code: 0,
    });
  });
});

test('an answer that nobody reads ends quietly, one that finds no room does not', async () => {
  expect(await mobius('roles list', { stdoutFails: brokenPipe })).toEqual({ code: 1, stdout: '', stderr: '' });
  expect(await mobius('roles list -o text', { stdoutFails: diskFull })).toEqual({
    code: 1,
    stdout: '',
    stderr: 'mobius: error: could not write to standard output: no space left on device\n',
  });
});

test('the next page is one line to paste', async () => {
  for (const name of ['a', 'b', 'c']) await mobius(`api-keys create ${name} --principal-id worker --tag env:x=y`);
  const first = await mobius(
    'api-keys list --limit 2 --principal-id worker --project default -o pretty --api-key secret --as-owner',
  );
  const [, line = ''] = /; more: mobius (.*)\n/.exec(first.stdout) ?? [];
  expect(line).toMatch(
    /^api-keys list --limit 2 --principal-id worker --project default --output pretty --as-owner --cursor \S+$/,
  );
  expect((await mobius(line)).stdout).toMatch(/\nc +active +key_\w+[\s\S]*\n1 shown\n$/);
});

test('a secret on the command line is warned of, on a terminal', async () => {
  const warning =
    /^mobius: warning: --key on the command line can be read by other programs; give @FILE or @- instead\n/;
  expect((await mobius('api-keys verify --key mbx_x', { terminal: true })).stderr).toMatch(warning);
  expect((await mobius('api-keys verify --key mbx_x')).stderr).not.toMatch(warning);
  writeFileSync(join(home, 'k'), 'mbx_x');
  expect((await mobius('api-keys verify --key @k', { terminal: true })).stderr).not.toMatch(warning);
  expect((await mobius('whoami --api-key mbx_x', { terminal: true })).stderr).toContain(
    '; set MOBIUS_API_KEY instead\n',
  );
});

test('an answer that is a no ends with its own exit code, and is shown', async () => {
  const { code, stdout } = await mobius('can worker mobius.access.manage -F allowed');
  expect({ code, stdout: JSON.parse(stdout) }).toEqual({ code: 4, stdout: { allowed: false } });
});

test('what was opened is closed, after an answer and after an error', async () => {
  const closed: string[] = [];
  const watched: Product = {
    ...product,
    openTarget: async (io, globals) => {
      const { call, close, about } = await product.openTarget(io, globals);
      return {
        call,
        about,
        close: async () => {
          closed.push(io.argv.join(' '));
          await close();
        },
      };
    },
  };
  await mobius('roles list', { product: watched });
  await mobius('roles get nothing', { product: watched });
  expect(closed).toEqual(['roles list', 'roles get nothing']);
});
