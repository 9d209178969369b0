import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { gitWouldTake, stagedFiles } from '../../src/use/git.ts';
import { newFolder } from '../cli/fake-io.ts';

const path = process.env.PATH ?? '';

/** Settings of whoever runs the tests are left out: they may trust every folder. */
const owner = (home: string): Record<string, string> => ({ PATH: path, HOME: home, GIT_CONFIG_NOSYSTEM: '1' });

const git = (folder: string, ...args: string[]): string => {
  const who = ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-c', 'protocol.file.allow=always'];
  const { GIT_DIR: _, GIT_INDEX_FILE: __, ...rest } = process.env;
  return execFileSync('git', [...who, ...args], { cwd: folder, env: rest, encoding: 'utf8', stdio: 'pipe' });
};

const newRepository = (): string => {
  const folder = newFolder();
  git(folder, 'init', '-q');
  writeFileSync(join(folder, '.gitignore'), '*.env\n!kept.env\nsecrets/\n');
  writeFileSync(join(folder, 'tracked.txt'), 'text\n');
  writeFileSync(join(folder, 'forced.env'), 'text\n');
  git(folder, 'add', '.gitignore', 'tracked.txt');
  git(folder, 'add', '-f', 'forced.env');
  git(folder, 'commit', '-qm', 'first');
  return folder;
};

const script = (file: string, text: string): string => {
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
};

const system = (env: Record<string, string>) => ({ platform: process.platform, env });

const asked = (file: string, env: Record<string, string> = owner('/nowhere')): Promise<string | undefined> =>
  gitWouldTake(file, system(env));

describe('a file that would be written', () => {
  test('is safe outside of any work tree, where no git is needed', async () => {
    expect(await asked(join(newFolder(), 'x.env'), { PATH: '' })).toBeUndefined();
  });

  test('is safe where it is ignored, whether it is there or not', async () => {
    const folder = newRepository();
    mkdirSync(join(folder, 'a'));
    mkdirSync(join(folder, 'secrets'));
    writeFileSync(join(folder, 'there.env'), '');
    for (const name of [
      'new.env',
      'there.env',
      'a/deep.env',
      'secrets/any',
      ':(top)x.env',
      '*.env',
      '-x.env',
      'a\nb.env',
    ]) {
      expect(await asked(join(folder, name)), name).toBeUndefined();
    }
  });

  test('is refused where it is not, with the reason', async () => {
    const folder = newRepository();
    mkdirSync(join(folder, 'a'));
    const open = `it is inside the git work tree "${folder}" and not ignored`;
    for (const name of ['x.txt', 'a/x.txt', 'kept.env', ':(exclude)x', ':!x', '*']) {
      expect(await asked(join(folder, name)), name).toBe(open);
    }
    const tracked = `it is tracked by git in "${folder}"`;
    expect(await asked(join(folder, 'tracked.txt'))).toBe(tracked);
    expect(await asked(join(folder, 'forced.env'))).toBe(tracked);
  });

  test('is where its links lead', async () => {
    const folder = newRepository();
    const outside = newFolder();
    symlinkSync(join(folder, 'x.txt'), join(outside, 'in'));
    symlinkSync(folder, join(outside, 'folder'));
    symlinkSync(join(outside, 'x.txt'), join(folder, 'out'));
    symlinkSync('loop', join(outside, 'loop'));
    expect(await asked(join(outside, 'in'))).toContain('not ignored');
    expect(await asked(join(outside, 'folder', 'x.txt'))).toContain('not ignored');
    expect(await asked(join(folder, 'out'))).toBeUndefined();
    await expect(asked(join(outside, 'loop'))).rejects.toThrow('circle');
  });

  test('is refused inside of .git', async () => {
    const folder = newRepository();
    expect(await asked(join(folder, '.git', 'x.env'))).toBe(`it is inside "${folder}/.git", which is git's own`);
    expect(await asked(join(folder, '.git', 'hooks', 'x.env'))).toContain("git's own");
    expect(await asked(join(folder, '.GIT'))).toContain("git's own");
  });

  test('is judged in a linked work tree and in a submodule as in any other', async () => {
    const folder = newRepository();
    const linked = join(newFolder(), 'linked');
    git(folder, 'worktree', 'add', '-q', linked);
    expect(await asked(join(linked, 'x.env'))).toBeUndefined();
    expect(await asked(join(linked, 'x.txt'))).toBe(`it is inside the git work tree "${linked}" and not ignored`);
    expect(await asked(join(linked, 'tracked.txt'))).toContain('tracked');

    git(folder, 'submodule', '--quiet', 'add', newRepository(), 'sub');
    const sub = join(folder, 'sub');
    expect(await asked(join(sub, 'x.env'))).toBeUndefined();
    expect(await asked(join(sub, 'x.txt'))).toBe(`it is inside the git work tree "${sub}" and not ignored`);
  });

  test('is refused where nobody can tell', async () => {
    const folder = newRepository();
    const within = `it is inside the git work tree "${folder}", and git`;
    const file = join(folder, 'x.env');
    expect(await asked(file, { PATH: '/nowhere' })).toBe(
      `${within} isn't installed, so nobody can tell whether it is ignored`,
    );

    const programs = newFolder();
    script(join(programs, 'git'), 'echo "fatal: detected dubious ownership" >&2; exit 128');
    expect(await asked(file, { PATH: programs })).toBe(
      `${within} can't tell whether it is ignored: detected dubious ownership`,
    );

    script(join(programs, 'git'), 'exec sleep 60');
    expect(await gitWouldTake(file, system({ PATH: `${programs}:${path}` }), 100)).toContain(
      'it took longer than 0.1 seconds',
    );

    writeFileSync(join(folder, '.git', 'HEAD'), 'nonsense');
    expect(await asked(file)).toContain("can't tell");
  });

  test('is refused in a repository of another owner', async () => {
    // Only root can give a folder away; the git of the test above says the same to everybody.
    if (process.getuid?.() !== 0) return;
    const folder = newRepository();
    for (const name of ['', '.git']) chownSync(join(folder, name), 12345, 12345);
    expect(await asked(join(folder, 'x.env'))).toContain('dubious ownership');
  });
});

describe('a hostile repository', () => {
  test('starts no program', async () => {
    const folder = newRepository();
    const mark = join(newFolder(), 'mark');
    const trap = script(join(folder, 'trap.sh'), `echo "$0 $*" >> ${mark}`);
    for (const setting of ['core.fsmonitor', 'core.pager', 'diff.external', 'diff.x.command', 'diff.x.textconv']) {
      git(folder, 'config', setting, trap);
    }
    git(folder, 'config', 'filter.x.clean', trap);
    git(folder, 'config', 'filter.x.smudge', trap);
    writeFileSync(join(folder, '.git', 'info', 'attributes'), '* diff=x filter=x\n');
    for (const hook of ['post-index-change', 'fsmonitor-watchman', 'query-watchman']) {
      script(join(folder, '.git', 'hooks', hook), `echo ${hook} >> ${mark}`);
    }
    rmSync(mark, { force: true });
    // The trap is a good one: git by itself falls into it.
    git(folder, 'status');
    expect(existsSync(mark)).toBe(true);
    writeFileSync(join(folder, 'tracked.txt'), 'changed\n');
    git(folder, '-c', 'core.fsmonitor=false', '-c', 'filter.x.clean=cat', 'add', 'tracked.txt');
    rmSync(mark, { force: true });

    expect(await asked(join(folder, 'x.env'))).toBeUndefined();
    expect(await asked(join(folder, 'x.txt'))).toContain('not ignored');
    expect(await asked(join(folder, 'tracked.txt'))).toContain('tracked');
    expect(await staged(folder)).toEqual([['tracked.txt', 'changed\n']]);
    expect(existsSync(mark)).toBe(false);
  });

  test('has no git of its own started, whatever PATH says', async () => {
    const folder = newRepository();
    const mark = join(newFolder(), 'mark');
    script(join(folder, 'git'), `touch ${mark}; exit 0`);
    expect(await asked(join(folder, 'x.txt'), { PATH: `.:${path}` })).toContain('not ignored');
    expect(await asked(join(folder, 'x.txt'), { PATH: `:${path}` })).toContain('not ignored');
    const here = relative(process.cwd(), folder);
    expect(await asked(join(folder, 'x.txt'), { PATH: `${here}:${path}` })).toContain('not ignored');
    expect(existsSync(mark)).toBe(false);
  });

  test('is not answered for by a bare one planted in it', async () => {
    const folder = newRepository();
    git(folder, 'init', '-q', '--bare', 'planted');
    expect(await asked(join(folder, 'planted', 'x.txt'))).toBe(
      `it is inside the git work tree "${folder}" and not ignored`,
    );
  });

  test('and variables that lead to another one are left aside', async () => {
    const [folder, other] = [newRepository(), newRepository()];
    const env = { ...owner('/nowhere'), GIT_DIR: join(other, '.git'), GIT_WORK_TREE: other };
    expect(await asked(join(folder, 'x.txt'), env)).toContain(`"${folder}" and not ignored`);
    git(folder, 'rm', '-q', '--cached', 'tracked.txt');
    expect(await asked(join(folder, 'tracked.txt'), { ...env, GIT_INDEX_FILE: join(other, '.git/index') })).toContain(
      'not ignored',
    );
  });
});

const staged = async (folder: string, env: Record<string, string> = owner('/nowhere')): Promise<[string, string][]> => {
  const files: [string, string][] = [];
  for await (const { path: name, content } of stagedFiles(folder, system(env))) {
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(piece);
    files.push([name, Buffer.concat(pieces).toString()]);
  }
  return files;
};

describe('what is staged', () => {
  test('comes with its staged content, whatever its name', async () => {
    const folder = newRepository();
    const names = ['a\nb', '"q" \\ $x', 'ünï', ' space ', ':(top)x', '-flag', 'empty'];
    for (const name of names) writeFileSync(join(folder, name), name === 'empty' ? '' : `in ${name}\n`);
    git(folder, 'add', '-A');
    for (const name of names) writeFileSync(join(folder, name), 'changed since\n');
    git(folder, 'rm', '-q', '--cached', 'tracked.txt');
    mkdirSync(join(folder, 'deep'));
    const expected = names.map((name) => [name, name === 'empty' ? '' : `in ${name}\n`]);
    const sorted = (all: readonly (readonly string[])[]) => [...all].sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
    expect(sorted(await staged(folder))).toEqual(sorted(expected));
    expect(sorted(await staged(join(folder, 'deep')))).toEqual(sorted(expected));
  });

  test('before the first commit too', async () => {
    const folder = newFolder();
    git(folder, 'init', '-q');
    writeFileSync(join(folder, 'x'), 'first');
    git(folder, 'add', 'x');
    expect(await staged(folder)).toEqual([['x', 'first']]);
  });

  test('a renamed and changed file, a link and no submodule', async () => {
    const folder = newRepository();
    git(folder, 'mv', 'tracked.txt', 'moved.txt');
    symlinkSync('somewhere', join(folder, 'link'));
    git(folder, 'submodule', '--quiet', 'add', newRepository(), 'sub');
    git(folder, 'add', '-A');
    const found = await staged(folder);
    expect(found.map(([name]) => name)).toEqual(['.gitmodules', 'link', 'moved.txt']);
    expect(found[1]).toEqual(['link', 'somewhere']);
  });

  test('can be left in the middle of a file', async () => {
    const folder = newRepository();
    writeFileSync(join(folder, 'a'), 'a\n'.repeat(1_500_000));
    writeFileSync(join(folder, 'b'), 'b');
    git(folder, 'add', '-A');
    const names: string[] = [];
    for await (const { path: name, content } of stagedFiles(folder, system(owner('/nowhere')))) {
      names.push(name);
      for await (const _ of content) break;
    }
    expect(names).toEqual(['a', 'b']);
  });

  test('by `git commit -a` is what its hook is shown', async () => {
    const folder = newRepository();
    writeFileSync(join(folder, 'tracked.txt'), 'by commit -a\n');
    const said = join(newFolder(), 'index');
    script(
      join(folder, '.git', 'hooks', 'pre-commit'),
      `printf %s "$GIT_INDEX_FILE" > ${said}; cp "$GIT_INDEX_FILE" ${said}.copy`,
    );
    git(folder, 'commit', '-qam', 'second');
    git(folder, 'reset', '-q', '--soft', 'HEAD~1');
    git(folder, 'reset', '-q');
    expect(await staged(folder)).toEqual([]);
    expect(await staged(folder, { ...owner('/nowhere'), GIT_INDEX_FILE: `${said}.copy` })).toEqual([
      ['tracked.txt', 'by commit -a\n'],
    ]);
    await expect(staged(folder, { ...owner('/nowhere'), GIT_INDEX_FILE: '.git/none' })).rejects.toThrow("isn't there");
  });

  test('is refused where nobody can tell', async () => {
    await expect(staged(newFolder())).rejects.toThrow('not a git repository');
    await expect(staged(newRepository(), { PATH: '/nowhere' })).rejects.toThrow("git isn't installed");
  });
});
