import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plain, Remote, Replied } from '../calls/remote.ts';
import type { Speech } from '../calls/speech.ts';
import { MobiusError } from '../errors.ts';
import { operations } from '../generated/operations.ts';
import type { Io } from '../io.ts';
import type { Call } from '../operations.ts';
import type { Place, World } from '../vault/open.ts';
import { agentUrl, findAgent } from './agent.ts';
import type { Context, Globals } from './command.ts';
import { type Destination, destinationOf, keyOf, projectOf } from './destination.ts';
import { reasonOf } from './files.ts';
import { namedKey } from './key-command.ts';
import { namedPassphrase } from './passphrases.ts';
import { defaultKeyFile, vaultPath } from './places.ts';
import { speechAt } from './speech.ts';

/** What commands run against: the same Call, wherever it leads. */
export interface Target {
  call: Call;
  /** The body of the last answer as it came; absent where nothing comes over a wire. */
  answered?: () => string | undefined;
  /** Sends what somebody wrote themselves; absent where no wire leads there. */
  ask?: (request: Plain) => Promise<Replied>;
  /** In words, for who wants to know what the line led to. */
  about: string;
  /** To be called after the answer was written: it does what could wait until then. */
  close(): Promise<void>;
}

export const worldOf = (io: Io): World => ({
  now: io.now,
  newUuid: io.newUuid,
  ...(io.env.MOBIUS_SODIUM ? { sodium: io.env.MOBIUS_SODIUM } : {}),
  anchoring: async () => (await import('../audit/settings.ts')).anchoringOf(io),
});

/** Where the local vault is and what it opens with. */
export const placeOf = (io: Io, globals: Globals): Place => {
  const passphrase = namedPassphrase(io, globals);
  const key = namedKey(io, globals);
  return {
    path: vaultPath(io, globals.vault),
    keys: {
      ...(globals.keyFile === undefined ? {} : { keyFile: resolve(io.cwd, globals.keyFile) }),
      ...(key === undefined ? {} : { key }),
      ...(passphrase === undefined ? {} : { passphrase }),
      defaultKeyFile: (vaultId) => defaultKeyFile(io, vaultId),
      keychain: async (account) => {
        const { openKeychain } = await import('../vault/keychain.ts');
        const keychain = openKeychain(io);
        return typeof keychain === 'string' ? undefined : keychain.read(account);
      },
      ...(io.terminal === undefined || !globals.input ? {} : { ask: (attempt) => askToOpen(io, globals, attempt) }),
    },
  };
};

const askToOpen = async (io: Io, globals: Globals, attempt: number): Promise<string> => {
  const { createPrompt } = await import('./prompt.ts');
  const prompt = createPrompt(io, globals, 'mobius vault status --help');
  return prompt.hidden(
    attempt === 1 ? 'Passphrase of the vault:' : "That doesn't open it. Passphrase or recovery code:",
  );
};

const timers = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((done, failed) => {
    const timer = setTimeout(done, ms);
    const stop = (): void => {
      clearTimeout(timer);
      failed(new MobiusError('service_unavailable', 'the call was given up'));
    };
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });

const paceOf = ({ now }: Io) => ({ now, sleep: timers, random: Math.random });

/** The certificates that a person trusts besides the system's: as the variable says, else as the profile does. */
export const authorityOf = (io: Io, saved: string | undefined): string | undefined => {
  const named = io.env.MOBIUS_CA_FILE || saved;
  if (named === undefined) return undefined;
  try {
    const text = readFileSync(resolve(io.cwd, named), 'utf8');
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  } catch (error) {
    throw new MobiusError('usage', `could not read "${named}": ${reasonOf(error)}`);
  }
  throw new MobiusError(
    'usage',
    `"${named}" holds no certificate as PEM`,
    {},
    'MOBIUS_CA_FILE or the profile names it',
  );
};

type ServerDestination = Extract<Destination, { kind: 'server' }>;

interface Reached extends Pick<ServerDestination, 'url' | 'dialect' | 'organization'> {
  token?: string | undefined;
  caFile?: string | undefined;
  timeoutMs?: number;
}

/** A server, whether or not anything was saved for it. */
export const openServer = async (io: Io, reached: Reached): Promise<Remote> => {
  const { url, token, caFile, timeoutMs, dialect, organization } = reached;
  const server = { url, token, env: io.env, ca: authorityOf(io, caFile), timeoutMs };
  if (dialect === undefined) return (await import('../calls/remote.ts')).openRemote(server, paceOf(io));
  const [{ openDialect }, { dialectOf }] = await Promise.all([
    import('../calls/dialect.ts'),
    import('../dialects/names.ts'),
  ]);
  return openDialect({ ...server, dialect: await dialectOf(dialect), organization }, paceOf(io), io.newUuid);
};

/** The vault as its agent holds it open: to whoever reaches the socket and shows no key, as its owner. */
const openAgentTarget = async (io: Io, socketPath: string, token: string | undefined): Promise<Target> => {
  const { openRemote } = await import('../calls/remote.ts');
  const { call: ask, close } = openRemote({ url: agentUrl, token, env: io.env, socketPath }, paceOf(io));
  const who = token === undefined ? 'its owner' : 'the API key';
  const call: Call = async (name, input, options) => {
    if (operations[name].access === 'read') return ask(name, input, options);
    const { tellingOfAnchors } = await import('../audit/settings.ts');
    return tellingOfAnchors(io, socketPath, () => ask(name, input, options));
  };
  return { call, close: async () => close(), about: `the vault's agent at "${socketPath}", as ${who}` };
};

const openVaultTarget = async (io: Io, globals: Globals): Promise<Target> => {
  const key = keyOf(globals);
  const agent = await findAgent(io, globals, vaultPath(io, globals.vault));
  if (agent !== undefined) return openAgentTarget(io, agent, key);
  const { openLocal } = await import('../calls/local.ts');
  const actor = key === undefined ? ({ kind: 'owner' } as const) : ({ kind: 'bearer', text: key } as const);
  const { vault, call, close: end } = await openLocal(worldOf(io), placeOf(io, globals), actor);
  const close = async (): Promise<void> => {
    if (!(await end()).scrubPending) return;
    const why = 'what was destroyed still lies in the log of the vault, which somebody is reading';
    throw new MobiusError('service_unavailable', `${why}; the next command clears it`);
  };
  const who = actor.kind === 'owner' ? 'its owner' : 'the API key';
  return { call, close, about: `the vault "${vault.id}", opened by ${vault.unlocked.source}, as ${who}` };
};

/** What was saved is refused for other reasons than a key is, and there is another way out. */
const signInAgain = <T>(error: T, again: string): T | MobiusError =>
  error instanceof MobiusError && error.code === 'unauthorized'
    ? new MobiusError(error.code, 'the saved credential was not accepted', error.details, `sign in again: ${again}`)
    : error;

const tellingToSignIn =
  (call: Call, again: string): Call =>
  async (name, input, options) => {
    try {
      return await call(name, input, options);
    } catch (error) {
      throw signInAgain(error, again);
    }
  };

/** What is shown to the server: the key that was given, else what was saved, good for the next moments. */
export const credentialFor = async (
  io: Io,
  globals: Globals,
  { url, saved, dialect }: ServerDestination,
): Promise<{ token: string; source: string } | undefined> => {
  const key = keyOf(globals);
  if (key !== undefined) {
    return { token: key, source: io.env.MOBIUS_API_KEY === key ? 'MOBIUS_API_KEY' : '--api-key' };
  }
  if (saved === undefined) return undefined;
  const { savedToken } = await import('./sessions.ts');
  const open = (more: { timeoutMs?: number }) =>
    openServer(io, { url, dialect, caFile: saved.profile.ca_file, ...more });
  const token = await savedToken(io, saved, open);
  return token === undefined ? undefined : { token, source: `profile "${saved.name}"` };
};

/** The line that mends a credential that is missing or refused. */
const loginLine = ({ url, saved, dialect }: ServerDestination): string => {
  if (saved !== undefined) return `mobius auth login --profile ${saved.name}`;
  return `mobius auth login --api-url ${url}${dialect === undefined ? '' : ` --dialect ${dialect}`}`;
};

export const nothingSaved = (destination: ServerDestination): MobiusError => {
  const hint = `sign in: ${loginLine(destination)}; or attach a key: --api-key, MOBIUS_API_KEY`;
  return new MobiusError('unauthorized', `no credential is saved for "${destination.url}"`, {}, hint);
};

const openServerTarget = async (
  io: Io,
  globals: Globals,
  destination: ServerDestination,
): Promise<Target & Pick<Remote, 'ask'>> => {
  const { saved } = destination;
  const credential = await credentialFor(io, globals, destination);
  if (credential === undefined) throw nothingSaved(destination);
  const { token, source } = credential;
  const reached = { ...destination, token, caFile: saved?.profile.ca_file };
  const { call, ask, close, answered, url: shown } = await openServer(io, reached);
  const isSaved = keyOf(globals) === undefined;
  return {
    call: isSaved ? tellingToSignIn(call, loginLine(destination)) : call,
    async ask(request) {
      const { refusal, ...answer } = await ask(request);
      if (refusal === undefined) return answer;
      return { ...answer, refusal: isSaved ? signInAgain(refusal, loginLine(destination)) : refusal };
    },
    answered,
    close: async () => close(),
    about: `the server "${shown}", with the credential of ${source}`,
  };
};

/** What the server lacks is said before a saved session is refreshed, or found missing. */
const openSpokenTarget = async (
  io: Io,
  globals: Globals,
  destination: ServerDestination,
  speech: Speech,
): Promise<Target> => {
  let opened: ReturnType<typeof openServerTarget> | undefined;
  let target: Target | undefined;
  return {
    async call(name, input, options) {
      speech.check(name, input as Record<string, unknown>);
      opened ??= openServerTarget(io, globals, destination);
      target = await opened;
      return target.call(name, input, options);
    },
    async ask(request) {
      opened ??= openServerTarget(io, globals, destination);
      const server = await opened;
      target = server;
      return server.ask(request);
    },
    answered: () => target?.answered?.(),
    close: async () => target?.close(),
    about: `the ${speech.title} server "${destination.url}"`,
  };
};

export const openTarget = async (io: Io, globals: Globals): Promise<Target> => {
  const destination = await destinationOf(io, globals);
  if (destination.kind === 'server') {
    const speech = await speechAt(io, destination);
    return speech === undefined
      ? openServerTarget(io, globals, destination)
      : openSpokenTarget(io, globals, destination, speech);
  }
  const { vault } = destination;
  return openVaultTarget(io, vault === undefined ? globals : { ...globals, vault });
};

/** Once an answer is out and holds, what could wait until then is worth a word, not a failure. */
export const letGo = ({ close }: Pick<Target, 'close'>, warn: (line: string) => void): Promise<void> =>
  close().catch((error: Error) => warn(`the work after the answer was left undone: ${error.message}`));

/** For a command that asks for values before it does something with them: the target is closed again by then. */
export const useTarget =
  (io: Io, globals: Globals, { warn, debug }: Pick<Context, 'warn' | 'debug'>) =>
  async (): Promise<{ call: Call; project: string; close(): Promise<void> }> => {
    const target = await openTarget(io, globals);
    debug(target.about);
    return { call: target.call, project: await projectOf(io, globals), close: () => letGo(target, warn) };
  };
