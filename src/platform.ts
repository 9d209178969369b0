import { posix, win32 } from 'node:path';

/**
 * All that differs from system to system, and nothing else knows of. What is asked comes in and what is told is a value:
 * every branch can be tried on every machine.
 */

type Env = Readonly<Record<string, string | undefined>>;

/** What an Io tells of where it runs. */
export interface System {
  readonly platform: NodeJS.Platform;
  readonly env: Env;
}

const isWindows = (platform: NodeJS.Platform): boolean => platform === 'win32';

const pathsOf = (platform: NodeJS.Platform) => (isWindows(platform) ? win32 : posix);

/**
 * On Windows the mode of a file says nothing: who may read it stands in an access list, which it inherits from its folder,
 * and that of a person's own folders lets in nobody but them and the administrators.
 */
export const modesTell = (platform: NodeJS.Platform): boolean => !isWindows(platform);

/** Windows opens no folder as a file; there the name of a new file is as safe as its content. */
export const foldersSync = (platform: NodeJS.Platform): boolean => !isWindows(platform);

/** How a file is opened to be synced: Windows syncs none that may only be read; elsewhere one of mode 0400 is synced too. */
export const syncFlag = (platform: NodeJS.Platform): 'r' | 'r+' => (isWindows(platform) ? 'r+' : 'r');

/** Windows has pipes by name instead, which lie in no folder. */
export const socketsAreFiles = (platform: NodeJS.Platform): boolean => !isWindows(platform);

/** Pipes in a folder, as mkfifo makes them. */
export const pipesAreFiles = (platform: NodeJS.Platform): boolean => !isWindows(platform);

/** A shell and all that it has started can be sent a signal at once. */
export const groupsTakeSignals = (platform: NodeJS.Platform): boolean => !isWindows(platform);

export const hasCron = (platform: NodeJS.Platform): boolean => !isWindows(platform);

/** A process tells of its own group below /proc. */
export const hasProc = (platform: NodeJS.Platform): boolean => platform === 'linux';

// Folders

type Kind = 'config' | 'data' | 'cache';

/** A folder below the home, and the variable that names another. */
interface Usual {
  variable?: string;
  below: readonly string[];
}

const onWindows: Readonly<Record<Kind, Usual>> = {
  config: { variable: 'APPDATA', below: ['AppData', 'Roaming'] },
  data: { variable: 'LOCALAPPDATA', below: ['AppData', 'Local'] },
  cache: { variable: 'LOCALAPPDATA', below: ['AppData', 'Local'] },
};

const onMacos: Readonly<Record<Kind, Usual>> = {
  config: { below: ['Library', 'Preferences'] },
  data: { below: ['Library', 'Application Support'] },
  cache: { below: ['Library', 'Caches'] },
};

const elsewhere: Readonly<Record<Kind, Usual>> = {
  config: { variable: 'XDG_CONFIG_HOME', below: ['.config'] },
  data: { variable: 'XDG_DATA_HOME', below: ['.local', 'share'] },
  cache: { variable: 'XDG_CACHE_HOME', below: ['.cache'] },
};

/** A variable counts only where it holds an absolute path: the XDG rules say so, and a cron's empty one is none. */
export const folderNamed = ({ platform, env }: System, variable: string): string | undefined => {
  const value = env[variable];
  return value !== undefined && pathsOf(platform).isAbsolute(value) ? value : undefined;
};

/** The home that a variable names, where the system goes by it. */
export const homeNamed = ({ platform, env }: System): string | undefined =>
  isWindows(platform) ? undefined : env.HOME;

/** A person's folder for things of this kind; absent where neither a variable nor a home leads to one. */
export const userFolder = (system: System, kind: Kind, home: () => string | undefined): string | undefined => {
  const { platform } = system;
  const usual = isWindows(platform) ? onWindows : platform === 'darwin' ? onMacos : elsewhere;
  const { variable, below } = usual[kind];
  const named = variable === undefined ? undefined : folderNamed(system, variable);
  if (named !== undefined) return named;
  const own = home();
  const { isAbsolute, join } = pathsOf(platform);
  return own !== undefined && isAbsolute(own) ? join(own, ...below) : undefined;
};

// Sockets

/** What every system takes as the path of a socket. */
const longestSocket = 103;

/** Whether a socket of this name can lie in this folder. */
export const takesSocket = (platform: NodeJS.Platform, folder: string, name: string): boolean =>
  !socketsAreFiles(platform) || Buffer.byteLength(`${folder}/${name}`) <= longestSocket;

/** Where a process listens for others of its user. */
export const socketIn = (platform: NodeJS.Platform, folder: string, name: string): string =>
  socketsAreFiles(platform) ? posix.join(folder, `${name}.sock`) : `\\\\.\\pipe\\mobius-${name}`;

/** What a person typed as the name of a socket, from the root. */
export const typedSocket = (platform: NodeJS.Platform, cwd: string, typed: string): string =>
  socketsAreFiles(platform) ? posix.resolve(cwd, typed) : typed;

/** A folder for a process that outlives its terminal: one that it keeps no disk busy with. */
export const lastingFolder = (platform: NodeJS.Platform, own: string): string => (isWindows(platform) ? own : '/');

// Variables

/** On Windows `Path` and `PATH` are one variable. */
export const namesFold = (platform: NodeJS.Platform): boolean => isWindows(platform);

export const folded = (platform: NodeJS.Platform, name: string): string =>
  namesFold(platform) ? name.toUpperCase() : name;

export const variableIn = ({ platform, env }: System, name: string): string | undefined =>
  env[namesFold(platform) ? (Object.keys(env).find((one) => one.toUpperCase() === name.toUpperCase()) ?? name) : name];

/** So many bytes a variable may have with its name: MAX_ARG_STRLEN, which counts the byte that ends it. */
export const longestVariable = (platform: NodeJS.Platform): number =>
  platform === 'linux' ? 131_072 : Number.POSITIVE_INFINITY;

// Programs

/** How a program is started. */
export interface Start {
  program: string;
  args: readonly string[];
  /** They make up the line as they stand, and the program is called by its own name. */
  windowsVerbatimArguments?: true;
  argv0?: string;
}

/** Not of the PATH: a program of this name may lie in the folder where mobius works. */
const interpreterOf = (system: System): string => {
  const named = variableIn(system, 'ComSpec');
  if (named && win32.isAbsolute(named)) return named;
  return win32.join(variableIn(system, 'SystemRoot') || 'C:\\Windows', 'System32', 'cmd.exe');
};

/** /d: without what the registry would run before it. /s: all between the outer quotes is the line. */
const interpreted = (system: System, line: string): Start => ({
  program: interpreterOf(system),
  args: ['/d', '/s', '/c', `"${line}"`],
  windowsVerbatimArguments: true,
  argv0: 'cmd.exe',
});

/** A line as a person would type it in the system's own shell. */
export const shellLine = (system: System, line: string): Start => {
  if (isWindows(system.platform)) return interpreted(system, line);
  return { program: system.platform === 'android' ? '/system/bin/sh' : '/bin/sh', args: ['-c', line] };
};

const isBatch = (platform: NodeJS.Platform, path: string): boolean =>
  isWindows(platform) && /\.(bat|cmd)[. ]*$/i.test(path);

/** In double quotes these stay what they are, however often and in whatever code page a batch file reads them again. */
const plainWord = /^[\w #$*+,./:;=?@[\]{}~\\À-ÖØ-öø-ÿ-]*$/;
const plainPath = /^[^"%!^&|<>\u0000-\u001f\u007f-\u009f]*$/;

/**
 * How a program that was found is started with its arguments. A batch file, as npm's own commands are on Windows, needs
 * the command interpreter, whose rules of quoting a batch file can undo: it gets no word that could be read as anything
 * but a word. The first one that could is told by its place; 0 is the path.
 */
export const programStart = (system: System, path: string, args: readonly string[]): Start | { unfit: number } => {
  if (!isBatch(system.platform, path)) return { program: path, args };
  const words = [path, ...args];
  const unfit = words.findIndex((word, at) => !(at === 0 ? plainPath : plainWord).test(word));
  if (unfit !== -1) return { unfit };
  // A quote after a backslash would be a part of the word.
  return interpreted(system, words.map((word) => `"${word.replace(/\\+$/, '$&$&')}"`).join(' '));
};

/** Such a name means the one file there, whatever PATH says. */
export const namesFolder = (platform: NodeJS.Platform, typed: string): boolean =>
  typed.includes('/') || (isWindows(platform) && typed.includes('\\'));

/** Where a shell without PATH looks too. */
const usualFolders = '/usr/bin:/bin';

/** The file of a program that is no script. */
export const binaryNamed = (platform: NodeJS.Platform, name: string): string =>
  isWindows(platform) ? `${name}.exe` : name;

/** The files that a command's name may mean, the first of them first. */
export const programFiles = (system: System, cwd: string, typed: string): string[] => {
  const { platform } = system;
  const { delimiter, join, resolve } = pathsOf(platform);
  const hasFolder = namesFolder(platform, typed);
  const folders = hasFolder ? [''] : (variableIn(system, 'PATH') ?? usualFolders).split(delimiter);
  const names =
    isWindows(platform) && !/\.\w+$/.test(typed)
      ? ['.exe', '.com', '.cmd', '.bat'].map((ending) => `${typed}${ending}`)
      : [typed];
  return folders.flatMap((folder) => names.map((name) => resolve(cwd, join(folder, name))));
};

/** How an address is opened, where somebody sits in front of a screen. */
export const opener = ({ platform, env }: System): readonly string[] | undefined => {
  if (platform === 'darwin') return ['open'];
  if (isWindows(platform)) return ['rundll32', 'url.dll,FileProtocolHandler'];
  return env.DISPLAY || env.WAYLAND_DISPLAY ? ['xdg-open'] : undefined;
};

/** A keychain without anybody to unlock it asks a dialogue that nobody sees, and waits. */
export const hasDesktop = ({ platform, env }: System): boolean =>
  platform === 'linux' || platform === 'freebsd'
    ? Boolean((env.DISPLAY || env.WAYLAND_DISPLAY) && (env.DBUS_SESSION_BUS_ADDRESS || env.XDG_RUNTIME_DIR))
    : !env.SSH_CONNECTION;

// What a person types

/** The shell that the person most likely types in, by the name of its program; empty where nothing tells. */
export const shellNamed = ({ env, platform }: System): string => {
  const name = (env.SHELL ?? '')
    .split(/[\\/]/)
    .at(-1)
    ?.replace(/\.exe$/, '');
  return name === 'pwsh' || (isWindows(platform) && !name) ? 'powershell' : (name ?? '');
};

/** What bash reads when a terminal is opened: those of macOS open login shells. */
export const bashProfile = (platform: NodeJS.Platform): string => (platform === 'darwin' ? '.bash_profile' : '.bashrc');

/** On Windows the folder of documents may lie elsewhere: where PowerShell keeps a person's modules tells it. */
export const powershellFolder = ({ env, platform }: System, home: string, config: string): string => {
  if (!isWindows(platform)) return posix.join(config, 'powershell');
  const own = (env.PSModulePath ?? '')
    .split(';')
    .filter((path) => path.toLowerCase().startsWith(home.toLowerCase()))
    .find((path) => /\\(Windows)?PowerShell\\Modules\\?$/i.test(path));
  return own === undefined ? win32.join(home, 'Documents', 'PowerShell') : win32.dirname(own);
};

/** Whether a terminal shows every character, whatever the variables of the language say. */
export const terminalsShowAll = (platform: NodeJS.Platform): boolean => isWindows(platform);

/** What keeps the clock right from then on, where one line does. */
export const clockLine = (platform: NodeJS.Platform): string | undefined =>
  platform === 'linux' ? 'sudo timedatectl set-ntp true' : undefined;

/** The line that ends a process whatever it does. */
export const endByForce = (platform: NodeJS.Platform, pid: number): string =>
  isWindows(platform) ? `taskkill /F /PID ${pid}` : `kill -9 ${pid}`;

/** What ends a text that is typed. */
export const endOfInput = (platform: NodeJS.Platform): string => (isWindows(platform) ? 'Ctrl-Z and Enter' : 'Ctrl-D');

// Signals

/** The console of Windows gives these to every program in it by itself. */
const ofConsoles = ['SIGINT', 'SIGBREAK', 'SIGHUP'] as const;
const ofProcesses = [
  'SIGINT',
  'SIGQUIT',
  'SIGTSTP',
  'SIGWINCH',
  'SIGTERM',
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGCONT',
] as const;

/** Those that must not end mobius while a program runs, and whether it is mobius that hands them on to the program. */
export const signalsOf = (platform: NodeJS.Platform): { taken: readonly NodeJS.Signals[]; handedOn: boolean } =>
  isWindows(platform) ? { taken: ofConsoles, handedOn: false } : { taken: ofProcesses, handedOn: true };
