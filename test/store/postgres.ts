import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

export interface PostgresServer {
  /** Of a new and empty database on it. */
  newDatabase(): Promise<string>;
  readonly port: number;
  /** Where its socket lies. */
  readonly folder: string;
  readonly process: ChildProcess;
  ask(sql: string): Promise<pg.QueryResult>;
  stop(): Promise<void>;
}

/** Where a server's files lie, and who it runs as. */
export interface Home {
  readonly folder: string;
  readonly data: string;
  /** Runs one of the server's programs to its end. */
  run(program: string, args: readonly string[]): string;
  start(program: string, args: readonly string[]): ChildProcess;
  /** A file that only the server reads. */
  write(name: string, content: string): string;
  remove(): void;
}

const installed = '/usr/lib/postgresql';

/** Where the server's programs are, by the newest version; undefined where there is none. */
export const postgresPrograms = (): string | undefined => {
  const versions = existsSync(installed) ? readdirSync(installed).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(installed, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')));
};

/** The server refuses to run as root. */
const user = (): { uid: number; gid: number } | Record<never, never> => {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string): number => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout);
  return { uid: idOf('-u'), gid: idOf('-g') };
};

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });

export const until = async (ready: () => Promise<boolean>, what: string): Promise<void> => {
  for (let tries = 0; tries < 200; tries++) {
    if (await ready().catch(() => false)) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`waited too long: ${what}`);
};

export const makeHome = (programs: string): Home => {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-postgres-'));
  const as = user();
  const give = (path: string): void => {
    if ('uid' in as) chownSync(path, as.uid, as.gid);
  };
  give(folder);
  const options = { ...as, cwd: folder, env: { PATH: process.env.PATH, LC_ALL: 'C' } };
  return {
    folder,
    data: join(folder, 'data'),
    run(program, args) {
      const { status, stdout, stderr } = spawnSync(join(programs, program), args, { ...options, encoding: 'utf8' });
      if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
      return stdout;
    },
    start: (program, args) => spawn(join(programs, program), args, { ...options, stdio: 'ignore' }),
    write(name, content) {
      const path = join(folder, name);
      writeFileSync(path, content, { mode: 0o600 });
      give(path);
      return path;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
};

export const initialise = ({ data, run }: Home): void => {
  run('initdb', ['-D', data, '-U', 'mobius', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']);
};

/** Starts a server on what lies in a home, which goes with it. */
export const launch = async (home: Home, settings: readonly string[] = []): Promise<PostgresServer> => {
  const { folder } = home;
  const port = await freePort();
  const chosen = [`listen_addresses=127.0.0.1`, `port=${port}`, `unix_socket_directories=${folder}`, ...settings];
  const server = home.start('postgres', ['-D', home.data, ...chosen.flatMap((setting) => ['-c', setting])]);
  const ended = new Promise((done) => server.once('exit', done));
  const urlOf = (name: string): string => `postgres://mobius@127.0.0.1:${port}/${name}`;
  const ask = async (sql: string): Promise<pg.QueryResult> => {
    const client = new pg.Client({ user: 'mobius', host: folder, port, database: 'postgres' });
    try {
      await client.connect();
      return await client.query(sql);
    } finally {
      await client.end();
    }
  };
  const stop = async (): Promise<void> => {
    if (server.exitCode === null && server.signalCode === null && server.kill('SIGINT')) await ended;
    home.remove();
  };
  try {
    await until(async () => (await ask('select 1')).rowCount === 1, 'for the database server to start');
  } catch (error) {
    await stop();
    throw error;
  }
  let count = 0;
  return {
    port,
    folder,
    process: server,
    ask,
    async newDatabase() {
      const name = `d${++count}`;
      await ask(`create database ${name}`);
      return urlOf(name);
    },
    stop,
  };
};

/** A server of its own on loopback, in a folder of its own, which goes with it. */
export const startPostgres = async (
  programs: string,
  settings: readonly string[] | ((home: Home) => readonly string[]) = [],
): Promise<PostgresServer> => {
  const home = makeHome(programs);
  try {
    initialise(home);
    return await launch(home, typeof settings === 'function' ? settings(home) : settings);
  } catch (error) {
    home.remove();
    throw error;
  }
};
