import pg from 'pg';
import { postgresPrograms, startPostgres } from '../test/store/postgres.ts';
import { clientsOf, perSecond } from './load.ts';
import { removeHomes } from './process.ts';
import { type Node, newVault, startNode } from './serving.ts';
import { startTable, whole } from './table.ts';

/**
 * How many requests a second one server and two answer over a file and over a database server that syncs, beside what
 * that server does by itself, and how long the processor works for each in all servers of ours; on a busy machine that
 * says more than the count: `tsx bench/postgres.ts [seconds of each]`.
 */
const seconds = Number(process.argv[2] ?? 2);
const clients = 16;
const tokens = 200;

type Once = (client: number) => Promise<unknown>;

const measured = async (once: Once): Promise<number> => {
  await perSecond(clients, seconds / 4, once);
  return perSecond(clients, seconds, once);
};

interface Measured {
  count: number;
  /** Of the processor for one of them. */
  ms: number;
}

/** What the processor has worked for all of them so far, in milliseconds. */
const workedBy = async (nodes: readonly Node[]): Promise<number> => {
  let seconds = 0;
  for (const { worked } of nodes) seconds += await worked();
  return seconds * 1000;
};

const columns = ['api-keys.verify', 'tokens.verify, one', `tokens.verify, ${tokens}`, 'api-keys.create'] as const;

const measureNodes = async (nodes: readonly Node[], credential: string): Promise<Measured[]> => {
  const { ask, end } = clientsOf(
    nodes.map(({ port }) => port),
    clients,
  );
  const post = (path: string, body: object, client = 0): Promise<string> => ask(path, { credential, body, client });
  const mint = async (count: number): Promise<string[]> => {
    const { items } = JSON.parse(await post('/tokens', { count, request_limit: 1_000_000 })) as {
      items: { token: string }[];
    };
    return items.map(({ token }) => token);
  };
  const [one] = await mint(1);
  const many: string[] = [];
  while (many.length < tokens) many.push(...(await mint(25)));
  let count = 0;
  const steps: readonly Once[] = [
    (n) => post('/api-keys/verify', { key: credential }, n),
    (n) => post('/tokens/verify', { token: one }, n),
    (n) => post('/tokens/verify', { token: many[count++ % many.length] }, n),
    (n) => post('/api-keys', { name: `${process.pid} ${nodes.length} ${count++}`, principal_id: 'bench' }, n),
  ];
  const found: Measured[] = [];
  for (const step of steps) {
    await perSecond(clients, seconds / 4, step);
    const before = await workedBy(nodes);
    const count = await perSecond(clients, seconds, step);
    found.push({ count, ms: ((await workedBy(nodes)) - before) / (count * seconds) });
  }
  end();
  return found;
};

/** What the database server does for as many clients with nothing in between. */
const measureBare = async (address: string): Promise<number[]> => {
  const pool = await Promise.all(
    Array.from({ length: clients }, async () => {
      const client = new pg.Client({ connectionString: address });
      await client.connect();
      return client;
    }),
  );
  await pool[0]?.query('create table bare (id bigserial primary key, sealed bytea not null)');
  const sealed = Buffer.alloc(300, 7);
  const found = [
    await measured((n) => pool[n]?.query({ name: 'one', text: 'select 1' }) as Promise<unknown>),
    await measured(
      (n) =>
        pool[n]?.query({
          name: 'put',
          text: 'insert into bare (sealed) values ($1)',
          values: [sealed],
        }) as Promise<unknown>,
    ),
  ];
  await Promise.all(pool.map((client) => client.end()));
  return found;
};

const programs = postgresPrograms();
if (programs === undefined) throw new Error('this machine has no PostgreSQL');
const server = await startPostgres(programs, ['max_connections=100']);
try {
  const row = startTable([`in a second, ${clients} clients`, ...columns]);
  for (const [place, address] of [
    ['a file', undefined],
    ['PostgreSQL', await server.newDatabase()],
  ] as const) {
    const { env, key } = newVault(address);
    const nodes: Node[] = [];
    try {
      for (const name of [`${place}, 1 server`, `${place}, 2 servers`]) {
        nodes.push(await startNode(env));
        const found = await measureNodes(nodes, key);
        row([name, ...found.map(({ count, ms }) => `${whole(count)} (${ms.toFixed(2)} ms)`)]);
      }
    } finally {
      for (const { stop } of nodes) await stop();
    }
  }
  const [ask = 0, put = 0] = await measureBare(await server.newDatabase());
  process.stdout.write(`PostgreSQL alone: select 1 ${ask.toFixed(0)}, insert and commit ${put.toFixed(0)}\n`);
} finally {
  await server.stop();
  removeHomes();
}
