import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { beforeAll, describe, expect, test } from 'vitest';
import { newFolder } from './fake-io.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'mobius.js');
const version = `mobius ${JSON.parse(readFileSync(join(program, '..', '..', 'package.json'), 'utf8')).version}\n`;

const environment = (home: string) => ({ PATH: process.env.PATH, HOME: home, LANG: 'C.UTF-8' });

const mobius = (home: string, args: readonly string[], stdout: 'pipe' | number = 'pipe') =>
  spawnSync(process.execPath, [program, ...args], {
    env: environment(home),
    encoding: 'utf8',
    stdio: ['ignore', stdout, 'pipe'],
  });

const ended = (child: ChildProcess): Promise<number | NodeJS.Signals | null> =>
  new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));

beforeAll(() => {
  if (!existsSync(join(program, '..', '..', 'dist', 'start.cjs'))) throw new Error('not built: npm run build');
});

test('before it is built it says so', () => {
  const folder = newFolder();
  mkdirSync(join(folder, 'bin'));
  copyFileSync(program, join(folder, 'bin', 'mobius.js'));
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'bin', 'mobius.js')], {
    encoding: 'utf8',
  });
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: '',
    stderr: 'mobius: error: not built yet\nmobius: hint: npm run build\n',
  });
});

test('the version is that of the package', () => {
  expect(mobius('/nowhere', ['--version'])).toMatchObject({ status: 0, stdout: version, stderr: '' });
  expect(mobius('/nowhere', ['-q', '--version'])).toMatchObject({ status: 0, stdout: version, stderr: '' });
});

test('where there is neither home nor terminal, an error is still an error', () => {
  const { status, stderr } = mobius('/nowhere', ['whoami', '-o', 'text']);
  expect(status).toBe(3);
  expect(stderr).toMatch(/^mobius: error: no vault at "/);
});

describe('standard output', () => {
  test('that is full is told', () => {
    const { status, stderr } = mobius('/nowhere', ['--help', '-o', 'text'], openSync('/dev/full', 'w'));
    expect(status).toBe(1);
    expect(stderr).toBe('mobius: error: could not write to standard output: no space left on device\n');
  });

  test('that is a file is not replaced by --out', () => {
    const file = join(newFolder(), 'output');
    writeFileSync(file, 'what is there already\n');
    for (const name of ['/dev/stdout', '/dev/fd/1', '/proc/self/fd/1']) {
      const line = ['api-keys', 'create', 'ci', '--principal-id', 'w', '--out', name, '-o', 'text'];
      const { status, stderr } = mobius('/nowhere', line, openSync(file, 'a'));
      expect({ status, stderr: stderr.split('\n')[0] }).toEqual({
        status: 2,
        stderr: `mobius: error: --out can't write "${name}": it is no ordinary file`,
      });
    }
    expect(readFileSync(file, 'utf8')).toBe('what is there already\n');
  });

  test('that nobody reads any more is not', async () => {
    const child = spawn(process.execPath, [program, '--help'], { env: environment('/nowhere'), stdio: 'pipe' });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    expect(await ended(child)).toBe(1);
    expect(stderr).toBe('');
  });

  test('is never cut short, though it be slow and never wait', () => {
    const folder = newFolder();
    const size = 2_000_000;
    writeFileSync(join(folder, 'big.json'), JSON.stringify({ metadata: { text: 'x'.repeat(size) } }));
    // A neighbour that shares our pipe and set it not to block makes our writes fail with EAGAIN.
    writeFileSync(
      join(folder, 'neighbour.mjs'),
      "process.stdout.write(''); import('node:fs').then((fs) => fs.writeFileSync('ready', '')); setTimeout(() => {}, 600_000);",
    );
    const script = `{ "$NODE" neighbour.mjs & until [ -e ready ]; do sleep 0.05; done
      "$NODE" "$PROGRAM" principals create x -f big.json --dry-run; echo "code $?" >&2; kill $!; } | { sleep 1; wc -c; }`;
    const { stdout, stderr } = spawnSync('sh', ['-c', script], {
      cwd: folder,
      env: { ...environment(folder), NODE: process.execPath, PROGRAM: program },
      encoding: 'utf8',
    });
    expect(stderr).toBe('code 0\n');
    expect(Number(stdout)).toBeGreaterThan(size);
  });
});

test('a signal leaves no file behind', async () => {
  const home = newFolder();
  for (const args of [
    ['vault', 'init', '--vault', 'v.db'],
    ['principals', 'create', 'w', '--role', 'Worker', '--vault', 'v.db'],
  ]) {
    const { status } = spawnSync(process.execPath, [program, ...args], { env: environment(home), cwd: home });
    expect(status).toBe(0);
  }
  const before = readdirSync(home).sort();
  const database = new Database(join(home, 'v.db'));
  database.exec('begin immediate');
  const line = [program, 'api-keys', 'create', 'ci', '--principal-id', 'w', '--vault', 'v.db', '--out', 'ci.key'];
  const child = spawn(process.execPath, line, { env: environment(home), cwd: home, stdio: 'ignore' });
  const end = ended(child);
  const temporary = (): string[] => readdirSync(home).filter((name) => name.startsWith('.mobius-'));
  // It has its file and waits for the vault, which we hold.
  while (temporary().length === 0 && child.exitCode === null) await sleep(10);
  expect(temporary()).toHaveLength(1);
  child.kill('SIGTERM');
  expect(await end).toBe(143);
  database.exec('rollback');
  database.close();
  expect(
    readdirSync(home)
      .filter((name) => !name.startsWith('v.db'))
      .sort(),
  ).toEqual(before.filter((name) => !name.startsWith('v.db')));
});
