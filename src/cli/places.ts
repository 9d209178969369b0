import { existsSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import { isAddress } from '../vault-place.ts';

/** Where files live on this platform: everything that differs between systems, in one file. */

/** Absent where the system knows none, as it does for a user without an entry in a container. */
const homeOf = (io: Io): string | undefined => {
  try {
    return isAbsolute(io.home) ? io.home : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SYSTEM_ERROR') return undefined;
    throw error;
  }
};

/** Never below an empty or a relative home: a vault and its key would land in whatever folder the process works in. */
const fromHome = (io: Io, ...parts: string[]): string => {
  const home = homeOf(io);
  if (home !== undefined) return join(home, ...parts);
  throw new MobiusError(
    'not_initialised',
    'there is no home folder: HOME is not set to an absolute path',
    {},
    'set HOME, or name the vault and its key: --vault PATH --key-file PATH',
  );
};

/** A variable counts only where it holds an absolute path: the XDG rules say so, and a cron's empty one is none. */
const folder = (io: Io, name: string): string | undefined => {
  const value = io.env[name];
  return value !== undefined && isAbsolute(value) ? value : undefined;
};

/** What a person configures, and the key files: apart from the vault, so that copying one isn't copying both. */
export const configFolder = (io: Io): string => {
  const chosen = io.env.MOBIUS_CONFIG_DIR;
  if (chosen) return resolve(io.cwd, chosen);
  const home = homeOf(io);
  const old = home === undefined ? undefined : join(home, '.mobius');
  if (old !== undefined && existsSync(old)) return old;
  if (io.platform === 'win32') return join(folder(io, 'APPDATA') ?? fromHome(io, 'AppData', 'Roaming'), 'mobius');
  if (io.platform === 'darwin') return fromHome(io, 'Library', 'Preferences', 'mobius');
  return join(folder(io, 'XDG_CONFIG_HOME') ?? fromHome(io, '.config'), 'mobius');
};

const dataFolder = (io: Io): string => {
  if (io.platform === 'win32') return join(folder(io, 'LOCALAPPDATA') ?? fromHome(io, 'AppData', 'Local'), 'mobius');
  if (io.platform === 'darwin') return fromHome(io, 'Library', 'Application Support', 'mobius');
  return join(folder(io, 'XDG_DATA_HOME') ?? fromHome(io, '.local', 'share'), 'mobius');
};

/** Where shells look for what is a person's own, on every system alike. */
export const shellFolders = (io: Io): { home: string; data: string; config: string } => ({
  home: fromHome(io),
  data: folder(io, 'XDG_DATA_HOME') ?? fromHome(io, '.local', 'share'),
  config: folder(io, 'XDG_CONFIG_HOME') ?? fromHome(io, '.config'),
});

/** What every system takes as the name of a socket, less the name of the socket itself. */
const longestFolder = 103 - '/0123456789abcdef.sock'.length;

/**
 * Where agents listen: in the user's folder for what runs now, which a logout clears, else beside the vault. A path that
 * is too long for a socket is given up for one that never is.
 */
export const agentFolder = (io: Io): string => {
  const runtime = folder(io, 'XDG_RUNTIME_DIR');
  const isThere = runtime !== undefined && statSync(runtime, { throwIfNoEntry: false })?.isDirectory() === true;
  const hasHome = homeOf(io) !== undefined || folder(io, 'XDG_DATA_HOME') !== undefined;
  const own = isThere ? join(runtime, 'mobius') : hasHome ? join(dataFolder(io), 'run') : undefined;
  return own === undefined || Buffer.byteLength(own) > longestFolder ? `/tmp/mobius-${io.uid ?? 0}` : own;
};

const fileName = 'vault.db';

/**
 * The vault's file: as named, `vault.db` inside a folder that was named, or the one in the data folder. An address of a
 * database stays what it is.
 */
export const vaultPath = (io: Io, named: string | undefined): string => {
  if (!named) return join(dataFolder(io), fileName);
  if (isAddress(named)) return named;
  const path = resolve(io.cwd, named);
  const isFolder =
    named.endsWith('/') || named.endsWith(sep) || statSync(path, { throwIfNoEntry: false })?.isDirectory();
  return isFolder ? join(path, fileName) : path;
};

/** Each vault's key file carries the vault's id, so that two vaults never share or overwrite one. */
export const defaultKeyFile = (io: Io, vaultId: string): string => join(configFolder(io), 'keys', `${vaultId}.key`);

/** What holds for every vault on this machine; absent where there is no folder for it. */
export const configPath = (io: Io): string | undefined =>
  io.env.MOBIUS_CONFIG_DIR || homeOf(io) !== undefined ? join(configFolder(io), 'config.toml') : undefined;

/** Which servers there are, and what is shown to them. */
export const credentialsPath = (io: Io): string =>
  io.env.MOBIUS_CREDENTIALS_FILE
    ? resolve(io.cwd, io.env.MOBIUS_CREDENTIALS_FILE)
    : join(configFolder(io), 'credentials');

export const projectFileName = 'mobius.json';

/** The nearest mobius.json: in the working folder, else in one around it. */
export const projectFileAround = (io: Io): string | undefined => {
  for (let folder = resolve(io.cwd); ; folder = dirname(folder)) {
    const path = join(folder, projectFileName);
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) return undefined;
  }
};
