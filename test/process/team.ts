import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { postgresPrograms } from '../store/postgres.ts';
import { program } from './machine.ts';

/** What the example of a team's server needs, and where it is to run here. */
export const teamTools = [join(postgresPrograms() ?? '/usr/lib/postgresql', 'initdb'), '/usr/sbin/haproxy', 'setpriv'];

const freePorts = async (count: number): Promise<number[]> => {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = servers.map(
    (server) =>
      new Promise<number>((done, failed) => {
        server.once('error', failed);
        server.listen(0, '127.0.0.1', () => {
          const address = server.address();
          done(typeof address === 'object' && address !== null ? address.port : 0);
        });
      }),
  );
  const found = await Promise.all(ports);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return found;
};

/** Whom root becomes can't always come as far as the product lies: then it is a copy of it that they run. */
const within = (folder: string): string => {
  const user = ['--reuid=postgres', '--regid=postgres', '--clear-groups'];
  const mayRead = process.getuid?.() !== 0 || spawnSync('setpriv', [...user, 'test', '-r', program]).status === 0;
  if (mayRead) return program;
  const parts = ['bin', 'dist', 'schemas', 'completions', 'node_modules', 'package.json'].map((name) => resolve(name));
  // Links where the folders share a disk.
  for (const how of ['-al', '-a']) if (spawnSync('cp', [how, ...parts, folder]).status === 0) break;
  return join(folder, 'bin', 'mobius.js');
};

export interface TeamEnv extends Record<string, string> {
  TEAM_PORT: string;
  TEAM_DB2_PORT: string;
}

/** Ports of its own, and a program that whoever root becomes can read: a copy of it in the folder, if need be. */
export const teamEnv = async (folder: string): Promise<TeamEnv> => {
  const [proxy = '', node1 = '', node2 = '', db1 = '', db2 = ''] = (await freePorts(5)).map(String);
  const nodes = { TEAM_NODE1_PORT: node1, TEAM_NODE2_PORT: node2 };
  return { TEAM_PORT: proxy, ...nodes, TEAM_DB1_PORT: db1, TEAM_DB2_PORT: db2, MOBIUS: within(folder) };
};
