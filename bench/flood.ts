import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openVault } from '../src/vault/open.ts';
import { type Entry, open, type Stored } from '../test/core/chain.ts';
import { world } from '../test/faults/world.ts';
import { addressAt, flood, malformedKey, type Shown, unknownKey } from '../test/http/flooding.ts';
import { clientsOf } from './load.ts';
import { removeHomes } from './process.ts';
import { newVault, startNode } from './serving.ts';
import { quantile, startTable } from './table.ts';

/**
 * What a flood of credentials that are none leaves in the audit log of one server, and by how much it slows whoever has a
 * good one, who verifies and reads in turn over a connection of their own: `tsx bench/flood.ts [malformed] [well-formed]`.
 */
const quietMs = 2_000;

interface Flood {
  name: string;
  count: number;
  shown: (n: number) => Shown;
  /** Whether the audit log tells of this one. */
  isIn?: (entry: Entry) => boolean;
}

const one = '203.0.113.7';

const floodsOf = (malformed: number, unknown: number): readonly Flood[] => [
  { name: 'malformed, many places', count: malformed, shown: (n) => ({ key: malformedKey(), address: addressAt(n) }) },
  {
    name: 'well-formed, one place',
    count: Math.floor(unknown / 2),
    shown: () => ({ key: unknownKey(), address: one }),
    isIn: ({ plain }) => plain.ip_address === one,
  },
  {
    name: 'well-formed, many places',
    count: Math.ceil(unknown / 2),
    shown: (n) => ({ key: unknownKey(), address: addressAt(n) }),
    isIn: ({ plain }) => plain.ip_address !== one,
  },
];

/** Whoever has a good key; in a process of their own, so that the flood's is not measured. */
const beClient = async (port: number, key: string): Promise<void> => {
  const { ask, end } = clientsOf([port], 1);
  let going = false;
  const work = async (): Promise<void> => {
    const times: number[] = [];
    for (let n = 0; going; n++) {
      const began = performance.now();
      if (n % 2 === 0) await ask('/api-keys/verify', { credential: key, body: { key } });
      else await ask('/principals/bench', { credential: key, method: 'GET' });
      times.push(performance.now() - began);
    }
    process.send?.(times);
  };
  process.on('message', (told: 'begin' | 'stop' | 'end') => {
    going = told === 'begin';
    if (going) void work();
    if (told !== 'end') return;
    end();
    process.disconnect();
  });
  process.send?.('ready');
};

const startClient = async (port: number, key: string) => {
  const child = fork(import.meta.filename, ['client', String(port), key]);
  await once(child, 'message');
  return {
    async during(work: () => Promise<unknown>): Promise<number[]> {
      child.send('begin');
      await work();
      const told = once(child, 'message');
      child.send('stop');
      const [times] = (await told) as [number[]];
      return times;
    },
    end: () => void child.send('end'),
  };
};

const slower = (flooded: readonly number[], quiet: readonly number[], part: number): string => {
  const [slow, usual] = [quantile(flooded, part), quantile(quiet, part)];
  return `${slow.toFixed(1)} / ${usual.toFixed(1)} ms (${(slow / usual).toFixed(1)})`;
};

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const entriesOf = async (path: string, keyFile: string): Promise<Entry[]> => {
  const vault = await openVault(world, { path, keys: { keyFile, defaultKeyFile: () => keyFile } });
  const rows = (await vault.db.all('select * from audit_log order by seq')) as unknown as Stored[];
  const entries = rows.map((row) => ({ ...row, plain: open(vault, row) }));
  await vault.db.close();
  return entries;
};

const main = async (malformed: number, unknown: number): Promise<void> => {
  const { env, key } = newVault();
  const home = env.HOME ?? '';
  const path = join(home, '.local', 'share', 'mobius', 'vault.db');
  const keys = join(home, '.config', 'mobius', 'keys');
  const keyFile = join(keys, readdirSync(keys)[0] ?? '');
  const node = await startNode(env, 'error', '--behind-proxy');
  const client = await startClient(node.port, key);
  const begun = await entriesOf(path, keyFile);
  const size = statSync(path).size;
  const quiet = (): Promise<number[]> => client.during(() => pause(quietMs));
  await quiet();
  const found: { flood: Flood; seconds: number; during: number[]; beside: number[] }[] = [];
  for (const flooding of floodsOf(malformed, unknown)) {
    const before = await quiet();
    const began = performance.now();
    const during = await client.during(() => flood(node.port, flooding.count, flooding.shown));
    const seconds = (performance.now() - began) / 1000;
    found.push({ flood: flooding, seconds, during, beside: [...before, ...(await quiet())] });
  }
  client.end();
  await node.stop();
  const entries = (await entriesOf(path, keyFile)).slice(begun.length);
  const columns = ['requests', 'in a second', 'rows', 'refusals in them', 'minutes', 'median with / without', 'p99'];
  const row = startTable(['flood', ...columns]);
  for (const {
    flood: { name, count, isIn = () => false },
    seconds,
    during,
    beside,
  } of found) {
    const own = entries.filter(isIn);
    row([
      name,
      count,
      (count / seconds).toFixed(0),
      own.length,
      own.reduce((sum, { plain }) => sum + Number(plain.changes?.count), 0),
      new Set(own.map(({ plain }) => plain.changes?.minute)).size,
      slower(during, beside, 0.5),
      slower(during, beside, 0.99),
    ]);
  }
  const grown = ((statSync(path).size - size) / 1024).toFixed(0);
  process.stdout.write(`${entries.length} rows in all; the file grew by ${grown} KiB\n`);
};

const [first = '1000000', second = '100000', third = ''] = process.argv.slice(2);
if (process.send !== undefined) await beClient(Number(second), third);
else {
  try {
    await main(Number(first), Number(second));
  } finally {
    removeHomes();
  }
}
