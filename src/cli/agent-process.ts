import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { kinds, MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import { endByForce, lastingFolder } from '../platform.ts';
import type { Handed } from '../vault/unlock.ts';
import { type AgentState, agentOf, agentSocket, askAgent, requireOwnFolder } from './agent.ts';
import { withLock } from './lock.ts';
import { agentFolder } from './places.ts';

/** What the process of an agent reads on its standard input: no other place keeps a secret to itself. */
export interface Order {
  handed: Handed;
  socket: string;
  idleMs: number;
  mostMs: number;
}

const startMs = 30_000;
const endMs = 15_000;
const goneMs = 1000;
const pollMs = 20;

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const harmless = /^MOBIUS_(SODIUM|CONFIG_DIR|AUDIT_ANCHOR(_EVERY|_POLICY)?)$/;

/**
 * An agent lives long, and its variables can be read as long as it lives: it gets no secret of ours in them. It runs in
 * another folder.
 */
const environmentOf = ({ env, cwd }: Io): Record<string, string> => ({
  ...Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined || (/^MOBIUS_/.test(name) && !harmless.test(name)) ? [] : [[name, value]],
    ),
  ),
  ...(env.MOBIUS_AUDIT_ANCHOR ? { MOBIUS_AUDIT_ANCHOR: resolve(cwd, env.MOBIUS_AUDIT_ANCHOR) } : {}),
});

const failureOf = (told: string): MobiusError => {
  const wrong = (why: string): MobiusError => new MobiusError('internal', `the agent did not start${why}`);
  try {
    const { code, message, hint } = JSON.parse(told).error as { code: string; message: string; hint?: string };
    return Object.hasOwn(kinds, code) ? new MobiusError(code as keyof typeof kinds, message, {}, hint) : wrong('');
  } catch {
    const [line = ''] = told.trim().split('\n');
    return wrong(line === '' ? '' : `: ${line}`);
  }
};

/** The line in which it says that it listens; else why it ended. */
const readiness = (child: ChildProcess): Promise<AgentState> =>
  new Promise((done, failed) => {
    const texts = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (part: string) => {
        texts[name] += part;
        if (texts.stdout.endsWith('\n')) done(JSON.parse(texts.stdout));
      });
    }
    child.on('error', ({ message }) => failed(failureOf(message)));
    child.on('close', () => failed(failureOf(texts.stderr)));
    setTimeout(() => failed(failureOf('it was not ready in time')), startMs).unref();
  });

/**
 * Starts the agent of a vault and resolves when it answers. It keeps nothing of ours: neither the terminal, nor a stream,
 * nor the folder. Whatever keeps us from telling that it is there ends it.
 */
const startAgent = async (io: Io, vault: string, order: Order): Promise<AgentState> => {
  const child = io.spawn(io.execPath, [...io.program, 'vault', 'agent', '--vault', vault, '-o', 'json'], {
    cwd: lastingFolder(io.platform, dirname(vault)),
    env: environmentOf(io),
    detached: true,
    windowsHide: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const forget = io.onInterrupt(() => void child.kill());
  try {
    // One that ends at once reads nothing; why it ended is told by itself.
    child.stdin?.on('error', () => undefined).end(JSON.stringify(order));
    return await readiness(child);
  } catch (error) {
    child.kill();
    throw error;
  } finally {
    forget();
    child.stdout?.destroy();
    child.stderr?.destroy();
    child.unref();
  }
};

/** Resolves when the agent is gone, its keys with it. */
export const endAgent = async (
  { platform, signals }: Io,
  socket: string,
  { pid }: Pick<AgentState, 'pid'>,
): Promise<void> => {
  signals.send(pid, 'SIGTERM');
  for (let waited = 0; existsSync(socket); waited += pollMs) {
    if (waited < endMs) await wait(pollMs);
    else
      throw new MobiusError(
        'internal',
        `the agent does not end`,
        { pid },
        `end it by force: ${endByForce(platform, pid)}`,
      );
  }
  // Its socket goes first. One that nobody waits for may stay in the table of processes for ever.
  for (let waited = 0; waited < goneMs && signals.send(pid, 0); waited += pollMs) await wait(pollMs);
};

/** Where the lock lies under which agents are started; its folder is there from then on, and ours alone. */
const lockOf = (io: Io, socket: string): string => {
  const folder = agentFolder(io);
  requireOwnFolder(io, socket);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  requireOwnFolder(io, socket);
  return join(folder, `${basename(socket)}.lock`);
};

/**
 * The agent of a vault: the one that there is, unless it is to be renewed, else a new one. Of two who ask at once the
 * second finds what the first started.
 */
export const ensureAgent = async (
  io: Io,
  vault: string,
  order: Omit<Order, 'socket'>,
  renews: boolean,
): Promise<{ agent: AgentState; isNew: boolean }> => {
  const socket = await agentSocket(io, vault);
  if (socket === undefined) throw new MobiusError('not_initialised', `no vault at "${vault}"`);
  return withLock(io, lockOf(io, socket), async () => {
    const running = await agentOf(io, vault);
    if (running !== undefined) {
      const agent = await askAgent(io, running);
      if (!renews) return { agent, isNew: false };
      await endAgent(io, running, agent);
    }
    return { agent: await startAgent(io, vault, { ...order, socket }), isNew: true };
  });
};
