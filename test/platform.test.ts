import { expect, test } from 'vitest';
import * as on from '../src/platform.ts';

const systems = ['linux', 'darwin', 'win32'] as const;

/** What each of the three systems is told. */
const each = <T>(ask: (platform: NodeJS.Platform) => T): Record<(typeof systems)[number], T> => ({
  linux: ask('linux'),
  darwin: ask('darwin'),
  win32: ask('win32'),
});

test('what Windows has not', () => {
  for (const ask of [
    on.modesTell,
    on.foldersSync,
    on.socketsAreFiles,
    on.pipesAreFiles,
    on.groupsTakeSignals,
    on.hasCron,
  ]) {
    expect([ask.name, each(ask)]).toEqual([ask.name, { linux: true, darwin: true, win32: false }]);
  }
  expect(each(on.syncFlag)).toEqual({ linux: 'r', darwin: 'r', win32: 'r+' });
  expect(each(on.hasProc)).toEqual({ linux: true, darwin: false, win32: false });
  expect(each(on.namesFold)).toEqual({ linux: false, darwin: false, win32: true });
});

test('the folders of a person, where no variable names others', () => {
  const homes = { linux: '/home/ada', darwin: '/Users/ada', win32: 'C:\\Users\\ada' };
  const folders = (platform: (typeof systems)[number], env = {}) =>
    (['config', 'data', 'cache'] as const).map((kind) => on.userFolder({ platform, env }, kind, () => homes[platform]));
  expect(folders('linux')).toEqual(['/home/ada/.config', '/home/ada/.local/share', '/home/ada/.cache']);
  expect(folders('darwin')).toEqual([
    '/Users/ada/Library/Preferences',
    '/Users/ada/Library/Application Support',
    '/Users/ada/Library/Caches',
  ]);
  expect(folders('win32')).toEqual([
    'C:\\Users\\ada\\AppData\\Roaming',
    'C:\\Users\\ada\\AppData\\Local',
    'C:\\Users\\ada\\AppData\\Local',
  ]);

  const xdg = { XDG_CONFIG_HOME: '/x/config', XDG_DATA_HOME: '/x/data', XDG_CACHE_HOME: '/x/cache' };
  expect(folders('linux', xdg)).toEqual(['/x/config', '/x/data', '/x/cache']);
  expect(folders('darwin', xdg)).toEqual(folders('darwin'));
  const profile = { APPDATA: 'D:\\roaming', LOCALAPPDATA: 'D:\\local' };
  expect(folders('win32', profile)).toEqual(['D:\\roaming', 'D:\\local', 'D:\\local']);
});

test('the home that a variable names', () => {
  const named = each((platform) => on.homeNamed({ platform, env: { HOME: '/home/ada' } }));
  expect(named).toEqual({ linux: '/home/ada', darwin: '/home/ada', win32: undefined });
});

test("where PowerShell keeps what is a person's own", () => {
  const home = 'C:\\Users\\ada';
  const folder = (platform: NodeJS.Platform, paths?: string) =>
    on.powershellFolder({ platform, env: { PSModulePath: paths } }, home, '/home/ada/.config');
  expect(folder('linux')).toBe('/home/ada/.config/powershell');
  expect(folder('darwin', `${home}\\PowerShell\\Modules`)).toBe('/home/ada/.config/powershell');
  expect(folder('win32')).toBe(`${home}\\Documents\\PowerShell`);
  const elsewhere = `C:\\PowerShell\\Modules;${home.toUpperCase()}\\OneDrive\\PowerShell\\Modules`;
  expect(folder('win32', elsewhere)).toBe(`${home.toUpperCase()}\\OneDrive\\PowerShell`);
});

test('no folder is relative, whatever a variable or the home says', () => {
  for (const platform of systems) {
    for (const home of ['', 'ada', undefined]) {
      const env = { XDG_DATA_HOME: '', LOCALAPPDATA: 'local' };
      expect(on.userFolder({ platform, env }, 'data', () => home)).toBeUndefined();
    }
  }
  expect(on.folderNamed({ platform: 'linux', env: { A: 'C:\\a' } }, 'A')).toBeUndefined();
  expect(on.folderNamed({ platform: 'win32', env: { A: 'C:\\a' } }, 'A')).toBe('C:\\a');
  expect(on.folderNamed({ platform: 'win32', env: {} }, 'A')).toBeUndefined();
});

test('where a process listens for others of its user', () => {
  expect(each((platform) => on.socketIn(platform, '/run/mobius', 'a1'))).toEqual({
    linux: '/run/mobius/a1.sock',
    darwin: '/run/mobius/a1.sock',
    win32: '\\\\.\\pipe\\mobius-a1',
  });
  expect(each((platform) => on.typedSocket(platform, '/here', 'own.sock'))).toEqual({
    linux: '/here/own.sock',
    darwin: '/here/own.sock',
    win32: 'own.sock',
  });
  expect(on.takesSocket('linux', `/${'a'.repeat(98)}`, '1234')).toBe(false);
  expect(on.takesSocket('linux', `/${'a'.repeat(97)}`, '1234')).toBe(true);
  expect(on.takesSocket('win32', `/${'a'.repeat(200)}`, '1234')).toBe(true);
  expect(each((platform) => on.lastingFolder(platform, 'own'))).toEqual({ linux: '/', darwin: '/', win32: 'own' });
});

test('names of variables fold on Windows alone', () => {
  expect(each((platform) => on.folded(platform, 'Path'))).toEqual({ linux: 'Path', darwin: 'Path', win32: 'PATH' });
  const env = { Path: 'found' };
  expect(each((platform) => on.variableIn({ platform, env }, 'PATH'))).toEqual({
    linux: undefined,
    darwin: undefined,
    win32: 'found',
  });
  expect(on.variableIn({ platform: 'win32', env: {} }, 'PATH')).toBeUndefined();
  expect(each(on.longestVariable)).toEqual({ linux: 131_072, darwin: Infinity, win32: Infinity });
});

test('a line for the shell', () => {
  const line = 'echo "a b" & exit 3';
  expect(on.shellLine({ platform: 'linux', env: {} }, line)).toEqual({ program: '/bin/sh', args: ['-c', line] });
  expect(on.shellLine({ platform: 'darwin', env: {} }, line)).toEqual({ program: '/bin/sh', args: ['-c', line] });
  expect(on.shellLine({ platform: 'android', env: {} }, line).program).toBe('/system/bin/sh');
  const windows = {
    program: 'C:\\Windows\\System32\\cmd.exe',
    args: ['/d', '/s', '/c', `"${line}"`],
    windowsVerbatimArguments: true,
    argv0: 'cmd.exe',
  };
  expect(on.shellLine({ platform: 'win32', env: {} }, line)).toEqual(windows);
  for (const [env, program] of [
    [{ COMSPEC: 'D:\\w\\cmd.exe' }, 'D:\\w\\cmd.exe'],
    // One that is looked for could be found in the folder where mobius works.
    [{ ComSpec: 'cmd.exe' }, windows.program],
    [{ SystemRoot: 'D:\\Windows' }, 'D:\\Windows\\System32\\cmd.exe'],
  ] as const) {
    expect(on.shellLine({ platform: 'win32', env }, line).program).toBe(program);
  }
});

const start = (platform: NodeJS.Platform, path: string, ...args: string[]) =>
  on.programStart({ platform, env: {} }, path, args);

test('a program that is no script has the name that the system gives it', () => {
  expect(each((platform) => on.binaryNamed(platform, 'git'))).toEqual({
    linux: 'git',
    darwin: 'git',
    win32: 'git.exe',
  });
});

test('a program is started with its arguments as they are', () => {
  const args = ['a b', '"&|%PATH%^!', 'x\ny'];
  for (const platform of systems) expect(start(platform, '/bin/x', ...args)).toEqual({ program: '/bin/x', args });
  expect(start('win32', 'C:\\x.exe', ...args)).toEqual({ program: 'C:\\x.exe', args });
  expect(start('linux', '/bin/x.cmd', ...args)).toEqual({ program: '/bin/x.cmd', args });
});

test.each(['npm.cmd', 'NPM.CMD', 'x.bat', 'x.bat. .', 'x.cmd '])(
  'the batch file %j needs the interpreter, which gets words in quotes',
  (name) => {
    const path = `C:\\Program Files (x86)\\${name}`;
    expect(start('win32', path, 'run', '', 'a b', 'C:\\a\\', '--x=1,2;3')).toEqual({
      program: 'C:\\Windows\\System32\\cmd.exe',
      args: ['/d', '/s', '/c', `""${path}" "run" "" "a b" "C:\\a\\\\" "--x=1,2;3""`],
      windowsVerbatimArguments: true,
      argv0: 'cmd.exe',
    });
  },
);

test.each([...'"%!^&|<>()`\'\n\r\t\0\u00a0\u02ba\uff02\u01c0\u2028'])(
  'no batch file gets a word with %j in it: it could be read as more than a word',
  (character) => {
    const word = `a${character}calc`;
    expect(start('win32', 'C:\\npm.cmd', 'plain', word)).toEqual({ unfit: 2 });
  },
);

test.each([...'"%!^&|<>\n'])('no batch file is started whose path has %j in it', (character) => {
  const path = `C:\\a${character}b\\npm.cmd`;
  expect(start('win32', path)).toEqual({ unfit: 0 });
});

test('the files that a name may mean', () => {
  const unix = { platform: 'linux', env: { PATH: '/usr/bin:bin' } } as const;
  expect(on.programFiles(unix, '/here', 'node')).toEqual(['/usr/bin/node', '/here/bin/node']);
  expect(on.programFiles(unix, '/here', './node')).toEqual(['/here/node']);
  expect(on.programFiles({ platform: 'darwin', env: {} }, '/here', 'node')).toEqual(['/usr/bin/node', '/bin/node']);
  const windows = { platform: 'win32', env: { Path: 'C:\\one;C:\\two' } } as const;
  expect(on.programFiles(windows, 'C:\\here', 'npm')).toEqual(
    ['one', 'two'].flatMap((folder) => ['exe', 'com', 'cmd', 'bat'].map((ending) => `C:\\${folder}\\npm.${ending}`)),
  );
  expect(on.programFiles(windows, 'C:\\here', 'npm.cmd')).toEqual(['C:\\one\\npm.cmd', 'C:\\two\\npm.cmd']);
  expect(on.programFiles(windows, 'C:\\here', 'bin\\npm.cmd')).toEqual(['C:\\here\\bin\\npm.cmd']);
  expect(each((platform) => on.namesFolder(platform, 'a/b'))).toEqual({ linux: true, darwin: true, win32: true });
  expect(each((platform) => on.namesFolder(platform, 'a\\b'))).toEqual({ linux: false, darwin: false, win32: true });
  expect(each((platform) => on.namesFolder(platform, 'ab'))).toEqual({ linux: false, darwin: false, win32: false });
});

test('what opens an address, and whether somebody sees it', () => {
  const opener = (env: Record<string, string>) => each((platform) => on.opener({ platform, env })?.[0]);
  expect(opener({})).toEqual({ linux: undefined, darwin: 'open', win32: 'rundll32' });
  expect(opener({ DISPLAY: ':0' }).linux).toBe('xdg-open');
  expect(opener({ WAYLAND_DISPLAY: 'w' }).linux).toBe('xdg-open');

  const desktop = (env: Record<string, string>) => each((platform) => on.hasDesktop({ platform, env }));
  expect(desktop({})).toEqual({ linux: false, darwin: true, win32: true });
  expect(desktop({ SSH_CONNECTION: 'a' })).toEqual({ linux: false, darwin: false, win32: false });
  expect(desktop({ DISPLAY: ':0' }).linux).toBe(false);
  expect(desktop({ DISPLAY: ':0', XDG_RUNTIME_DIR: '/run' }).linux).toBe(true);
  expect(on.hasDesktop({ platform: 'freebsd', env: {} })).toBe(false);
});

test('what a person types', () => {
  const shells = (env: Record<string, string>) => each((platform) => on.shellNamed({ platform, env }));
  expect(shells({})).toEqual({ linux: '', darwin: '', win32: 'powershell' });
  for (const [path, shell] of [
    ['/usr/bin/fish', 'fish'],
    ['/opt/pwsh', 'powershell'],
    ['C:\\pwsh.exe', 'powershell'],
    ['C:\\Program Files\\Git\\bin\\bash.exe', 'bash'],
    ['/bin/zsh', 'zsh'],
  ] as const) {
    expect(shells({ SHELL: path })).toEqual({ linux: shell, darwin: shell, win32: shell });
  }
  expect(each(on.bashProfile)).toEqual({ linux: '.bashrc', darwin: '.bash_profile', win32: '.bashrc' });
  expect(each(on.terminalsShowAll)).toEqual({ linux: false, darwin: false, win32: true });
  expect(each((platform) => on.clockLine(platform) !== undefined)).toEqual({
    linux: true,
    darwin: false,
    win32: false,
  });
  expect(each((platform) => on.endByForce(platform, 7))).toEqual({
    linux: 'kill -9 7',
    darwin: 'kill -9 7',
    win32: 'taskkill /F /PID 7',
  });
  expect(each(on.endOfInput)).toEqual({ linux: 'Ctrl-D', darwin: 'Ctrl-D', win32: 'Ctrl-Z and Enter' });
});

test('the signals that mobius stands between', () => {
  for (const platform of ['linux', 'darwin'] as const) {
    expect(on.signalsOf(platform)).toMatchObject({
      taken: expect.arrayContaining(['SIGINT', 'SIGTERM', 'SIGTSTP', 'SIGWINCH']),
      handedOn: true,
    });
  }
  expect(on.signalsOf('win32')).toEqual({ taken: ['SIGINT', 'SIGBREAK', 'SIGHUP'], handedOn: false });
});
