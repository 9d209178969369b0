import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Input, Name, Output } from '../operations.ts';
import { socketIn, socketsAreFiles } from '../platform.ts';
import type { Globals } from './command.ts';
import { namedKey } from './key-command.ts';
import { namedPassphrase } from './passphrases.ts';
import { agentFolder } from './places.ts';

/** What an agent tells of itself. */
export interface AgentState {
  pid: number;
  /** Of the program; absent in those that didn't tell it yet. */
  version?: string;
  since: string;
  /** When it ends if nothing is asked of it until then; absent where it waits for ever. */
  idle_until?: string;
  locks_at: string;
  /** Where it keeps the end of the audit log besides the vault; absent where nowhere. */
  audit_anchor?: { path: string; every: number; required: boolean; problem?: string };
}

/** FNV-1a: it need only tell names of one file apart, and a hash of Node's is a tenth of our start. */
const shortHash = (text: string): number => {
  let hash = 0x81_1c_9d_c5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01_00_01_93) >>> 0;
  return hash;
};

/**
 * Where the agent of a vault listens, whether or not one does; undefined where there is no vault. Another file under the
 * same path is another vault: an agent that holds the old one must never be taken for its.
 */
export const agentSocket = async (io: Io, vault: string): Promise<string | undefined> => {
  let name: string;
  try {
    const real = realpathSync(vault);
    const { dev, ino } = statSync(real, { bigint: true });
    name = [dev, ino, shortHash(real)].map((part) => part.toString(16)).join('-');
  } catch {
    return undefined;
  }
  return socketIn(io.platform, agentFolder(io), name);
};

const distrusted = (path: string, why: string, hint: string): MobiusError =>
  new MobiusError('forbidden', `the agent was not asked: "${path}" ${why}`, {}, hint);

/** Whoever could put a socket here would be sent what is for the agent, and answer in its name. */
const requireOwn = ({ uid }: Io, path: string, found: Stats): void => {
  if (found.isSymbolicLink()) throw distrusted(path, 'is a link', 'remove it: mobius makes the real one');
  if (uid !== undefined && found.uid !== uid) {
    throw distrusted(path, 'belongs to another user', 'name what opens the vault instead: --key-file PATH');
  }
  if ((found.mode & 0o077) === 0) return;
  throw distrusted(path, 'is open to other users', `make it yours alone: chmod go= "${path}"`);
};

const find = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false });

/** Before an agent is started, and before one is asked. */
export const requireOwnFolder = (io: Io, socket: string): void => {
  const folder = dirname(socket);
  const found = socketsAreFiles(io.platform) ? find(folder) : undefined;
  if (found !== undefined) requireOwn(io, folder, found);
};

/** What a killed agent left refuses connections. */
const answers = async (socket: string): Promise<boolean> => {
  const { reachSocket } = await import('../calls/socket.ts');
  try {
    await reachSocket(socket);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return false;
    // There is one, and a hundred others ask it at this moment.
    if (code === 'EAGAIN' || code === 'EBUSY') return true;
    throw distrusted(socket, `can't be connected to (${code})`, 'end it: mobius vault lock');
  }
};

/** Without any agent there is no need to know what the one of this vault would be called. */
const areThereAny = (io: Io): boolean => {
  try {
    return !socketsAreFiles(io.platform) || readdirSync(agentFolder(io)).length > 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
};

/** The socket of the agent that holds this vault open, where there is one that answers. */
export const agentOf = async (io: Io, vault: string): Promise<string | undefined> => {
  if (!areThereAny(io)) return undefined;
  const socket = await agentSocket(io, vault);
  if (socket === undefined) return undefined;
  if (socketsAreFiles(io.platform)) {
    const found = find(socket);
    if (found === undefined) return undefined;
    requireOwnFolder(io, socket);
    requireOwn(io, socket, found);
  }
  return (await answers(socket)) ? socket : undefined;
};

/** Whoever names what opens the vault wants it opened with that. */
export const namesKey = (io: Io, globals: Globals): boolean =>
  globals.keyFile !== undefined || namedKey(io, globals) !== undefined || namedPassphrase(io, globals) !== undefined;

/** The agent that a command goes through. */
export const findAgent = async (io: Io, globals: Globals, vault: string): Promise<string | undefined> =>
  namesKey(io, globals) ? undefined : agentOf(io, vault);

/** Nobody is asked for: a request needs an address, and the socket takes its place. */
export const agentUrl = 'http://localhost';

/** A request with this header keeps the agent no longer than it would stay without. */
export const asideHeader = 'mobius-aside';

/** What the agent answers a read with, to one who asks in passing. */
export const askAside = async <K extends Name>(
  io: Io,
  socket: string,
  name: K,
  input: Input<K>,
  timeoutMs: number,
): Promise<Output<K>> => {
  const [{ openConnection }, { requestOf }, { operations }] = await Promise.all([
    import('../calls/http.ts'),
    import('../calls/remote.ts'),
    import('../generated/operations.ts'),
  ]);
  const connection = openConnection(new URL(agentUrl), { env: io.env, socketPath: socket, timeoutMs });
  try {
    const request = requestOf(name, operations[name], input as Record<string, unknown>);
    const headers = { ...request.headers, [asideHeader]: '1' };
    const { status, text } = await connection.send({ ...request, headers });
    if (status === 200) return JSON.parse(text) as Output<K>;
  } finally {
    connection.close();
  }
  throw new MobiusError('service_unavailable', `what listens at "${socket}" is no agent`);
};

export const askAgent = async (io: Io, socket: string): Promise<AgentState> => {
  const { openConnection } = await import('../calls/http.ts');
  const connection = openConnection(new URL(agentUrl), { env: io.env, socketPath: socket, timeoutMs: 5000 });
  try {
    const { status, text } = await connection.send({ method: 'GET', path: '/healthz', headers: {} });
    const { status: _, ...state } = JSON.parse(text) as AgentState & { status: string };
    if (status === 200 && Number.isSafeInteger(state.pid) && state.pid > 1) return state;
  } catch (error) {
    if (error instanceof MobiusError) throw error;
  } finally {
    connection.close();
  }
  throw new MobiusError('service_unavailable', `what listens at "${socket}" is no agent`);
};
