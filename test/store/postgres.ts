import { spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

export interface PostgresServer {
  /** Of a new and empty database on it. */
  newDatabase(): Promise<string>;
  stop(): Promise<void>;
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

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });

const until = async (ready: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 200; tries++) {
    if (await ready().catch(() => false)) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error('the database server did not start');
};

/** A server of its own on loopback, in a folder of its own, which goes with it. */
export const startPostgres = async (programs: string, settings: readonly string[] = []): Promise<PostgresServer> => {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-postgres-'));
  const as = user();
  if ('uid' in as) chownSync(folder, as.uid, as.gid);
  const data = join(folder, 'data');
  const options = { ...as, cwd: folder, encoding: 'utf8' as const, env: { PATH: process.env.PATH, LC_ALL: 'C' } };
  const made = spawnSync(
    join(programs, 'initdb'),
    ['-D', data, '-U', 'mobius', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    options,
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const port = await freePort();
  const chosen = [`listen_addresses=127.0.0.1`, `port=${port}`, `unix_socket_directories=${folder}`, ...settings];
  const args = ['-D', data, ...chosen.flatMap((setting) => ['-c', setting])];
  const server = spawn(join(programs, 'postgres'), args, { ...options, stdio: 'ignore' });
  const urlOf = (name: string): string => `postgres://mobius@127.0.0.1:${port}/${name}`;
  const ask = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString: urlOf('postgres') });
    try {
      await client.connect();
      await client.query(sql);
    } finally {
      await client.end();
    }
  };
  const stop = async (): Promise<void> => {
    const ended = new Promise((done) => server.once('exit', done));
    if (server.exitCode === null && server.kill('SIGINT')) await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until(async () => {
      await ask('select 1');
      return true;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  let count = 0;
  return {
    async newDatabase() {
      const name = `d${++count}`;
      await ask(`create database ${name}`);
      return urlOf(name);
    },
    stop,
  };
};
