import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { type Address, type Host, parseAddress, type TlsMode, tlsFor, type Wanted } from '../database-url.ts';
import { isAboutTls, isFinal, notWanted, unreadable, whyNotHad } from './postgres-connect-faults.ts';
import { isLost, isRefusedByStandby, isStale, isStandby, standby } from './postgres-faults.ts';
import { makePool } from './postgres-pool.ts';

export type Statement = string | pg.QueryConfig;

export interface Connection {
  query(statement: Statement): Promise<pg.QueryResult>;
  /** Back to the others; one that is said to be broken is closed. */
  release(broken?: Error): void;
}

/**
 * - A connection goes to the first host that answers and is what the address wants. The host that was had last is asked
 *   before the others, and one that failed after them, so that one that is silent is not waited for by each connection.
 * - A host that loses a connection, or says that it is a standby where a change was asked for, is suspect: whatever
 *   lies idle of it is closed, and what is in use is closed when it comes back.
 * - One that is cut off never says so. Where an answer takes its time, another connection asks whether anybody is there;
 *   and none is waited for longer than the server was told to take over it.
 */
export interface Connections {
  connect(): Promise<Connection>;
  /** One statement on a connection of its own. */
  query(statement: Statement): Promise<pg.QueryResult>;
  /** Calls after it, and what has not come back by then, are the caller's fault. */
  end(): Promise<void>;
}

export interface ConnectOptions {
  connections: number;
  /** What every session is told at its beginning. */
  session: Pick<
    pg.ClientConfig,
    'statement_timeout' | 'lock_timeout' | 'idle_in_transaction_session_timeout' | 'application_name' | 'types'
  > & { statement_timeout: number };
}

/** One that is open, and to which of the hosts, as they were counted when it began. */
interface Held {
  client: pg.Client;
  socket: Socket;
  at: number;
  epoch: number;
  isClosing: boolean;
  /** A commit was answered, but is on this one server only. */
  isUnsure: boolean;
}

const connectMs = 2_000;
/** Who has not answered for so long is asked by somebody else whether they are there. */
const doubtMs = 1_000;
const idleMs = 30_000;
const waitMs = 10_000;
/** What the way there and back may take beyond what the server was told. */
const answerMs = 2_000;
const goodbyeMs = 1_000;
const forEver = Number.POSITIVE_INFINITY;
/** That no server can be had is believed for as long as it took to find out, and no longer than this. */
const knownMs = 1_000;
/** A statement that a standby refused is asked again so often, of another server. */
const mostMoves = 2;

const silent = (): Error => Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' });

/** Somebody ended the wait for the other servers: what was acknowledged now could be gone with this one. */
const unsure = (): Error => Object.assign(new Error('the wait for a replica was ended'), { code: '08007' });

/** Does something for so long, and then cuts the line, which ends whatever is asked over it. Now and then it is in doubt. */
const within = async <T>(ms: number, socket: Socket, work: () => Promise<T>, doubt?: () => void): Promise<T> => {
  const cutting = ms === forEver ? undefined : setTimeout(() => socket.destroy(silent()), ms);
  const doubting = doubt && setInterval(doubt, doubtMs);
  try {
    return await work();
  } finally {
    clearTimeout(cutting);
    clearInterval(doubting);
  }
};

const fileNamed = (setting: string, path: string): Promise<Buffer> =>
  readFile(path).catch((error: unknown) => {
    throw unreadable(setting, path, error);
  });

/** What Node must hold against the other end. Files are read each time: they are renewed while mobius runs. */
const tlsOptions = async (mode: TlsMode, address: Address): Promise<false | ConnectionOptions> => {
  if (mode === 'disable') return false;
  const { rootCertificate: root, certificate, key } = address;
  return {
    rejectUnauthorized: mode === 'verify-ca' || mode === 'verify-full',
    ...(root === undefined || root === 'system' ? {} : { ca: await fileNamed('sslrootcert', root) }),
    ...(certificate === undefined ? {} : { cert: await fileNamed('sslcert', certificate) }),
    ...(key === undefined ? {} : { key: await fileNamed('sslkey', key) }),
    // The chain was looked at all the same; only whose name it is does not matter.
    ...(mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
};

const isWanted = async (client: pg.Client, wanted: Wanted): Promise<boolean> => {
  if (wanted === 'any') return true;
  const asked = "select pg_is_in_recovery()::text as follows, current_setting('transaction_read_only') as closed";
  const { rows } = await client.query<{ follows: string; closed: string }>(asked);
  const follows = rows[0]?.follows !== 'false';
  const closed = follows || rows[0]?.closed !== 'off';
  if (wanted === 'read-write') return !closed;
  if (wanted === 'read-only') return closed;
  return wanted === 'primary' ? !follows : follows;
};

const close = async (held: Held): Promise<void> => {
  held.isClosing = true;
  const timer = setTimeout(() => held.socket.destroy(), goodbyeMs);
  await held.client.end().finally(() => clearTimeout(timer));
};

/** Opens nothing yet: the first that is asked for does. */
export const connectPostgres = (url: string, { connections, session }: ConnectOptions): Connections => {
  const address = parseAddress(url);
  const { hosts, application } = address;
  const mostMs = session.statement_timeout === 0 ? forEver : session.statement_timeout + answerMs;
  const passes: readonly Wanted[] = address.wanted === 'prefer-standby' ? ['standby', 'any'] : [address.wanted];
  const epochs = hosts.map(() => 0);
  let order = hosts.map((_, at) => at);

  const others = (at: number): number[] => order.filter((other) => other !== at);
  const toTheEnd = (at: number): void => {
    order = [...others(at), at];
  };

  const suspect = (at: number): void => {
    epochs[at] = (epochs[at] ?? 0) + 1;
    toTheEnd(at);
    pool.drop((held) => held.at === at);
  };

  const begin = (host: Host, at: number, ssl: false | ConnectionOptions): Held => {
    const socket = new Socket();
    const client = new pg.Client({
      ...session,
      ...host,
      database: address.database,
      ...(address.user === undefined ? {} : { user: address.user }),
      ...(address.password === undefined ? {} : { password: address.password }),
      ...(application === undefined ? {} : { application_name: application }),
      ssl,
      sslnegotiation: 'postgres',
      stream: () => socket,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    });
    const held: Held = { client, socket, at, epoch: epochs[at] ?? 0, isClosing: false, isUnsure: false };
    // One that lies idle or is between two statements has no other way to say that it was lost.
    client.on('error', () => {
      if (!held.isClosing) suspect(at);
    });
    client.on('notice', ({ routine }) => {
      held.isUnsure ||= routine === 'SyncRepWaitForLSN';
    });
    return held;
  };

  const logIn = async (held: Held, host: Host, wanted: Wanted): Promise<Held> => {
    const { client, socket } = held;
    try {
      await within(address.connectMs ?? connectMs, socket, async () => {
        await client.connect();
        if (!(await isWanted(client, wanted))) throw notWanted(host, wanted);
      });
      return held;
    } catch (error) {
      held.isClosing = true;
      socket.destroy();
      throw error;
    }
  };

  const openAt = async (at: number, wanted: Wanted): Promise<Held> => {
    const host = hosts[at] as Host;
    const mode = tlsFor(address, host);
    try {
      const ssl = await tlsOptions(mode, address);
      try {
        return await logIn(begin(host, at, ssl), host, wanted);
      } catch (error) {
        if (mode !== 'prefer' || !isAboutTls(error)) throw error;
      }
      return await logIn(begin(host, at, false), host, wanted);
    } catch (error) {
      throw whyNotHad(error, host);
    }
  };

  const openAny = async (): Promise<Held> => {
    const failures: unknown[] = [];
    for (const wanted of passes) {
      for (const at of [...order]) {
        try {
          const held = await openAt(at, wanted);
          // What will do for want of a better is not looked for again.
          if (wanted === passes[0]) order = [at, ...others(at)];
          return held;
        } catch (error) {
          if (isFinal(error)) throw error;
          toTheEnd(at);
          failures.push(error);
        }
      }
    }
    // What a person must mend says more than that another one is away.
    throw failures.findLast((error) => !isLost(error)) ?? failures.at(-1);
  };

  let failed: { until: number; error: unknown } | undefined;

  /** Who comes right after one that found no server is told the same: nobody waits for what is known. */
  const open = async (): Promise<Held> => {
    const began = performance.now();
    if (failed !== undefined && began < failed.until) throw failed.error;
    try {
      const held = await openAny();
      failed = undefined;
      return held;
    } catch (error) {
      const now = performance.now();
      failed = { until: now + Math.min(now - began, knownMs), error };
      throw error;
    }
  };

  const pool = makePool({ most: connections, waitMs, idleMs, open, close });

  const asked = new Map<number, Promise<boolean>>();

  /** Whether a host answers anybody; of many who doubt it at once one asks. */
  const answers = (at: number): Promise<boolean> => {
    const asking =
      asked.get(at) ??
      openAt(at, 'any')
        .then(close)
        .then(
          () => true,
          // One that has no room for more, or does not let us in, is there.
          (error: unknown) => !isLost(error),
        )
        .finally(() => asked.delete(at));
    asked.set(at, asking);
    return asking;
  };

  const lend = (held: Held): Connection => {
    const { client, socket, at, epoch } = held;
    // Who may only read is refused by every server.
    let isReading = false;
    let spoiled: Error | undefined;
    return {
      async query(statement) {
        const text = typeof statement === 'string' ? statement : statement.text;
        if (/^\s*begin\b/i.test(text)) isReading = /\bread only\b/i.test(text);
        try {
          let isAnswered = false;
          const doubt = async (): Promise<void> => {
            if (!(await answers(at)) && !isAnswered) socket.destroy(silent());
          };
          const work = () =>
            client.query(statement).finally(() => {
              isAnswered = true;
            });
          const result = await within(mostMs, socket, work, () => void doubt());
          if (held.isUnsure) throw unsure();
          return result;
        } catch (error) {
          const isMoved = isRefusedByStandby(error) && !isReading;
          if (isMoved || isLost(error)) suspect(at);
          if (isStale(error)) spoiled = error as Error;
          throw isMoved ? standby('the database takes no changes now', error) : error;
        }
      },
      release(broken) {
        pool.give(held, (broken ?? spoiled) === undefined && epoch === epochs[at]);
      },
    };
  };

  const connect = async (): Promise<Connection> => lend(await pool.take());

  return {
    connect,
    async query(statement) {
      for (let moves = 0; ; moves++) {
        const connection = await connect();
        try {
          return await connection.query(statement);
        } catch (error) {
          if (!isStandby(error) || moves === mostMoves) throw error;
        } finally {
          connection.release();
        }
      }
    },
    end: pool.end,
  };
};
