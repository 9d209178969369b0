import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServing } from './serving.ts';

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
const agent = new Agent({ keepAlive: true, maxSockets: many });

const ask = (method: string, path: string, credential: string, sent?: object): Promise<string> =>
  new Promise((done, failed) => {
    const body = sent === undefined ? '' : JSON.stringify(sent);
    const headers = {
      Authorization: `Bearer ${credential}`,
      ...(sent && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }),
    };
    const at = { port: serving.port, host: '127.0.0.1', path: `/v1/projects/default${path}`, method, agent, headers };
    request(at, (response) => {
      const parts: string[] = [];
      response.setEncoding('utf8').on('data', (part: string) => parts.push(part));
      response.on('end', () => {
        const text = parts.join('');
        if ((response.statusCode ?? 500) < 300) done(text);
        else failed(new Error(`${response.statusCode}: ${text}`));
      });
    })
      .on('error', failed)
      .end(body);
  });

const perSecond = async (clients: number, once: () => Promise<unknown>): Promise<number> => {
  const end = performance.now() + seconds * 1000;
  let done = 0;
  const client = async (): Promise<void> => {
    for (; performance.now() < end; done++) await once();
  };
  await Promise.all(Array.from({ length: clients }, client));
  return done / seconds;
};

const { key } = serving;
const minted = JSON.parse(await ask('POST', '/tokens', key, { request_limit: 1_000_000 })) as {
  items: [{ token: string }];
};
const [{ token }] = minted.items;

const rows: readonly [name: string, once: () => Promise<unknown>][] = [
  ['verify a key, nothing counted', () => ask('POST', '/api-keys/verify', key, { key })],
  ['verify a token', () => ask('POST', '/tokens/verify', key, { token })],
  ['read with a key, nothing counted', () => ask('GET', '/principals', key)],
  ['read with a token', () => ask('GET', '/principals', token)],
];
process.stdout.write(`| in a second | one client | ${many} clients | of the processor each |\n| - | -: | -: | -: |\n`);
for (const [name, once] of rows) {
  await perSecond(many, once);
  const one = await perSecond(1, once);
  const before = await serving.worked();
  const crowd = await perSecond(many, once);
  const ms = (((await serving.worked()) - before) / (crowd * seconds)) * 1000;
  process.stdout.write(`| ${name} | ${one.toFixed(0)} | ${crowd.toFixed(0)} | ${ms.toFixed(2)} ms |\n`);
}
process.stdout.write(`| 4 KiB written and synced | ${syncsPerSecond().toFixed(0)} | | |\n`);
agent.destroy();
await serving.stop();
