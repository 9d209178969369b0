import { createHash } from 'node:crypto';
import pg from 'pg';
import { postgresPrograms, startPostgres } from '../test/store/postgres.ts';
import { clientsOf, timed } from './load.ts';
import { removeHomes } from './process.ts';
import { newVault, startBare, startNode } from './serving.ts';
import { atLeast, median, quantile, startTable, whole } from './table.ts';

/**
 * Keys verified over PostgreSQL through one server and through two, beside a server that looks up what the body names with
 * one prepared statement: `npm run build && tsx bench/nodes.ts [seconds of each [rounds]]`.
 */
const [seconds = 2, rounds = 5] = process.argv.slice(2).map(Number);
const connections = 32;
const rows = 100_000;

const fillBare = async (address: string, key: string): Promise<void> => {
  const client = new pg.Client({ connectionString: address });
  await client.connect();
  await client.query('create table bare (key_hash bytea primary key, sealed bytea not null)');
  await client.query(
    `insert into bare select sha256(int8send(i)), decode(repeat(md5(i::text), 8), 'hex') from generate_series(1, ${rows}) i`,
  );
  const hash = createHash('sha256').update(key).digest();
  await client.query('insert into bare values ($1, $2)', [hash, Buffer.alloc(128, 7)]);
  await client.query('analyze bare');
  await client.end();
};

const programs = postgresPrograms();
if (programs === undefined) throw new Error('this machine has no PostgreSQL');
const server = await startPostgres(programs, ['max_connections=100']);
const ends: (() => unknown)[] = [];
try {
  const { env, key } = newVault(await server.newDatabase());
  const address = await server.newDatabase();
  await fillBare(address, key);
  const bare = await startBare(address);
  const nodes = [await startNode(env), await startNode(env)];
  ends.push(bare.stop, ...nodes.map(({ stop }) => stop));
  const places = [
    { name: 'one prepared look-up', ports: [bare.port] },
    { name: 'one server', ports: nodes.slice(0, 1).map(({ port }) => port) },
    { name: 'two servers', ports: nodes.map(({ port }) => port) },
  ].map((place) => ({ ...place, ...clientsOf(place.ports, connections) }));
  ends.unshift(...places.map(({ end }) => end));

  const found = places.map((): { perSecond: number; p99: number }[] => []);
  for (let round = -1; round < rounds; round++) {
    for (const [at, { ask }] of places.entries()) {
      const { perSecond, times } = await timed(connections, seconds, (client) =>
        ask('/api-keys/verify', { credential: key, body: { key }, client }),
      );
      if (round >= 0) found[at]?.push({ perSecond, p99: quantile(times, 0.99) });
    }
  }
  const middle = (at: number): number => median((found[at] ?? []).map(({ perSecond }) => perSecond));
  const row = startTable([`verify a key, ${connections} connections`, 'in a second', 'ratio', 'target', 'p99']);
  const ratios = ['', middle(1) / middle(0), middle(2) / middle(1)] as const;
  const targets = ['', atLeast(ratios[1], 0.5), `of one: ${atLeast(ratios[2], 0.9)}`];
  for (const [at, { name }] of places.entries()) {
    const p99 = median((found[at] ?? []).map((one) => one.p99));
    const ratio = ratios[at] ?? '';
    row([name, whole(middle(at)), ratio === '' ? '' : ratio.toFixed(2), targets[at] ?? '', `${p99.toFixed(2)} ms`]);
  }
} finally {
  for (const end of ends) await end();
  await server.stop();
  removeHomes();
}
