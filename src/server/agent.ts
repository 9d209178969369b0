import { lstatSync } from 'node:fs';
import type { Io } from '../io.ts';
import { socketsAreFiles } from '../platform.ts';
import { identityOf } from '../store/files.ts';
import type { Anchoring, Place, World } from '../vault/open.ts';
import { version } from '../version.ts';
import { type Serving, startServer } from './serve.ts';
import { stopAt } from './stop.ts';

export interface AgentOptions {
  /** Where it listens: a path that only its owner can reach. */
  socket: string;
  /** How long it stays while nothing is asked of it; 0 is for ever. */
  idleMs: number;
  /** How long it stays in any case. */
  mostMs: number;
}

/** What it says of itself, in /healthz and to who started it. */
export interface Limits {
  pid: number;
  version: string;
  since: string;
  idle_until?: string;
  locks_at: string;
  audit_anchor?: { path: string; every: number; required: boolean; problem?: string };
}

const lookMs = 500;

const iso = (time: number): string => new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');

/** Undefined once the file is gone. */
const orGone = (identity: () => string): string | undefined => {
  try {
    return identity();
  } catch {
    return undefined;
  }
};

const socketIdentity = ({ platform }: Io, socket: string): string => {
  if (!socketsAreFiles(platform)) return socket;
  const { dev, ino } = lstatSync(socket, { bigint: true });
  return `${dev}:${ino}`;
};

/**
 * Serves the vault to its owner until a signal, or until one of its limits is reached; then the keys are wiped. By the
 * clock, so that the time a machine sleeps counts. It ends too when its socket or the vault's file is another one or
 * gone: nobody could reach it then, or who does would mean another vault.
 */
export const runAgent = async (
  io: Io,
  { world, place }: { world: World; place: Place },
  { socket, idleMs, mostMs }: AgentOptions,
  started: (limits: Limits) => void,
): Promise<void> => {
  const since = io.now();
  const locksAt = since + mostMs;
  let lastAsked = since;
  const anchoring = await world.anchoring?.();
  let problem: string | undefined;
  const kept = anchoring && {
    ...anchoring,
    tell: (told: string | undefined): void => {
      problem = told;
    },
  };
  const anchors = ({ path, every, required }: Anchoring): NonNullable<Limits['audit_anchor']> => ({
    path,
    every,
    required,
    ...(problem === undefined ? {} : { problem }),
  });
  const limits = (): Limits => ({
    pid: io.signals.pid,
    version,
    since: iso(since),
    ...(idleMs === 0 ? {} : { idle_until: iso(Math.min(lastAsked + idleMs, locksAt)) }),
    locks_at: iso(locksAt),
    ...(kept && { audit_anchor: anchors(kept) }),
  });
  const seen = (): void => {
    lastAsked = io.now();
  };
  let stop = (): void => undefined;
  const stopped = new Promise<void>((asked) => {
    stop = asked;
  });
  stopAt(io, ['SIGTERM', 'SIGINT', 'SIGHUP'], stop);
  const vaultFile = identityOf(place.path);
  const serving: Serving = await startServer(
    io,
    { world, place },
    {
      unix: socket,
      ownerWithoutCredential: true,
      stopTimeoutSeconds: 5,
      log: 'error',
      ...(kept && { anchoring: kept }),
      health: () => ({ ...limits() }),
      asked: ({ url, headers }) => {
        // Who looks how long it stays does not keep it; nor does who asks in passing, as a shell does that completes.
        if (url === '/healthz' || headers['mobius-aside'] !== undefined) return undefined;
        seen();
        return seen;
      },
    },
  );
  const ownSocket = orGone(() => socketIdentity(io, socket));
  const isOver = (): boolean =>
    io.now() >= locksAt ||
    (idleMs > 0 && io.now() - lastAsked >= idleMs) ||
    orGone(() => identityOf(place.path)) !== vaultFile ||
    orGone(() => socketIdentity(io, socket)) !== ownSocket;
  const looking = setInterval(() => {
    if (isOver()) stop();
  }, lookMs);
  try {
    started(limits());
    await stopped;
  } finally {
    clearInterval(looking);
    await serving.stop();
  }
};
