import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientsOf, perSecond } from './load.ts';
import { startServing } from './serving.ts';
import { startTable, whole } from './table.ts';

/**
 * How many requests a second one server counts on a token, beside those that it need not count, and beside what the disk
 * syncs; on a busy machine the time of the processor says more than the count: `tsx bench/verifies.ts [seconds of each]`.
 */
const seconds = Number(process.argv[2] ?? 5);
const many = 16;

/** One page at a time, as the log of a database is written. */
const syncsPerSecond = (): number => {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-bench-'));
  const file = openSync(join(folder, 'log'), 'w');
  const page = new Uint8Array(4_096);
  const end = performance.now() + seconds * 1000;
  let done = 0;
  for (; performance.now() < end; done++) {
    writeSync(file, page);
    fsyncSync(file);
  }
  closeSync(file);
  rmSync(folder, { recursive: true });
  return done / seconds;
};

const serving = await startServing();
const { ask, end } = clientsOf([serving.port], many);

const { key } = serving;
const minted = JSON.parse(await ask('/tokens', { credential: key, body: { request_limit: 1_000_000 } })) as {
  items: [{ token: string }];
};
const [{ token }] = minted.items;

const rows: readonly [name: string, once: () => Promise<unknown>][] = [
  ['verify a key, nothing counted', () => ask('/api-keys/verify', { credential: key, body: { key } })],
  ['verify a token', () => ask('/tokens/verify', { credential: key, body: { token } })],
  ['read with a key, nothing counted', () => ask('/principals', { credential: key, method: 'GET' })],
  ['read with a token', () => ask('/principals', { credential: token, method: 'GET' })],
];
const row = startTable(['in a second', 'one client', `${many} clients`, 'of the processor each']);
for (const [name, once] of rows) {
  await perSecond(many, seconds, once);
  const one = await perSecond(1, seconds, once);
  const before = await serving.worked();
  const crowd = await perSecond(many, seconds, once);
  const ms = (((await serving.worked()) - before) / (crowd * seconds)) * 1000;
  row([name, whole(one), whole(crowd), `${ms.toFixed(2)} ms`]);
}
row(['4 KiB written and synced', whole(syncsPerSecond()), '', '']);
end();
await serving.stop();
