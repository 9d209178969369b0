import { join } from 'node:path';
import { clientsOf } from './load.ts';
import { removeHomes } from './process.ts';
import { newVault, startNode } from './serving.ts';
import { startTable, timed, whole } from './table.ts';

/**
 * Verifies one key again and again over connections that are kept, against a server in a process of its own, and tells
 * how its memory grows: as it is, then what is left of its heap after all garbage is collected. `tsx bench/soak.ts [requests]`.
 */
const total = Number(process.argv[2] ?? 1_000_000);
const connections = 16;
const warmUp = Math.min(100_000, Math.floor(total / 5));
const samples = 20;

const { env, key } = newVault();
const collecting = `--require ${join(import.meta.dirname, 'collect.cjs')}`;
const node = await startNode({ ...env, NODE_OPTIONS: collecting });
const clients = clientsOf([node.port], connections);

const several = async (count: number): Promise<void> => {
  let left = count;
  const client = async (): Promise<void> => {
    while (left-- > 0) await clients.ask('/api-keys/verify', { credential: key, body: { key } });
  };
  await Promise.all(Array.from({ length: connections }, client));
};

interface Point {
  x: number;
  y: number;
}

/** The slope of the straight line that is nearest to the points, and how far it may be off by chance: twice its standard error. */
const slopeOf = (points: readonly Point[]): { slope: number; chance: number } => {
  const mean = (of: (point: Point) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
  const spread = mean((point) => (point.x - x) ** 2);
  const slope = mean((point) => (point.x - x) * (point.y - y)) / spread;
  const rest = mean((point) => (point.y - y - slope * (point.x - x)) ** 2);
  return { slope, chance: 2 * Math.sqrt(rest / spread / (points.length - 2)) };
};

const row = startTable([
  '',
  'verified in a second',
  'at the beginning',
  'at the end',
  'slope in each 100,000',
  'a slope?',
]);
const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const kilobytes = (bytes: number): string => `${(bytes / 2 ** 10).toFixed(1)} KiB`;

const watch = async (name: string, memory: () => Promise<number>): Promise<void> => {
  const points: Point[] = [{ x: 0, y: await memory() }];
  const step = Math.ceil(total / samples);
  let ms = 0;
  for (let nth = 1; nth <= samples; nth++) {
    ms += await timed(() => several(step));
    points.push({ x: nth * step, y: await memory() });
  }
  const perSecond = (step * samples * 1000) / ms;
  const { slope, chance } = slopeOf(points);
  row([
    name,
    whole(perSecond),
    megabytes(points[0]?.y ?? 0),
    megabytes(points.at(-1)?.y ?? 0),
    `${kilobytes(slope * 100_000)} ± ${kilobytes(chance * 100_000)}`,
    Math.abs(slope) <= chance ? 'none that can be told from chance' : 'yes',
  ]);
};

await several(warmUp);
await watch('resident, as it is', () => node.resident());
await watch('what lives', () => node.living());

clients.end();
const code = await node.stop();
removeHomes();
process.stdout.write(`\nIt ended with ${code}.\n`);
