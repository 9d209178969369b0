import { openCommits } from './commits.ts';
import { fillKeys, openFilled, placeIn } from './filling.ts';
import { clientsOf, timed } from './load.ts';
import { newHome, removeHomes } from './process.ts';
import { startBare, startNode } from './serving.ts';
import { atLeast, atMost, median, quantile, startTable, whole } from './table.ts';

/**
 * Keys verified through one server over a file that holds many, reads with a credential checked in front, and keys made;
 * beside a server that does nothing but parse such a body, and beside what SQLite commits by itself:
 * `npm run build && tsx bench/http.ts [seconds of each [keys [rounds]]]`.
 */
const [seconds = 2, count = 100_000, rounds = 5] = process.argv.slice(2).map(Number);
const connections = 32;

/** A vault with its keys, and two credentials that may do everything in its project. */
const fill = async (home: string) => {
  const place = placeIn(home);
  const served = await openFilled(place);
  const { raw } = await fillKeys(served, count);
  const owner = served.core.as({ kind: 'owner' });
  await owner('principals.create', { name: 'bench', role_ids: ['Owner'] });
  const { key } = await owner('api-keys.create', { name: 'bench', principal_id: 'bench' });
  await owner('secrets.create', { name: 'database', values: { password: 'plainly fake' } });
  const login = { email: 'bench@example.org', password: 'plainly a fake passphrase' };
  await owner('users.create', { ...login, administrator: true });
  const session = await served.core.as({ kind: 'nobody' })('auth.login', login);
  await served.close();
  return { place, raw, key, session: session.access_token };
};

const home = newHome();
const { place, raw, key, session } = await fill(home);
const bare = await startBare();
const env = { PATH: process.env.PATH, HOME: home, MOBIUS_VAULT: place.path, MOBIUS_VAULT_KEY_FILE: place.keyFile };
const node = await startNode(env, 'info');
const [toBare, toNode] = [clientsOf([bare.port], connections), clientsOf([node.port], connections)];
const commits = openCommits();

let next = 0;
const any = (): string => raw[Math.floor(Math.random() * raw.length)] ?? '';
const steps: readonly { name: string; once: () => Promise<unknown>; least?: number }[] = [
  {
    name: 'a server that parses the body',
    once: () => toBare.ask('/api-keys/verify', { credential: key, body: { key: any() } }),
  },
  {
    name: `verify a key, any of ${whole(raw.length)}`,
    once: () => toNode.ask('/api-keys/verify', { credential: key, body: { key: any() } }),
    least: 0.6,
  },
  {
    name: 'get a secret, with a key',
    once: () => toNode.ask('/secrets/database', { credential: key, method: 'GET' }),
    least: 0.35,
  },
  {
    name: 'get a secret, with a session',
    once: () => toNode.ask('/secrets/database', { credential: session, method: 'GET' }),
    least: 0.35,
  },
  {
    name: 'make a key',
    once: () => toNode.ask('/api-keys', { credential: key, body: { name: `made-${next++}`, principal_id: 'bench' } }),
  },
];

/** Of each step, by round. */
const found = steps.map((): { perSecond: number; p50: number; p99: number }[] => []);
const committed: number[] = [];
/** Each key once: what follows is a server that has seen its keys. */
let seen = 0;
const see = async (): Promise<void> => {
  for (let one = raw[seen++]; one !== undefined; one = raw[seen++]) {
    await toNode.ask('/api-keys/verify', { credential: key, body: { key: one } });
  }
};
await Promise.all(Array.from({ length: connections }, see));
for (const { once: warm } of steps) await timed(connections, seconds, warm);
for (let round = 0; round < rounds; round++) {
  for (const [at, { once: step }] of steps.entries()) {
    const { perSecond, times } = await timed(connections, seconds, step);
    found[at]?.push({ perSecond, p50: quantile(times, 0.5), p99: quantile(times, 0.99) });
  }
  committed.push(commits.perSecond(seconds));
}

const middle = (at: number, of: 'perSecond' | 'p50' | 'p99'): number => median((found[at] ?? []).map((one) => one[of]));
const row = startTable([`${connections} connections`, 'in a second', 'to the first', 'target', 'p50', 'p99', 'target']);
for (const [at, { name, least }] of steps.entries()) {
  const ratio = middle(at, 'perSecond') / middle(0, 'perSecond');
  const p99 = middle(at, 'p99') / middle(0, 'p99');
  row([
    name,
    whole(middle(at, 'perSecond')),
    ratio.toFixed(2),
    least === undefined ? '' : atLeast(ratio, least),
    `${middle(at, 'p50').toFixed(2)} ms`,
    `${middle(at, 'p99').toFixed(2)} ms`,
    at === 1 ? `${p99.toFixed(1)} times: ${atMost(p99, 3)}` : '',
  ]);
}
const made = middle(steps.length - 1, 'perSecond') / median(committed);
process.stdout.write(`\nSQLite commits ${whole(median(committed))} rows a second one by one, synced. `);
process.stdout.write(`Keys made through the server: ${made.toFixed(2)} of that: ${atLeast(made, 0.6)}\n`);
process.stdout.write(`Resident, at the end: ${((await node.resident()) / 2 ** 20).toFixed(0)} MiB\n`);

commits.close();
toBare.end();
toNode.end();
bare.stop();
await node.stop();
removeHomes();
