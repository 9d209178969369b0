import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openServed } from '../calls/local.ts';
import { idPrefixes, typeId } from '../core/ids.ts';
import type { DialectName } from '../dialects/names.ts';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Anchoring, Place, World } from '../vault/open.ts';
import { type Address, isLoopback, spelled } from './address.ts';
import { openAhead } from './ahead.ts';
import { type App, type AppPorts, makeApp } from './app.ts';
import { bootstrap, type FirstAdministrator } from './bootstrap.ts';
import { endAll, type Listener, type Listening, listenOn, listenOnSocket, type Tls } from './listen.ts';
import { type Level, type Log, openLog } from './log.ts';
import { openMetrics } from './metrics.ts';

export interface ServeOptions {
  listen?: Address;
  /** The path of a socket that only its owner can open. */
  unix?: string;
  tls?: Tls;
  behindProxy?: boolean;
  /** How callers reach it, for links that it hands out. */
  publicUrl?: string;
  corsOrigins?: readonly string[];
  /** Other systems whose contracts it speaks besides. */
  dialects?: readonly DialectName[];
  /** Whoever asks may make themselves an account. */
  openRegistration?: boolean;
  /** Where the end of the audit log is kept besides. */
  anchoring?: Anchoring;
  /** Made where there is no user yet. */
  firstAdministrator?: FirstAdministrator;
  /** How long a stop waits for what is being answered. */
  stopTimeoutSeconds?: number;
  log?: Level;
  /** On a private socket alone: whoever shows no credential acts as the owner. */
  ownerWithoutCredential?: boolean;
  /** What /healthz tells besides, to whoever can ask. */
  health?: () => Readonly<Record<string, unknown>>;
  asked?: AppPorts['asked'];
}

export interface Serving {
  /** Where it listens; with the port that the system chose where none was named. */
  url: string;
  urls: readonly string[];
  /** Does now what else is done within a second. */
  settle(): Promise<void>;
  /** Drains, flushes and closes. The second call waits for the first. */
  stop(): Promise<void>;
}

/** Beside `src` and `dist` alike, whose files stand two folders deep. */
const openapi = (): string => readFileSync(join(import.meta.dirname, '../../schemas/openapi.json'), 'utf8');

/** A credential that everybody on the way can read is everybody's. */
export const refuseInTheClear = ({ listen, tls, behindProxy, unix, ownerWithoutCredential }: ServeOptions): void => {
  if (listen === undefined && unix === undefined) throw new MobiusError('usage', 'there is nothing to listen on');
  if (ownerWithoutCredential === true && listen !== undefined) {
    throw new MobiusError('internal', 'the owner is served on a private socket only');
  }
  if (listen === undefined || isLoopback(listen) || tls !== undefined || behindProxy === true) return;
  throw new MobiusError(
    'usage',
    `--listen "${spelled(listen)}" can be reached from other machines, and nothing would be encrypted`,
    { field: 'listen' },
    'add --tls-cert and --tls-key; or --behind-proxy where a proxy before it ends TLS',
  );
};

/** Does once a second what the core left for later, one at a time. */
const settleEverySecond = (settle: () => Promise<void>, log: Log): { now(): Promise<void>; end(): Promise<void> } => {
  let running: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    running ??= settle()
      .catch((error: Error) => log.error('what was left for later could not be written', { reason: error.message }))
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const timer = setInterval(() => void begin(), 1000);
  return {
    /** What runs already may have begun too early. */
    async now() {
      await running;
      await begin();
    },
    async end() {
      clearInterval(timer);
      await running;
    },
  };
};

const listenAll = async (io: Io, options: ServeOptions, listening: Listening): Promise<Listener[]> => {
  const listeners: Listener[] = [];
  try {
    if (options.listen !== undefined) listeners.push(await listenOn(options.listen, options.tls, listening));
    if (options.unix !== undefined) listeners.push(await listenOnSocket(options.unix, io.platform, listening));
  } catch (error) {
    await endAll(listeners, 0);
    throw error;
  }
  return listeners;
};

/** Opens the vault and serves it until it is stopped. */
export const startServer = async (
  io: Io,
  { world, place }: { world: World; place: Place },
  options: ServeOptions,
): Promise<Serving> => {
  refuseInTheClear(options);
  const log = openLog(io, options.log ?? 'info');
  let urls: string[] = [];
  const anchoring = options.anchoring ?? (await world.anchoring?.());
  const metrics = openMetrics(openAhead({ soon: (withinMs) => core.soon(withinMs), now: io.now }));
  if (anchoring !== undefined) metrics.anchoring(true);
  const tell = (problem: string | undefined): void => {
    metrics.anchoring(problem === undefined);
    anchoring?.tell(problem);
    if (problem === undefined) log.info('the end of the audit log is kept elsewhere again');
    else log.error(problem);
  };
  const anchored: World = { ...world, anchoring: async () => anchoring && { ...anchoring, tell } };
  const { vault, core, settle, close } = await openServed(anchored, place, {
    publicUrl: () => options.publicUrl ?? urls[0] ?? '',
    openRegistration: options.openRegistration === true,
  });
  let app: App;
  let listeners: Listener[];
  try {
    if (options.firstAdministrator !== undefined) await bootstrap(core, options.firstAdministrator, log);
    app = await makeApp(
      {
        core,
        io,
        log,
        metrics,
        asked: options.asked,
        openapi: openapi(),
        health: options.health ?? (() => ({})),
        publicKeys: core.publicKeys,
        // In a transaction, which asks whether the vault is still at this place.
        ready: async () => void (await vault.db.tx('read', (tx) => tx.get('select id from vault'))),
      },
      {
        behindProxy: options.behindProxy ?? false,
        corsOrigins: options.corsOrigins ?? [],
        dialects: options.dialects ?? [],
        tls: options.tls !== undefined,
        ownerWithoutCredential: options.ownerWithoutCredential ?? false,
        publicUrl: options.publicUrl,
      },
    );
    const newRequestId = (): string => typeId(idPrefixes.request, io.newUuid());
    listeners = await listenAll(io, options, { ...app, newRequestId });
  } catch (error) {
    await close();
    throw error;
  }
  const settling = settleEverySecond(settle, log);
  urls = listeners.map(({ url }) => url);
  for (const url of urls) log.info('listening', { url, vault: vault.id, opened_by: vault.unlocked.source });

  const end = async (): Promise<void> => {
    app.drain();
    await endAll(listeners, (options.stopTimeoutSeconds ?? 10) * 1000);
    await app.close();
    await settling.end();
    await close('rest');
    log.info('stopped');
  };
  let ending: Promise<void> | undefined;
  return {
    url: urls[0] ?? '',
    urls,
    settle: settling.now,
    stop() {
      ending ??= end();
      return ending;
    },
  };
};
