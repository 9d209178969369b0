import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { type EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientsOf, perSecond } from './load.ts';
import type { Told } from './peers-server.ts';
import { startBare, startServing } from './serving.ts';
import { atLeast, median, startTable, whole } from './table.ts';

/**
 * How many keys a second are verified by `mobius serve` and by another product in the same place, beside a server that only
 * parses the same request: `npm run build && tsx bench/peers.ts [seconds of each [folder with the packages]]`. The other's
 * packages are no dependency of ours: they are installed into a folder for the time of the run.
 */
const target = 20;
const clients = 32;
const rounds = 3;
const packages = [
  'better-auth@1.7.5',
  '@better-auth/api-key@1.7.5',
  '@better-auth/core@1.7.5',
  '@better-auth/utils@0.4.2',
  'better-call@1.4.0',
];

const [argument = '3', given] = process.argv.slice(2);
const seconds = Number(argument);

const install = (folder: string): string => {
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  const line = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--save-exact', ...packages];
  const { status, stderr } = spawnSync('npm', line, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm install ended with ${status}: ${stderr}`);
  return folder;
};

interface Place {
  name: string;
  port: number;
  key: string;
  inProcess?: number;
}

const children: ChildProcess[] = [];

const started = async (file: string, args: readonly string[]): Promise<unknown> => {
  const child = fork(join(import.meta.dirname, file), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  children.push(child);
  return Promise.race([
    once(child as EventEmitter, 'message').then(([told]) => told),
    once(child, 'exit').then(() => Promise.reject(new Error(`bench/${file} did not start`))),
  ]);
};

const startPeer = async (name: string, kind: string, from: string, folder: string): Promise<Place> => {
  const told = (await started('peers-server.ts', [kind, from, folder, argument])) as Told;
  return { name, ...told };
};

const measure = async ({ port, key }: Place): Promise<number> => {
  const { ask, end } = clientsOf([port], clients);
  const count = await perSecond(clients, seconds, async () => {
    const answer = await ask('/api-keys/verify', { credential: key, body: { key } });
    if (!answer.includes('"valid":true')) throw new Error(`a good key is not valid: ${answer}`);
  });
  end();
  return count;
};

/** In turn; the first round is for what is compiled and loaded by then. */
const measureAll = async (places: readonly Place[]): Promise<number[]> => {
  const found = places.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [at, place] of places.entries()) {
      const count = await measure(place);
      if (round > 0) found[at]?.push(count);
    }
  }
  return found.map(median);
};

const folder = mkdtempSync(join(tmpdir(), 'mobius-bench-'));
const serving = await startServing();
const bare = await startBare();
try {
  const from = given ?? install(folder);
  const places: Place[] = [
    { name: 'node:http alone', port: bare.port, key: 'none' },
    { name: '`mobius serve`, `api-keys.verify`', port: serving.port, key: serving.key },
    await startPeer('better-auth, as it is', 'default', from, folder),
    await startPeer('better-auth, no limit, updates deferred', 'lean', from, folder),
  ];
  const [floor = 1, mobius = 1, ...peers] = await measureAll(places);
  const row = startTable([
    `verified in a second, ${clients} clients`,
    'HTTP',
    'of the floor',
    'in process',
    'must reach',
  ]);
  for (const [at, count] of [floor, mobius, ...peers].entries()) {
    const { name = '', inProcess } = places[at] ?? {};
    const reached = at < 2 ? '' : `${(mobius / count).toFixed(1)} times slower: ${atLeast(mobius / count, target)}`;
    row([name, whole(count), (count / floor).toFixed(3), inProcess === undefined ? '' : whole(inProcess), reached]);
  }
} finally {
  for (const child of children) if (child.connected) child.disconnect();
  bare.stop();
  await serving.stop();
  rmSync(folder, { recursive: true, force: true });
}
