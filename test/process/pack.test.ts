import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

/**
 * The package, installed as its users install it: into an empty prefix, run in an empty home. The binding of SQLite, whose
 * compiling takes minutes, is the one that is here already; .ci/nodes compiles it for each Node.
 */
const root = realpathSync(mkdtempSync(join(tmpdir(), 'mobius-pack-')));
const [prefix, home] = [join(root, 'prefix'), join(root, 'home')];
const installed = join(prefix, 'lib', 'node_modules', 'mobius');
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Packed {
  filename: string;
  unpackedSize: number;
  files: { path: string }[];
}

interface Manifest {
  version: string;
  scripts: Record<string, string>;
  man?: string[];
}

const npm = (...args: string[]): string => {
  const env = {
    ...process.env,
    npm_config_fund: 'false',
    npm_config_audit: 'false',
    npm_config_update_notifier: 'false',
  };
  const { status, stdout, stderr } = spawnSync('npm', [...args, '--ignore-scripts'], { env, encoding: 'utf8' });
  expect({ args, status, stderr }).toMatchObject({ status: 0 });
  return stdout;
};

/** What the user of a new account has, and the `mobius` of the prefix. */
const bash = (script: string): string => {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
    cwd: home,
    env: { HOME: home, PATH: `${join(prefix, 'bin')}:${join(process.execPath, '..')}:/usr/bin:/bin` },
    encoding: 'utf8',
  });
  expect({ script, status, stderr }).toMatchObject({ status: 0 });
  return stdout;
};

let packed: Packed;
beforeAll(() => {
  mkdirSync(home);
  [packed] = JSON.parse(npm('pack', '--json', '--pack-destination', root)) as [Packed];
  npm('install', '--global', '--prefer-offline', '--prefix', prefix, join(root, packed.filename));
  const binding = join('node_modules', 'better-sqlite3', 'build', 'Release', 'better_sqlite3.node');
  cpSync(resolve(binding), join(installed, binding));
}, 300_000);

const manifestOf = (): Manifest => JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Manifest;

test('what is in it: the built program and what it reads, nothing that only its makers need', async () => {
  const paths = packed.files.map(({ path }) =>
    path.replace(/^(dist\/program\/validators)\/[\w-]+\.cjs$/, '$1/*.cjs').replace(/^man\/[\w-]+(\.[17])$/, 'man/*$1'),
  );
  await expect(`${[...new Set(paths)].sort().join('\n')}\n`).toMatchFileSnapshot('../golden/package.txt');
  expect(packed.unpackedSize).toBeLessThan(7_000_000);
});

test('it runs nothing of its own while it is installed', () => {
  const { scripts } = manifestOf();
  expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$/.test(name))).toEqual([]);
});

test('it tells its version, completes, and has its pages where man looks', () => {
  const { version, man = [] } = manifestOf();
  expect(bash('mobius --version')).toBe(`mobius ${version}\n`);
  expect(bash('source <(mobius completion bash) && complete -p mobius')).toContain('mobius');
  const pages = man.map((page) => join(prefix, 'share', 'man', `man${page.at(-1)}`, basename(page)));
  expect(pages).toContain(join(prefix, 'share', 'man', 'man1', 'mobius.1'));
  expect(pages.filter((page) => !existsSync(page))).toEqual([]);
});

test('it makes a vault, a key that works, and hands a secret to a program', () => {
  const { key } = JSON.parse(bash('mobius quickstart')) as { key: string };
  expect(bash(`MOBIUS_API_KEY=${key} mobius whoami -o text -F name`)).toBe('quickstart\n');
  writeFileSync(join(home, 'value'), 'plainly-fake');
  bash('mobius secrets create demo --set password=@value');
  expect(bash(`mobius run --no-mask --secret demo -- sh -c 'printf %s "$PASSWORD"'`)).toBe('plainly-fake');
  expect(bash('mobius vault check -q')).toBe('');
});
