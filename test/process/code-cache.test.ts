import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { rootHelp } from '../../src/cli/help.ts';
import { product } from '../../src/cli/product.ts';
import { ended, program } from './machine.ts';

const root = mkdtempSync(join(tmpdir(), 'mobius-code-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let home: string;
let folder: string;
beforeEach(() => {
  home = mkdtempSync(join(root, 'home-'));
  folder = join(home, '.cache', 'mobius');
});

type Env = Readonly<Record<string, string>>;

const run = (args: readonly string[], env: Env = { HOME: home }, path = program) =>
  spawnSync(process.execPath, [path, ...args], { env: { ...env }, encoding: 'utf8' });

const help = ['secrets', '--help'];
const expected = { status: 0, stderr: '', stdout: expect.stringContaining('mobius secrets:') };

/** The one of the file with which the program begins. */
const cached = (): string => {
  const names = readdirSync(folder).filter((name) => name.includes('-main-'));
  expect(names).toHaveLength(1);
  return join(folder, names[0] ?? '');
};

/** Another file under the same name is another one. */
const identity = (path: string): number => lstatSync(path).ino;

describe('what the program was compiled to', () => {
  test('is kept, for its owner alone, and taken the next time', () => {
    expect(run(help)).toMatchObject(expected);
    const identities = () => readdirSync(folder).map((name) => [name, identity(join(folder, name))]);
    const before = identities();
    expect(before.length).toBeGreaterThan(1);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(run(help)).toMatchObject(expected);
    expect(identities()).toEqual(before);
  });

  test.each([
    ['its help', ['roles', 'list', '--help'], 0],
    ['a vault that is not there yet', ['roles', 'list'], 3],
    ['a wrong flag', ['roles', 'list', '--plainly-fake'], 2],
  ])('grows with what a command does, which began with %s', (_, first, status) => {
    const main = (): string => {
      const [name, ...others] = readdirSync(folder).filter((one) => one.includes('-roles-list-main-'));
      expect(others).toEqual([]);
      return join(folder, name ?? '');
    };
    expect(run(first).status).toBe(status);
    const { size } = statSync(main());
    expect(run(['vault', 'init', '-q']).status).toBe(0);
    expect(run(['roles', 'list'])).toMatchObject({ status: 0, stderr: '' });
    expect(statSync(main()).size).toBeGreaterThan(1.25 * size);
    const before = identity(main());
    expect(run(['roles', 'list']).status).toBe(0);
    expect(identity(main())).toBe(before);
  });

  test('is kept for each command by its name, and for what is none under no name of a person', () => {
    expect(run(['help', 'secrets']).status).toBe(0);
    expect(run(['plainly-a-fake-word']).status).toBe(2);
    expect(run(['can', 'plainly-a-fake-word']).status).toBe(2);
    const names = readdirSync(folder).map((name) => name.split('-').slice(1, -2).join('-'));
    expect(names.sort()).toEqual(['can-main', 'can-others', 'other-main', 'other-others']);
  });

  test('is thrown away a month after another version left it', () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const [old, young] = [join(folder, 'old'), join(folder, 'young')];
    for (const path of [old, young]) writeFileSync(path, '');
    const then = Date.now() / 1000 - 31 * 24 * 3600;
    utimesSync(old, then, then);
    expect(run(help)).toMatchObject(expected);
    expect([existsSync(old), existsSync(young)]).toEqual([false, true]);
  });

  test('is written by many at once, and whole', async () => {
    const started = Array.from({ length: 8 }, () =>
      spawn(process.execPath, [program, ...help], { env: { HOME: home } }),
    );
    for (const one of await Promise.all(started.map((child) => ended(child)))) {
      expect(one).toMatchObject({ code: 0, stderr: '' });
    }
    const before = identity(cached());
    expect(run(help)).toMatchObject(expected);
    expect(identity(cached())).toBe(before);
  });
});

describe('what is broken is neither run nor told, and replaced', () => {
  const flipped = (bytes: Buffer, at: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ 0xff;
    return copy;
  };
  test.each<[string, (good: Buffer) => Buffer]>([
    ['nothing', () => Buffer.alloc(0)],
    ['zeros', ({ length }) => Buffer.alloc(length)],
    ['a text', () => Buffer.from('plainly fake, plainly fake, ')],
    ['half of it', (good) => good.subarray(0, good.length / 2)],
    ['a bit of its head', (good) => flipped(good, 5)],
    ['a bit in its middle', (good) => flipped(good, Math.floor(good.length / 4))],
    ['a bit of its second half', (good) => flipped(good, good.length - 100)],
  ])('%s', (_, broken) => {
    expect(run(help)).toMatchObject(expected);
    const path = cached();
    const good = readFileSync(path);
    writeFileSync(path, broken(good));
    const before = identity(path);
    expect(run(help)).toMatchObject(expected);
    expect(identity(cached())).not.toBe(before);
  });
});

describe('what somebody else could have written is not run', () => {
  /** To the engine one program is as good as another of the same length. */
  const plant = (): string => {
    expect(run(help)).toMatchObject(expected);
    const path = cached();
    const { length } = readFileSync('dist/program/main.cjs', 'latin1');
    const source = '(function () { process.stdout.write("planted"); })'.padEnd(length);
    const making = `
      const script = new (require('node:vm').Script)(require('node:fs').readFileSync(0, 'latin1'));
      script.runInThisContext();
      const data = script.createCachedData();
      const line = Buffer.alloc(4096, ' ');
      require('node:fs').writeFileSync(process.argv[1], Buffer.concat([data, line, data, line]));`;
    const { status } = spawnSync(process.execPath, ['-e', making, path], { input: source, env: {} });
    expect(status).toBe(0);
    return path;
  };

  test('(in a place that is the user’s alone it would be)', () => {
    plant();
    expect(run(help)).toMatchObject({ status: 0, stdout: 'planted' });
  });

  test.each<[string, (path: string) => void]>([
    ['a folder that others may write to', () => chmodSync(folder, 0o770)],
    ['a folder that others may read', () => chmodSync(folder, 0o750)],
    ['a file that others may write to', (path) => chmodSync(path, 0o620)],
    [
      'a link to a folder',
      () => {
        renameSync(folder, `${folder}-elsewhere`);
        symlinkSync(`${folder}-elsewhere`, folder);
      },
    ],
    [
      'a link to a file',
      (path) => {
        renameSync(path, join(home, 'elsewhere'));
        symlinkSync(join(home, 'elsewhere'), path);
      },
    ],
  ])('%s', (_, open) => {
    open(plant());
    expect(run(help)).toMatchObject(expected);
  });

  test.runIf(process.getuid?.() === 0)("another user's folder", () => {
    const path = plant();
    expect(spawnSync('chown', ['-R', 'nobody', folder]).status).toBe(0);
    const before = identity(path);
    expect(run(help)).toMatchObject(expected);
    expect(identity(cached())).toBe(before);
  });

  test.runIf(process.getuid?.() === 0)("no folder is made in another user's home", () => {
    expect(spawnSync('chown', ['nobody', home]).status).toBe(0);
    expect(run(help)).toMatchObject(expected);
    expect(existsSync(join(home, '.cache'))).toBe(false);
  });
});

describe('where nothing can be kept, all goes on', () => {
  test.each<[string, () => Env]>([
    ['no variable', () => ({})],
    ['a relative home', () => ({ HOME: 'plainly/fake' })],
    ['a home that is not there', () => ({ HOME: join(home, 'gone') })],
    ['a folder that can hold nothing', () => ({ HOME: home, XDG_CACHE_HOME: '/dev/null' })],
  ])('%s', (_, env) => {
    expect(run(help, env())).toMatchObject(expected);
    expect(run(['--version'], env())).toMatchObject({ status: 0, stderr: '' });
    expect(existsSync(folder)).toBe(false);
  });

  test('a file stands where the folder would', () => {
    mkdirSync(join(home, '.cache'));
    writeFileSync(folder, '');
    expect(run(help)).toMatchObject(expected);
  });

  test('XDG_CACHE_HOME says where', () => {
    const elsewhere = join(home, 'elsewhere');
    expect(run(help, { HOME: home, XDG_CACHE_HOME: elsewhere })).toMatchObject(expected);
    expect(readdirSync(elsewhere)).toEqual(['mobius']);
    expect(existsSync(join(home, '.cache'))).toBe(false);
  });
});

describe('wherever it is installed', () => {
  test('in a folder with a space and other letters, called through a link', () => {
    const place = join(home, 'Größe und 大小');
    for (const name of ['bin', 'dist', 'package.json']) cpSync(name, join(place, name), { recursive: true });
    symlinkSync(resolve('node_modules'), join(place, 'node_modules'));
    symlinkSync(join(place, 'bin', 'mobius.js'), join(home, 'mobius'));
    for (const args of [['--version'], ['vault', 'init', '-q'], ['roles', 'list'], ['roles', 'list']]) {
      expect(run(args, { HOME: place }, join(home, 'mobius'))).toMatchObject({ status: 0, stderr: '' });
    }
    const names = readdirSync(join(place, '.cache', 'mobius')).map((name) => name.split('-').slice(1, -2).join('-'));
    const begun = names.filter((name) => /-(main|roles|projects)$/.test(name));
    expect(begun.sort()).toEqual(['roles-list-main', 'roles-list-roles', 'vault-init-main', 'vault-init-projects']);
  });
});

describe('what is answered without the program', () => {
  test.each([[[]], [['help']], [['--help']], [['-h']]])('%j: the help, to the letter', (args) => {
    expect(run(args)).toMatchObject({ status: 0, stderr: '', stdout: rootHelp(product) });
    expect(existsSync(folder)).toBe(false);
  });

  test('a word that every object has is no command', () => {
    expect(run(['constructor'])).toMatchObject({ status: 2, stderr: expect.stringContaining('unknown command') });
  });

  test.runIf(existsSync('/dev/full'))('a full disk is told as by any command', () => {
    for (const args of [['--version'], ['--help'], ['secrets', '--help']]) {
      const line = `'${process.execPath}' '${program}' ${args.join(' ')} > /dev/full`;
      const { status, stderr } = spawnSync('sh', ['-c', line], { env: { HOME: home }, encoding: 'utf8' });
      expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('no space left') });
    }
  });
});
