import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openLocal } from '../../src/calls/local.ts';
import { uuidSource } from '../../src/uuid.ts';

/**
 * A program that reads its key from a file and uses it, again and again, until it is told to end. Says how often it read,
 * how many keys it saw, and what it was refused or found to be no whole key.
 */
const [file = '', where = '', now = '0'] = process.argv.slice(2);

const clock = (): number => Number(now);

const openVault = async (path: string) => {
  const world = { now: clock, newUuid: uuidSource(clock, (bytes) => crypto.getRandomValues(bytes)) };
  const keys = { defaultKeyFile: (id: string) => `${process.env.HOME}/.config/mobius/keys/${id}.key` };
  const { call, close } = await openLocal(world, { path, keys }, { kind: 'owner' });
  return { accepts: async (key: string) => (await call('api-keys.verify', { key })).valid, close };
};

const openServer = async (url: string) => ({
  accepts: async (key: string) =>
    (await fetch(`${url}/v1/auth/whoami`, { headers: { authorization: `Bearer ${key}` } })).status === 200,
  close: async () => undefined,
});

const { accepts, close } = await (where.startsWith('http') ? openServer(where) : openVault(where));
let isOver = false;
process.on('message', () => {
  isOver = true;
});
process.send?.('ready');
let reads = 0;
const seen = new Set<string>();
const wrong: string[] = [];
while (!isOver) {
  const text = readFileSync(file, 'utf8');
  reads += 1;
  seen.add(text);
  if (!/^mbx_\w{49}\n$/.test(text)) wrong.push(`no whole key: ${text.length} characters`);
  else if (!(await accepts(text.trim()))) wrong.push(`refused: key ${seen.size}`);
  await sleep(1);
}
await close();
process.send?.({ reads, keys: seen.size, wrong });
process.disconnect();
