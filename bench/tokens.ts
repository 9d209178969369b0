import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocal, openServed, type Served } from '../src/calls/local.ts';
import { uuidText } from '../src/core/ids.ts';
import { cursorAt } from '../src/core/paging.ts';
import type { Call } from '../src/operations.ts';
import { insert, prune } from '../src/store/tokens.ts';
import { uuidSource } from '../src/uuid.ts';
import type { Place, World } from '../src/vault/open.ts';
import { inTurn, median, startTable, timed, whole } from './table.ts';

/**
 * What a token costs in a project that has none, and in one that is full of them: `tsx bench/tokens.ts [10000,1000000]`.
 * The tokens are put in through the store, a hundred thousand in about half a minute.
 */
const sizes = [0, ...(process.argv[2] ?? '10000,1000000').split(',').map(Number)];
const expired = 100_000;
const runs = 15;
const makers = 10;
const hourMs = 3_600_000;

const root = mkdtempSync(join(tmpdir(), 'mobius-bench-'));
const world: World = {
  now: () => Date.now(),
  newUuid: uuidSource(Date.now, (bytes) => crypto.getRandomValues(bytes)),
};

interface Full {
  size: number;
  served: Served;
  call: Call;
  maker: { id: string; principal_id: string };
  token: string;
  /** Where the second half of the list begins. */
  cursor: string | undefined;
}

interface Maker {
  id: string;
  principal_id: string;
}

const tell = (text: string): void => void process.stderr.write(`${text}\n`);

/** Big transactions, for what is measured comes afterwards. */
const fill = async (
  { vault }: Served,
  from: readonly Maker[],
  count: number,
  endOf: (now: number) => number,
): Promise<void> => {
  const { db, sealer } = vault;
  const project = await db.get<{ id: string }>('select id from projects', []);
  const plain = { permissions: ['mobius.work.execute'], owner: 'worker', made_by: 'worker' };
  const atOnce = 20_000;
  for (let done = 0; done < count; done += atOnce) {
    await db.tx('write', async (tx) => {
      for (let i = done; i < Math.min(count, done + atOnce); i++) {
        const maker = from[i % from.length];
        const now = Date.now();
        const clear = {
          project_id: project?.id ?? '',
          principal_id: maker?.principal_id ?? null,
          key_id: maker?.id ?? null,
          session_id: null,
          project_generation: 0,
          principal_generation: 0,
          request_limit: 5_000,
          expires_at: endOf(now),
          revoked_at: null,
          created_at: now,
        };
        await insert({ db: tx, sealer }, uuidText(world.newUuid()), clear, plain, { used: 0, last_used_at: null });
      }
    });
    if (done % 100_000 === 0 && done > 0) tell(`${done} of ${count}`);
  }
};

const cursorIn = async ({ vault }: Served, size: number): Promise<string | undefined> => {
  const sql = 'select id, expires_at from tokens order by expires_at, id limit 1 offset $1';
  const row = await vault.db.get<{ id: string; expires_at: number }>(sql, [Math.floor(size / 2)]);
  return row && cursorAt([row, row], 1, ({ id, expires_at }) => `${expires_at}.${id}`).next_cursor;
};

const makeFull = async (size: number): Promise<Full> => {
  const folder = join(root, String(size));
  const place: Place = { path: join(folder, 'vault.db'), keys: { defaultKeyFile: () => join(folder, 'key') } };
  await createLocal(world, place);
  const served = await openServed(world, place);
  const owner = served.core.as({ kind: 'owner' });
  const from: (Maker & { key: string })[] = [];
  for (let i = 0; i < makers; i++) {
    const { id } = await owner('principals.create', { name: `worker-${i}`, role_ids: ['Operator'] });
    from.push({ ...(await owner('api-keys.create', { name: `key-${i}`, principal_id: id })), principal_id: id });
  }
  await fill(served, from, size, (now) => now + hourMs + Math.floor(Math.random() * 22 * hourMs));
  const [maker] = from;
  if (maker === undefined) throw new Error('nobody could make a token');
  const call = served.core.as({ kind: 'bearer', text: maker.key });
  const { items } = await call('tokens.create', { request_limit: 1_000_000 });
  return { size, served, call, maker, token: items[0]?.token ?? '', cursor: await cursorIn(served, size) };
};

type Step = [name: string, run: (full: Full) => Promise<unknown>];

const steps: readonly Step[] = [
  ['mint one', ({ call }) => call('tokens.create', {})],
  ['mint 25', ({ call }) => call('tokens.create', { count: 25 })],
  ['verify', ({ call, token }) => call('tokens.verify', { token })],
  ['list, first page', ({ call }) => call('tokens.list', {})],
  ['list, from the middle', ({ call, cursor }) => call('tokens.list', cursor === undefined ? {} : { cursor })],
  ['list, of one key', ({ call, maker }) => call('tokens.list', { key_id: maker.id })],
  ['list, of one principal', ({ call, maker }) => call('tokens.list', { principal_id: maker.principal_id })],
  ['list, ended ones too', ({ call }) => call('tokens.list', { include_ended: true })],
];

/** What changes the answers of all others comes last, and the pages that nobody is on any more. */
const ends: readonly Step[] = [
  ['revoke --all of a tenth', ({ call, maker }) => call('tokens.revoke-all', { principal_id: maker.principal_id })],
  ['then list, of that tenth', ({ call, maker }) => call('tokens.list', { principal_id: maker.principal_id })],
  ['revoke --all', ({ call }) => call('tokens.revoke-all', {})],
  ['then list, first page', ({ call }) => call('tokens.list', {})],
];

const print = (
  row: (cells: readonly string[]) => void,
  name: string,
  [least = 1, ...others]: readonly number[],
): void => {
  const ratios = others.map((ms) => `${ms.toFixed(1)} ms (${(ms / least).toFixed(2)})`);
  row([name, `${least.toFixed(1)} ms`, ...ratios]);
};

const pruned = async ({ served, size, maker }: Full): Promise<void> => {
  await fill(served, [maker], expired, (now) => now - 2 * hourMs);
  const { db, sealer } = served.vault;
  const batches: number[] = [];
  for (let count = 1; count > 0; ) {
    const ms = await timed(async () => {
      count = await db.tx('write', (tx) => prune({ db: tx, sealer }, Date.now(), 500));
    });
    if (count > 0) batches.push(ms);
  }
  const seconds = batches.reduce((sum, ms) => sum + ms, 0) / 1000;
  process.stdout.write(
    `${expired} expired ones beside ${size} were removed in ${batches.length} batches, ${seconds.toFixed(1)} s in all; ` +
      `the median batch took ${median(batches).toFixed(1)} ms, the longest ${Math.max(...batches).toFixed(1)} ms\n`,
  );
};

try {
  const fulls: Full[] = [];
  for (const size of sizes) {
    tell(`filling with ${size}`);
    fulls.push(await makeFull(size));
  }
  const row = startTable(['live tokens', ...sizes.map(whole)]);
  for (const [name, run] of steps) print(row, name, await inTurn(fulls, run, { rounds: runs }));
  for (const full of fulls) await pruned(full);
  for (const [name, run] of ends) print(row, name, await inTurn(fulls, run, { rounds: 3 }));
  for (const { served } of fulls) await served.close();
} finally {
  rmSync(root, { recursive: true, force: true });
}
