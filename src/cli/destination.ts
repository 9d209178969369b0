import { existsSync } from 'node:fs';
import { parseKey } from '../core/key-format.ts';
import type { DialectName } from '../dialects/names.ts';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Dialect, Globals } from './command.ts';
import { warn } from './context.ts';
import type { Credentials, Profile } from './credentials.ts';
import { credentialsPath, projectFileAround } from './places.ts';
import type { ProjectFile } from './project-file.ts';

/** A profile and its name. */
export interface Saved {
  name: string;
  profile: Profile;
}

/** Where a line leads: a vault on this machine, or a server with what was saved for it. */
export type Destination =
  | { kind: 'vault'; vault: string | undefined; saved?: Saved | undefined }
  | {
      kind: 'server';
      url: string;
      saved?: Saved | undefined;
      /** Absent where the contract is ours. */
      dialect?: DialectName | undefined;
      organization?: string | undefined;
    };

const none: Credentials = { profiles: new Map() };

/** The parser is loaded only where there is something to parse. */
const credentialsOf = async (io: Io): Promise<Credentials> =>
  existsSync(credentialsPath(io)) ? (await import('./credentials.ts')).readCredentials(io) : none;

const sameServer = (one: string, other: string | undefined): boolean =>
  other !== undefined && URL.canParse(one) && URL.canParse(other)
    ? new URL(one).href.replace(/\/+$/, '') === new URL(other).href.replace(/\/+$/, '')
    : one === other;

/** What was saved for this address: under the name that was given, as the default, else under whichever name. */
const savedFor = (url: string, { dialect, profile: name }: Globals, credentials: Credentials): Saved | undefined => {
  const all = [...credentials.profiles].map(([key, profile]): Saved => ({ name: key, profile }));
  // One server may keep several contracts, and what was saved for one of them is nothing in another.
  const fitting = all.filter(
    ({ profile }) =>
      sameServer(url, profile.api_url) && (dialect === undefined || (profile.dialect ?? 'mobius') === dialect),
  );
  if (name !== undefined) return fitting.find((saved) => saved.name === name);
  return fitting.find((saved) => saved.name === credentials.default) ?? fitting[0];
};

/** The contract of a profile's server; one that this version doesn't know must not be taken for ours. */
export const dialectIn = async ({ name, profile }: Saved): Promise<DialectName | undefined> => {
  const { dialect } = profile;
  if (dialect === undefined || dialect === 'mobius') return undefined;
  const { dialectNames, isDialect } = await import('../dialects/names.ts');
  if (isDialect(dialect)) return dialect;
  throw new MobiusError(
    'usage',
    `the profile "${name}" is of a server that speaks "${dialect}", which mobius doesn't`,
    { field: 'dialect' },
    `it speaks ${['mobius', ...dialectNames].join(', ')}`,
  );
};

const spokenTo = async (chosen: Dialect | undefined, saved: Saved | undefined): Promise<DialectName | undefined> => {
  if (chosen !== undefined) return chosen === 'mobius' ? undefined : chosen;
  return saved === undefined ? undefined : dialectIn(saved);
};

const serverAt = async (url: string, saved: Saved | undefined, globals: Globals): Promise<Destination> => {
  const dialect = await spokenTo(globals.dialect, saved);
  if (dialect !== undefined) {
    return { kind: 'server', url, saved, dialect, organization: globals.organization ?? saved?.profile.organization };
  }
  if (globals.organization === undefined) return { kind: 'server', url, saved };
  throw new MobiusError(
    'unsupported',
    'a mobius server has no organizations to choose from',
    { field: 'organization' },
    'it has projects: --project HANDLE; for another system name its contract: --dialect NAME',
  );
};

/** What belongs to servers alone would be lost on a vault without a word. */
const vaultAt = (vault: string | undefined, saved: Saved | undefined, globals: Globals): Destination => {
  const { dialect, organization } = globals;
  if (dialect !== undefined && dialect !== 'mobius') {
    const message = 'a dialect is what a server speaks, and this leads to a local vault';
    throw new MobiusError(
      'usage',
      message,
      { field: 'dialect' },
      `name the server: --api-url URL --dialect ${dialect}`,
    );
  }
  if (organization !== undefined) {
    const hint = 'leave --organization and MOBIUS_ORGANIZATION out';
    throw new MobiusError('unsupported', 'a local vault has no organizations', { field: 'organization' }, hint);
  }
  return { kind: 'vault', vault, saved };
};

const leadingTo = async (saved: Saved, globals: Globals): Promise<Destination> => {
  const { name, profile } = saved;
  if (profile.api_url !== undefined) return serverAt(profile.api_url, saved, globals);
  if (profile.vault !== undefined) return vaultAt(profile.vault, saved, globals);
  throw new MobiusError(
    'usage',
    `the profile "${name}" names neither a server nor a vault`,
    {},
    'see: mobius auth list',
  );
};

const around = new WeakMap<Io, Promise<ProjectFile | undefined>>();

const lookAround = async (io: Io, globals: Globals): Promise<ProjectFile | undefined> => {
  if (projectFileAround(io) === undefined) return undefined;
  const { projectAround } = await import('./project-file.ts');
  const { file, untrusted, says } = (await projectAround(io)) ?? {};
  if (untrusted !== undefined && says) warn(io, globals, `${untrusted}; look at it, then: mobius trust`);
  return file;
};

/** What the project around the working folder says, where a person trusts it. It is looked for once. */
const projectFileOf = (io: Io, globals: Globals): Promise<ProjectFile | undefined> => {
  const known = around.get(io) ?? lookAround(io, globals);
  around.set(io, known);
  return known;
};

/**
 * An address that was named, else a profile that was named, else a vault that was named, else the profile of the project
 * around, else the default profile, else the local vault.
 */
export const destinationOf = async (io: Io, globals: Globals): Promise<Destination> => {
  const { apiUrl, profile: name, vault } = globals;
  if (apiUrl === undefined && name === undefined && vault !== undefined) return vaultAt(vault, undefined, globals);
  const credentials = await credentialsOf(io);
  if (apiUrl !== undefined) {
    // Before anything could say it again: a password may stand in it.
    (await import('../calls/http.ts')).serverUrl(apiUrl);
    return serverAt(apiUrl, savedFor(apiUrl, globals, credentials), globals);
  }
  const file = name === undefined ? await projectFileOf(io, globals) : undefined;
  const chosen = name ?? file?.profile ?? credentials.default;
  if (chosen === undefined) return vaultAt(vault, undefined, globals);
  const profile = credentials.profiles.get(chosen);
  if (profile !== undefined) return leadingTo({ name: chosen, profile }, globals);
  const { noProfile } = await import('./credentials.ts');
  if (file?.profile === undefined) throw noProfile(chosen, credentials);
  throw new MobiusError(
    'not_found',
    `no profile "${chosen}", which "${file.path}" names`,
    { resource: 'profile', name: chosen },
    `sign in under that name: mobius auth login --profile ${chosen} --api-url URL`,
  );
};

/** The key that acts, where one was given. On --as-owner a key is left aside. */
export const keyOf = ({ apiKey, asOwner }: Globals): string | undefined => (asOwner ? undefined : apiKey);

/** The project that a credential names behind its last dot. */
const suffixOf = (token: string | undefined): string | undefined => {
  const parsed = token === undefined ? undefined : parseKey(token);
  return parsed?.ok ? parsed.project : undefined;
};

/**
 * The project that a call names: as given, else as the credential's suffix says, else the project's around the working
 * folder, else the profile's, else `default`.
 */
export const projectOf = async (io: Io, globals: Globals): Promise<string> => {
  const { saved } = await destinationOf(io, globals);
  const key = keyOf(globals);
  const bound = suffixOf(key ?? saved?.profile.token);
  if (bound !== undefined && globals.project !== undefined && bound !== globals.project) {
    const what = key === undefined ? `the credential of the profile "${saved?.name}"` : 'the API key';
    throw new MobiusError('usage', `${what} is for project "${bound}", not "${globals.project}"`, { field: 'project' });
  }
  const named = globals.project ?? bound;
  return named ?? (await projectFileOf(io, globals))?.project ?? saved?.profile.project ?? 'default';
};
