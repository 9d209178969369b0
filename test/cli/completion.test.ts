import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, win32 } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { type Installed, lookAtCompletion, setCompletion } from '../../src/cli/completion/install.ts';
import { withLines, withoutLines } from '../../src/cli/completion/profile.ts';
import { type Shell, scriptOf, shellOf, shells } from '../../src/cli/completion/scripts.ts';
import type { Io } from '../../src/io.ts';
import { fakeIo, newFolder } from './fake-io.ts';

const ioIn = (home: string, env: Readonly<Record<string, string>> = {}, platform: NodeJS.Platform = 'linux'): Io => ({
  ...fakeIo({ home, cwd: home, env }).io,
  platform,
});

const install = (io: Io, shell: Shell): Installed => setCompletion(io, shell, { remove: false, dryRun: false });
const uninstall = (io: Io, shell: Shell): Installed => setCompletion(io, shell, { remove: true, dryRun: false });

/** Every file below a folder, with its text. */
const filesIn = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => statSync(join(folder, path)).isFile())
      .map((path) => [path, readFileSync(join(folder, path), 'utf8')]),
  );

describe('the lines in a file of the shell', () => {
  const lines = ['one', 'two'];

  it.each([undefined, '', 'mine\n', 'mine', 'mine\r\nand\r\n', 'mine\r\nopen', '\n'])('go as they came: %j', (text) => {
    const added = withLines(text, lines);
    expect(added.startsWith(text ?? '')).toBe(true);
    expect(withLines(added, lines)).toBe(added);
    expect(withoutLines(added)).toBe(text);
  });

  it('are renewed where they stand, and leave what was written behind them', () => {
    const later = `${withLines('mine', lines)}later\n`;
    expect(withLines(later, ['three'])).toBe(later.replace('one\ntwo', 'three'));
    expect(withoutLines(later)).toBe('mine\nlater\n');
    expect(withoutLines(`${withLines(undefined, lines)}later\n`)).toBe('later\n');
  });

  it('hold what a replacement would take for its own', () => {
    expect(withLines(withLines('', ['old']), ["$& $' $1"])).toContain("$& $' $1");
  });
});

describe.each(shells)('%s', (shell) => {
  it('is installed once, told as it was the second time, and taken back whole', () => {
    const home = newFolder();
    const mine = { '.bashrc': 'alias m=mobius', '.zshrc': 'bindkey -e\n' };
    for (const [name, text] of Object.entries(mine)) writeFileSync(join(home, name), text);
    const io = ioIn(home);
    expect(lookAtCompletion(io, shell).state).toBe('none');

    const dry = setCompletion(io, shell, { remove: false, dryRun: true });
    expect(filesIn(home)).toEqual(mine);
    const first = install(io, shell);
    expect(first.files).toEqual(dry.files);
    expect(first.files[0]?.change).toBe('written');
    const after = filesIn(home);
    expect(Object.values(after)).toContain(scriptOf(shell));
    expect(lookAtCompletion(io, shell).state).toBe('current');

    const second = install(io, shell);
    expect(second.files.map(({ change }) => change)).toEqual(first.files.map(() => 'as it was'));
    expect(filesIn(home)).toEqual(after);

    expect(uninstall(io, shell).files.map(({ change }) => change)).not.toContain('as it was');
    expect(filesIn(home)).toEqual(mine);
    expect(uninstall(io, shell).files.map(({ change }) => change)).toEqual(first.files.map(() => 'as it was'));
  });

  it('gets the script of this version in place of another', () => {
    const io = ioIn(newFolder());
    const [script = { path: '' }] = install(io, shell).files;
    writeFileSync(script.path, `${scriptOf(shell)}# of another version\n`);
    expect(lookAtCompletion(io, shell).state).toBe('other');
    expect(install(io, shell).files[0]?.change).toBe('written');
    expect(readFileSync(script.path, 'utf8')).toBe(scriptOf(shell));
  });

  it('keeps what a person put in its place', () => {
    const io = ioIn(newFolder());
    const [script = { path: '' }] = setCompletion(io, shell, { remove: false, dryRun: true }).files;
    mkdirSync(dirname(script.path), { recursive: true });
    writeFileSync(script.path, 'echo mine\n');
    expect(() => install(io, shell)).toThrow('it holds something that mobius did not write');
    expect(uninstall(io, shell).files[0]?.change).toBe('as it was');
    expect(readFileSync(script.path, 'utf8')).toBe('echo mine\n');
  });
});

describe('files of a person', () => {
  it('stay links, and as open as they were', () => {
    const home = newFolder();
    mkdirSync(join(home, 'dotfiles'));
    writeFileSync(join(home, 'dotfiles', 'bashrc'), 'mine\n', { mode: 0o640 });
    chmodSync(join(home, 'dotfiles', 'bashrc'), 0o640);
    symlinkSync('dotfiles/bashrc', join(home, '.bashrc'));
    const io = ioIn(home);
    install(io, 'bash');
    expect(lstatSync(join(home, '.bashrc')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(home, 'dotfiles', 'bashrc'), 'utf8')).toContain('mobius completion');
    expect(statSync(join(home, 'dotfiles', 'bashrc')).mode & 0o777).toBe(0o640);
    uninstall(io, 'bash');
    expect(readFileSync(join(home, '.bashrc'), 'utf8')).toBe('mine\n');
    expect(lstatSync(join(home, '.bashrc')).isSymbolicLink()).toBe(true);
  });

  it('are not begun on where one of them can not be written', () => {
    const home = newFolder();
    mkdirSync(join(home, '.bashrc'));
    const io = ioIn(home);
    expect(() => install(io, 'bash')).toThrow(`could not change "${join(home, '.bashrc')}"`);
    expect(Object.keys(filesIn(home))).toEqual([]);
    writeFileSync(join(home, '.local'), '');
    expect(() => install(io, 'zsh')).toThrow('could not change');
    expect(existsSync(join(home, '.zshrc'))).toBe(false);
  });
});

test('bash needs no lines where its completion package is loaded', () => {
  const home = newFolder();
  const brew = join(home, 'brew');
  mkdirSync(join(brew, 'etc', 'profile.d'), { recursive: true });
  writeFileSync(join(brew, 'etc', 'profile.d', 'bash_completion.sh'), '');
  const io = ioIn(home, { HOMEBREW_PREFIX: brew });
  writeFileSync(join(home, '.bashrc'), '# . bash_completion.sh\n');
  expect(setCompletion(io, 'bash', { remove: false, dryRun: true }).files).toHaveLength(2);
  writeFileSync(join(home, '.bashrc'), '. $HOMEBREW_PREFIX/etc/profile.d/bash_completion.sh\n');
  expect(install(io, 'bash').files).toEqual([
    { path: join(home, '.local/share/bash-completion/completions/mobius'), change: 'written' },
  ]);
});

test('each shell is served where it says that it looks', () => {
  const home = newFolder();
  const paths = (shell: Shell, env: Readonly<Record<string, string>>, platform?: NodeJS.Platform): string[] =>
    setCompletion(ioIn(home, env, platform), shell, { remove: false, dryRun: true }).files.map(({ path }) => path);
  expect(paths('bash', {}, 'darwin')[1]).toBe(join(home, '.bash_profile'));
  expect(paths('bash', { XDG_DATA_HOME: '/data' })[0]).toBe('/data/bash-completion/completions/mobius');
  expect(paths('bash', { BASH_COMPLETION_USER_DIR: '/own' })[0]).toBe('/own/completions/mobius');
  expect(paths('zsh', { ZDOTDIR: '/zsh', XDG_DATA_HOME: '/data' })).toEqual([
    '/data/zsh/site-functions/_mobius',
    '/zsh/.zshrc',
  ]);
  expect(paths('fish', { XDG_CONFIG_HOME: '/config' })).toEqual(['/config/fish/completions/mobius.fish']);
  expect(paths('powershell', {})[1]).toBe(join(home, '.config/powershell/profile.ps1'));
  expect(paths('powershell', {}, 'win32')[1]).toBe(join(win32.join(home, 'Documents', 'PowerShell'), 'profile.ps1'));
});

test('the shell is the one that SHELL says', () => {
  const of = (SHELL: string, platform: NodeJS.Platform = 'linux'): Shell | undefined =>
    shellOf({ env: SHELL === '' ? {} : { SHELL }, platform });
  expect(
    ['/bin/bash', '/usr/bin/zsh', '/opt/bin/fish', '/usr/bin/pwsh', '/bin/dash', ''].map((one) => of(one)),
  ).toEqual(['bash', 'zsh', 'fish', 'powershell', undefined, undefined]);
  expect(of('', 'win32')).toBe('powershell');
  expect(of('C:\\Program Files\\Git\\bash.exe', 'win32')).toBe('bash');
});
