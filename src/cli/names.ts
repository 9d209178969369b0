import { statSync } from 'node:fs';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Call, Name } from '../operations.ts';
import { isAddress } from '../vault-place.ts';
import { agentOf, askAside } from './agent.ts';
import type { Globals } from './command.ts';
import { destinationOf, projectOf } from './destination.ts';
import { credentialsPath, defaultKeyFile, projectFileAround, vaultPath } from './places.ts';
import { worldOf } from './profiles.ts';

/** What a shell can be told the names of. */
export const nameKinds = [
  'profiles',
  'projects',
  'principals',
  'roles',
  'assignments',
  'users',
  'api-keys',
  'tokens',
  'secrets',
  'subjects',
  'rotations',
] as const;
export type NameKind = (typeof nameKinds)[number];

const most = 200;
const pageLength = 200;
/** A person has pressed a key and waits. */
const patienceMs = 1_500;

/**
 * What is listed stands on a line of its own and on a terminal: nothing that breaks the one or changes the other, and
 * nothing that would be read as a flag.
 */
const canStand = (name: string): boolean => name !== '' && !/^-|[\p{C}\p{Zl}\p{Zp}]/u.test(name);

type Listing =
  | 'projects.list'
  | 'principals.list'
  | 'roles.list'
  | 'roles.list-assignments'
  | 'users.list'
  | 'api-keys.list'
  | 'tokens.list'
  | 'secrets.list'
  | 'rotations.list';

interface Source {
  operation: Listing;
  /** The property that names one. */
  field: string;
  /** Before each name. */
  before?: string;
}

const sources: Readonly<Record<Exclude<NameKind, 'profiles'>, readonly Source[]>> = {
  projects: [{ operation: 'projects.list', field: 'handle' }],
  principals: [{ operation: 'principals.list', field: 'name' }],
  roles: [{ operation: 'roles.list', field: 'name' }],
  assignments: [{ operation: 'roles.list-assignments', field: 'id' }],
  users: [{ operation: 'users.list', field: 'email' }],
  'api-keys': [{ operation: 'api-keys.list', field: 'name' }],
  tokens: [{ operation: 'tokens.list', field: 'id' }],
  secrets: [{ operation: 'secrets.list', field: 'name' }],
  subjects: [
    { operation: 'api-keys.list', field: 'name', before: 'api-keys/' },
    { operation: 'secrets.list', field: 'name', before: 'secrets/' },
  ],
  rotations: [{ operation: 'rotations.list', field: 'id' }],
};

/** The others answer all at once. */
const paged: ReadonlySet<Listing> = new Set([
  'roles.list',
  'users.list',
  'api-keys.list',
  'tokens.list',
  'secrets.list',
  'rotations.list',
]);

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

const ofProfiles = async (io: Io): Promise<readonly string[]> => {
  if (!isFile(credentialsPath(io))) return [];
  const { readCredentials } = await import('./credentials.ts');
  return [...readCredentials(io).profiles.keys()];
};

type Ask = (name: Listing, input: Record<string, unknown>) => Promise<unknown>;

/** Through the agent, else with the default key file: never a question, nor anything that a person named to be run or read. */
const askerOf = async (io: Io, vault: string): Promise<{ ask: Ask; close(): Promise<void> } | undefined> => {
  const socket = await agentOf(io, vault);
  if (socket !== undefined) {
    const ask: Ask = (name, input) => askAside(io, socket, name, input as never, patienceMs);
    return { ask, close: async () => undefined };
  }
  const keyFile = (id: string): string => {
    const path = defaultKeyFile(io, id);
    if (isFile(path)) return path;
    throw new MobiusError('locked', `there is no key file "${path}"`);
  };
  const { lookInto } = await import('../calls/local.ts');
  const found = await lookInto(worldOf(io), vault, keyFile);
  return found && { ask: (name, input) => (found.call as Call)(name as Name, input as never), close: found.close };
};

/** Whoever reads a pipe waits for one who writes to it. */
const wouldWait = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined && !isFile(path);

const placed = async (io: Io, globals: Globals): Promise<string | undefined> => {
  if (globals.apiUrl !== undefined) return undefined;
  if ([credentialsPath(io), projectFileAround(io) ?? ''].some(wouldWait)) return undefined;
  const destination = await destinationOf(io, globals);
  if (destination.kind !== 'vault') return undefined;
  const vault = vaultPath(io, destination.vault);
  return isAddress(vault) || !isFile(vault) ? undefined : vault;
};

const listed = async (
  ask: Ask,
  { operation, field, before = '' }: Source,
  project: string,
  typed: string,
  end: () => boolean,
): Promise<readonly string[]> => {
  const names: string[] = [];
  const scope = operation === 'projects.list' || operation === 'users.list' ? {} : { project };
  const limit = paged.has(operation) ? { limit: pageLength } : {};
  let cursor: string | undefined;
  do {
    const from = cursor === undefined ? {} : { cursor };
    const page = (await ask(operation, { ...scope, ...limit, ...from })) as {
      items: readonly Record<string, unknown>[];
      next_cursor?: string;
    };
    for (const { [field]: name } of page.items) {
      const whole = `${before}${String(name)}`;
      if (canStand(whole) && whole.startsWith(typed)) names.push(whole);
    }
    cursor = page.next_cursor;
  } while (cursor !== undefined && names.length < most && !end());
  return names;
};

/** The names that begin with what was typed: those of the local vault, as far as it opens by itself. Writes nothing. */
export const namesOf = async (io: Io, given: Globals, kind: NameKind, typed: string): Promise<readonly string[]> => {
  const globals: Globals = { ...given, logLevel: 'error' };
  const last = io.now() + patienceMs;
  if (kind === 'profiles') return (await ofProfiles(io)).filter((name) => name.startsWith(typed)).slice(0, most);
  const vault = await placed(io, globals);
  const asker = vault === undefined ? undefined : await askerOf(io, vault);
  if (asker === undefined) return [];
  const names = new Set<string>();
  try {
    const project = await projectOf(io, globals);
    for (const source of sources[kind]) {
      const found = await listed(asker.ask, source, project, typed, () => io.now() >= last);
      for (const name of found) names.add(name);
    }
  } finally {
    await asker.close();
  }
  return [...names].slice(0, most);
};
