import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'smol-toml';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import { foldersSync, modesTell } from '../platform.ts';
import { reasonOf } from './files.ts';
import { withLock } from './lock.ts';
import { credentialsPath } from './places.ts';

/** A server or a vault under a name, and what is shown to the server. Times are RFC 3339. */
export interface Profile {
  api_url?: string;
  /** An API key or a CLI credential. */
  token?: string;
  /** A session: the access token lives for minutes, the refresh token is used once. */
  access_token?: string;
  refresh_token?: string;
  expires_at?: string;
  /** The contract that the server keeps, where it is not ours. */
  dialect?: string;
  organization?: string;
  project?: string;
  email?: string;
  credential_id?: string;
  ca_file?: string;
  /** A local vault, in place of a server. */
  vault?: string;
}

export interface Credentials {
  default?: string;
  profiles: ReadonlyMap<string, Profile>;
}

const fields: readonly (keyof Profile)[] = [
  'api_url',
  'dialect',
  'organization',
  'vault',
  'project',
  'email',
  'credential_id',
  'ca_file',
  'token',
  'access_token',
  'refresh_token',
  'expires_at',
];

const none: Credentials = { profiles: new Map() };

/** A name is a table of the file, in which `default` is taken. */
export const checkProfileName = (name: string): string => {
  if (/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/.test(name) && name !== 'default') return name;
  const hint = 'letters, digits and . _ : - inside; "default" is taken';
  throw new MobiusError('usage', `"${name}" can't be the name of a profile`, { field: 'profile' }, hint);
};

const broken = (path: string, why: string): MobiusError =>
  new MobiusError(
    'usage',
    `"${path}" ${why}`,
    {},
    'mend it by hand, or remove it and sign in again: mobius auth login',
  );

/** Whoever else could read it could act as its owner. */
const refuseReadable = (io: Io, path: string): void => {
  if (!modesTell(io.platform)) return;
  const folder = dirname(path);
  const { mode } = statSync(folder);
  if ((mode & 0o022) !== 0 && (mode & 0o1000) === 0) {
    const hint = `make it yours alone: chmod 700 ${folder}`;
    throw new MobiusError('usage', `others could put another file in place of "${path}"`, {}, hint);
  }
  if ((statSync(path).mode & 0o077) === 0) return;
  throw new MobiusError(
    'usage',
    `"${path}" can be read or changed by others`,
    {},
    `make it yours alone: chmod 600 ${path}`,
  );
};

const profileFrom = (table: object, path: string, name: string): Profile => {
  const profile: Profile = {};
  for (const field of fields) {
    if (!Object.hasOwn(table, field)) continue;
    const value: unknown = (table as Record<string, unknown>)[field];
    if (typeof value !== 'string' && !(value instanceof Date)) throw broken(path, `holds no text as ${name}.${field}`);
    profile[field] = typeof value === 'string' ? value : value.toISOString();
  }
  return profile;
};

/** The parser's own message quotes the line, which may be a credential. */
const parsedFile = (text: string, path: string): Record<string, unknown> => {
  try {
    return parse(text);
  } catch (error) {
    const { line } = error as { line?: number };
    throw broken(path, `is not valid TOML${line === undefined ? '' : `, see line ${line}`}`);
  }
};

export const readCredentials = (io: Io): Credentials => {
  const path = credentialsPath(io);
  if (!existsSync(path)) return none;
  refuseReadable(io, path);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new MobiusError('usage', `could not read "${path}": ${reasonOf(error)}`);
  }
  const { default: standard, ...tables } = parsedFile(text, path);
  const profiles = new Map<string, Profile>();
  for (const [name, table] of Object.entries(tables)) {
    if (typeof table !== 'object' || table === null || Array.isArray(table))
      throw broken(path, `holds no table "${name}"`);
    profiles.set(name, profileFrom(table, path, name));
  }
  return typeof standard === 'string' ? { default: standard, profiles } : { profiles };
};

const textOf = ({ default: standard, profiles }: Credentials): string => {
  const tables = [...profiles].map(([name, profile]) => {
    const known = fields.flatMap((field) => (typeof profile[field] === 'string' ? [[field, profile[field]]] : []));
    return [name, Object.fromEntries(known)];
  });
  return `${stringify({ ...(standard === undefined ? {} : { default: standard }), ...Object.fromEntries(tables) })}\n`;
};

const sync = (path: string, flags: string): void => {
  const handle = openSync(path, flags);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
};

/** Beside it, synced, then in its place: whoever reads meanwhile finds the old one or the new one, whole. */
export const replaceFile = (io: Io, path: string, text: string): void => {
  const target = existsSync(path) ? realpathSync(path) : path;
  const temporary = join(dirname(target), `.mobius-${Buffer.from(io.newUuid()).toString('hex')}`);
  const forget = io.onInterrupt(() => rmSync(temporary, { force: true }));
  try {
    writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' });
    chmodSync(temporary, 0o600);
    sync(temporary, 'r+');
    renameSync(temporary, target);
    if (foldersSync(io.platform)) sync(dirname(target), 'r');
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new MobiusError('internal', `could not write "${path}": ${reasonOf(error)}`);
  } finally {
    forget();
  }
};

/**
 * Reads, changes and writes the file while nobody else does. `change` gives what is to be written, or nothing where all
 * stays as it is, and beside it what the caller wants to know.
 */
export const changeCredentials = async <T>(
  io: Io,
  change: (now: Credentials) => Promise<{ next?: Credentials; result: T }>,
): Promise<T> => {
  const path = credentialsPath(io);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new MobiusError('internal', `could not make "${dirname(path)}": ${reasonOf(error)}`);
  }
  return withLock(io, `${path}.lock`, async () => {
    const { next, result } = await change(readCredentials(io));
    if (next !== undefined) replaceFile(io, path, textOf(next));
    return result;
  });
};

/** One profile put in place of what stood under its name; the first one is the default. */
export const withProfile = (now: Credentials, name: string, profile: Profile): Credentials => ({
  default: now.default ?? name,
  profiles: new Map(now.profiles).set(name, profile),
});

/** What is left of a profile without anything that a server takes. */
export const withoutCredential = (profile: Profile): Profile => {
  const { token: _, access_token: __, refresh_token: ___, expires_at: ____, credential_id: _____, ...rest } = profile;
  return rest;
};

export const noProfile = (name: string, { profiles }: Credentials): MobiusError => {
  const known = profiles.size === 0 ? 'there is none' : `there are ${[...profiles.keys()].join(', ')}`;
  return new MobiusError(
    'not_found',
    `no profile "${name}"`,
    { resource: 'profile', name },
    `${known}; see: mobius auth list`,
  );
};
