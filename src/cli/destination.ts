import { existsSync } from 'node:fs';
import { parseKey } from '../core/key-format.ts';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Globals } from './command.ts';
import type { Credentials, Profile } from './credentials.ts';
import { credentialsPath } from './places.ts';

/** A profile and its name. */
export interface Saved {
  name: string;
  profile: Profile;
}

/** Where a line leads: a vault on this machine, or a server with what was saved for it. */
export type Destination =
  | { kind: 'vault'; vault: string | undefined; saved?: Saved | undefined }
  | { kind: 'server'; url: string; saved?: Saved | undefined };

const none: Credentials = { profiles: new Map() };

/** The parser is loaded only where there is something to parse. */
const credentialsOf = async (io: Io): Promise<Credentials> =>
  existsSync(credentialsPath(io)) ? (await import('./credentials.ts')).readCredentials(io) : none;

const sameServer = (one: string, other: string | undefined): boolean =>
  other !== undefined && URL.canParse(one) && URL.canParse(other)
    ? new URL(one).href.replace(/\/+$/, '') === new URL(other).href.replace(/\/+$/, '')
    : one === other;

/** What was saved for this address: under the name that was given, as the default, else under whichever name. */
const savedFor = (url: string, { apiUrl: _, profile: name }: Globals, credentials: Credentials): Saved | undefined => {
  const all = [...credentials.profiles].map(([key, profile]): Saved => ({ name: key, profile }));
  const fitting = all.filter(({ profile }) => sameServer(url, profile.api_url));
  if (name !== undefined) return fitting.find((saved) => saved.name === name);
  return fitting.find((saved) => saved.name === credentials.default) ?? fitting[0];
};

const leadingTo = async (saved: Saved): Promise<Destination> => {
  const { name, profile } = saved;
  if (profile.api_url !== undefined) return { kind: 'server', url: profile.api_url, saved };
  if (profile.vault !== undefined) return { kind: 'vault', vault: profile.vault, saved };
  throw new MobiusError(
    'usage',
    `the profile "${name}" names neither a server nor a vault`,
    {},
    'see: mobius auth list',
  );
};

/**
 * An address that was named, else a profile that was named, else a vault that was named, else the default profile, else
 * the local vault.
 */
export const destinationOf = async (io: Io, globals: Globals): Promise<Destination> => {
  const { apiUrl, profile: name, vault } = globals;
  if (apiUrl === undefined && name === undefined && vault !== undefined) return { kind: 'vault', vault };
  const credentials = await credentialsOf(io);
  if (apiUrl !== undefined) {
    // Before anything could say it again: a password may stand in it.
    (await import('../calls/http.ts')).serverUrl(apiUrl);
    return { kind: 'server', url: apiUrl, saved: savedFor(apiUrl, globals, credentials) };
  }
  const chosen = name ?? credentials.default;
  if (chosen === undefined) return { kind: 'vault', vault };
  const profile = credentials.profiles.get(chosen);
  if (profile !== undefined) return leadingTo({ name: chosen, profile });
  const { noProfile } = await import('./credentials.ts');
  throw noProfile(chosen, credentials);
};

/** The key that acts, where one was given. On --as-owner a key is left aside. */
export const keyOf = ({ apiKey, asOwner }: Globals): string | undefined => (asOwner ? undefined : apiKey);

/** The project that a credential names behind its last dot. */
const suffixOf = (token: string | undefined): string | undefined => {
  const parsed = token === undefined ? undefined : parseKey(token);
  return parsed?.ok ? parsed.project : undefined;
};

/** The project that a call names: as given, else as the credential's suffix says, else the profile's, else `default`. */
export const projectOf = async (io: Io, globals: Globals): Promise<string> => {
  const { saved } = await destinationOf(io, globals);
  const key = keyOf(globals);
  const bound = suffixOf(key ?? saved?.profile.token);
  if (bound !== undefined && globals.project !== undefined && bound !== globals.project) {
    const what = key === undefined ? `the credential of the profile "${saved?.name}"` : 'the API key';
    throw new MobiusError('usage', `${what} is for project "${bound}", not "${globals.project}"`, { field: 'project' });
  }
  return globals.project ?? bound ?? saved?.profile.project ?? 'default';
};
