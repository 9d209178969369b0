import { readFileSync } from 'node:fs';
import { initialise, launch, makeHome, type PostgresServer, until } from './postgres.ts';

export interface PostgresCluster {
  /** Of one database on both servers, the primary named first. */
  readonly url: string;
  readonly primary: PostgresServer;
  readonly replica: PostgresServer;
  /** As if its machine were gone: nothing of it ends in good order. */
  killPrimary(): Promise<void>;
  /** Makes the replica the primary. */
  promote(): Promise<void>;
  /** As if its machine hung: its connections stand, and nothing is answered. */
  pausePrimary(): void;
  resumePrimary(): void;
  pauseReplica(): void;
  resumeReplica(): void;
  stop(): Promise<void>;
}

/** Each of the server's processes is a group of its own, so they are looked up one by one. */
const childrenOf = (parent: number): number[] =>
  readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').split(' ').map(Number).filter(Boolean);

const signal = (server: PostgresServer, name: NodeJS.Signals): void => {
  const parent = server.process.pid;
  if (parent === undefined || server.process.exitCode !== null || server.process.signalCode !== null) return;
  // It must not see its children go, and has no new ones meanwhile.
  if (name !== 'SIGCONT') process.kill(parent, 'SIGSTOP');
  for (const pid of [...childrenOf(parent), parent]) {
    try {
      process.kill(pid, name);
    } catch {
      // It ended by itself.
    }
  }
};

/**
 * A primary and a replica that streams from it. `isSynchronous`: nothing is acknowledged before the replica has it on
 * its disk.
 */
export const startCluster = async (
  programs: string,
  { isSynchronous = false }: { isSynchronous?: boolean } = {},
): Promise<PostgresCluster> => {
  const homes = [makeHome(programs), makeHome(programs)] as const;
  const started: PostgresServer[] = [];
  const stop = async (): Promise<void> => {
    // One that waits for the other would wait for ever.
    for (const server of started) signal(server, 'SIGKILL');
    await Promise.all(started.map((server) => server.stop()));
    for (const home of homes) home.remove();
  };
  try {
    const [first, second] = homes;
    initialise(first);
    const primary = await launch(first);
    started.push(primary);
    await primary.ask('create database pair');
    const from = `host=${primary.folder} port=${primary.port} user=mobius`;
    second.run('pg_basebackup', ['-D', second.data, '-d', from, '-R', '--checkpoint=fast', '--no-sync']);
    // It must not sleep for long when it is told that its primary is gone.
    const replica = await launch(second, ['wal_retrieve_retry_interval=100ms']);
    started.push(replica);
    if (isSynchronous) {
      await primary.ask("alter system set synchronous_standby_names = '*'");
      await primary.ask('select pg_reload_conf()');
    }
    const wanted = isSynchronous ? 'sync' : 'async';
    await until(async () => {
      const { rows } = await primary.ask("select sync_state from pg_stat_replication where state = 'streaming'");
      return rows[0]?.sync_state === wanted;
    }, 'for the replica to follow');
    return {
      url: `postgres://mobius@127.0.0.1:${primary.port},127.0.0.1:${replica.port}/pair`,
      primary,
      replica,
      async killPrimary() {
        const ended = new Promise((done) => primary.process.once('exit', done));
        signal(primary, 'SIGKILL');
        await ended;
      },
      async promote() {
        await replica.ask('select pg_promote()');
      },
      pausePrimary: () => signal(primary, 'SIGSTOP'),
      resumePrimary: () => signal(primary, 'SIGCONT'),
      pauseReplica: () => signal(replica, 'SIGSTOP'),
      resumeReplica: () => signal(replica, 'SIGCONT'),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
