import { existsSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import { folderNamed, takesSocket, userFolder } from '../platform.ts';
import { isAddress } from '../vault-place.ts';

/** Where the files of mobius live. */

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
const noHome = (): never => {
  throw new MobiusError(
    'not_initialised',
    'there is no home folder: HOME is not set to an absolute path',
    {},
    'set HOME, or name the vault and its key: --vault PATH --key-file PATH',
  );
};

const ownFolder = (io: Io, kind: 'config' | 'data'): string =>
  join(userFolder(io, kind, () => homeOf(io)) ?? noHome(), 'mobius');

const findConfigFolder = (io: Io): string => {
  const chosen = io.env.MOBIUS_CONFIG_DIR;
  if (chosen) return resolve(io.cwd, chosen);
  const home = homeOf(io);
  const old = home === undefined ? undefined : join(home, '.mobius');
  return old !== undefined && existsSync(old) ? old : ownFolder(io, 'config');
};

const configFolders = new WeakMap<Io, string>();

/**
 * What a person configures, and the key files: apart from the vault, so that copying one isn't copying both. It is looked
 * for once: a command goes on where it began.
 */
export const configFolder = (io: Io): string => {
  const folder = configFolders.get(io) ?? findConfigFolder(io);
  configFolders.set(io, folder);
  return folder;
};

const dataFolder = (io: Io): string => ownFolder(io, 'data');

/** Where shells look for what is a person's own, on every system alike. */
export const shellFolders = (io: Io): { home: string; data: string; config: string } => {
  const home = homeOf(io) ?? noHome();
  return {
    home,
    data: folderNamed(io, 'XDG_DATA_HOME') ?? join(home, '.local', 'share'),
    config: folderNamed(io, 'XDG_CONFIG_HOME') ?? join(home, '.config'),
  };
};

/** As long as the name of any socket there. */
const sampleSocket = '0123456789abcdef.sock';

/**
 * Where agents listen: in the user's folder for what runs now, which a logout clears, else beside the vault. A path that
 * is too long for a socket is given up for one that never is.
 */
export const agentFolder = (io: Io): string => {
  const runtime = folderNamed(io, 'XDG_RUNTIME_DIR');
  const isThere = runtime !== undefined && statSync(runtime, { throwIfNoEntry: false })?.isDirectory() === true;
  const data = userFolder(io, 'data', () => homeOf(io));
  const own = isThere ? join(runtime, 'mobius') : data && join(data, 'mobius', 'run');
  return own !== undefined && takesSocket(io.platform, own, sampleSocket) ? own : `/tmp/mobius-${io.uid ?? 0}`;
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
