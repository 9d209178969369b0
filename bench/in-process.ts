import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCommits } from './commits.ts';
import { openFilled, placeIn } from './filling.ts';
import { timed } from './load.ts';
import { atLeast, median, startTable, whole } from './table.ts';

/**
 * Keys and tokens verified by the core alone, in this process, beside what Node does of an Ed25519 signature and SQLite of
 * a commit; `core.ts` compiles and runs it.
 */
const [seconds = 2, rounds = 5] = process.argv.slice(2).map(Number);
const many = 64;

const folder = mkdtempSync(join(tmpdir(), 'mobius-bench-'));
const served = await openFilled(placeIn(folder));
const call = served.core.as({ kind: 'owner' });
await call('principals.create', { name: 'bench', role_ids: ['Owner'] });
const { key } = await call('api-keys.create', { name: 'bench', principal_id: 'bench' });
const bearer = served.core.as({ kind: 'bearer', text: key });

const mint = async (count: number): Promise<string[]> => {
  const tokens: string[] = [];
  while (tokens.length < count) {
    const { items } = await bearer('tokens.create', { count: Math.min(25, count - tokens.length), request_limit: 1e6 });
    tokens.push(...items.map(({ token }) => token));
  }
  return tokens;
};

const commits = openCommits();
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const message = Buffer.alloc(400, 7);
const signature = sign(null, message, privateKey);

const inTime = (work: () => unknown): number => {
  const end = performance.now() + seconds * 1000;
  let done = 0;
  for (; performance.now() < end; done++) work();
  return done / seconds;
};

const perSecond = async (callers: number, once: () => Promise<unknown>): Promise<number> =>
  (await timed(callers, seconds, once)).perSecond;

/** As fast as they go until none is left that wasn't seen. */
const firstSights = async (): Promise<number> => {
  const tokens = await mint(Math.ceil(4_000 * seconds));
  const began = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: many }, async () => {
      for (let token = tokens[next++]; token !== undefined; token = tokens[next++])
        await call('tokens.verify', { token });
    }),
  );
  return (tokens.length * 1000) / (performance.now() - began);
};

const [token = ''] = await mint(1);
const steps = {
  ed25519: async () => inTime(() => verify(null, message, publicKey, signature)),
  commit: async () => commits.perSecond(seconds),
  one: () => perSecond(1, () => call('api-keys.verify', { key })),
  bearer: () => perSecond(1, () => bearer('api-keys.verify', { key })),
  first: firstSights,
  again: () => perSecond(many, () => call('tokens.verify', { token })),
  inTurn: () => perSecond(1, () => call('tokens.verify', { token })),
} as const;
type Step = keyof typeof steps;
const names = Object.keys(steps) as Step[];
const found = Object.fromEntries(names.map((name): [Step, number[]] => [name, []])) as Record<Step, number[]>;
for (let round = 0; round < rounds; round++) for (const name of names) found[name].push(await steps[name]());
const of = (name: Step): number => median(found[name]);

const row = startTable(['in this process', 'in a second', 'ratio', 'target']);
row(['Ed25519, by Node', whole(of('ed25519')), '', '']);
row(['SQLite commits, synced, one by one', whole(of('commit')), '', '']);
row(['verify a key, by the owner', whole(of('one')), '', atLeast(of('one'), 60_000)]);
row(['verify a key, with a key', whole(of('bearer')), '', '']);
const first = of('first') / of('ed25519');
row([`verify a token for the first time, ${many} at once`, whole(of('first')), first.toFixed(2), atLeast(first, 0.85)]);
row([`verify a token again, ${many} at once`, whole(of('again')), '', atLeast(of('again'), 30_000)]);
const inTurn = of('inTurn') / of('commit');
row(['verify a token again, one by one', whole(of('inTurn')), inTurn.toFixed(2), atLeast(inTurn, 0.8)]);

commits.close();
await served.close();
rmSync(folder, { recursive: true });
