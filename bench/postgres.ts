import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import pg from 'pg';
import { freePort, postgresPrograms, startPostgres } from '../test/store/postgres.ts';
import { newHome, program, removeHomes } from './process.ts';

/**
 * How many requests a second one server and two answer over a file and over a database server that syncs, beside what
 * that server does by itself, and how long the processor works for each in all servers of ours; on a busy machine that
 * says more than the count: `tsx bench/postgres.ts [seconds of each]`.
 */
const seconds = Number(process.argv[2] ?? 2);
const clients = 16;
const tokens = 200;

type Once = (client: number) => Promise<unknown>;

const perSecond = async (work: Once, during = seconds): Promise<number> => {
  const end = performance.now() + during * 1000;
  let done = 0;
  const client = async (_: unknown, n: number): Promise<void> => {
    for (; performance.now() < end; done++) await work(n);
  };
  await Promise.all(Array.from({ length: clients }, client));
  return done / during;
};

const measured = async (work: Once): Promise<number> => {
  await perSecond(work, seconds / 4);
  return perSecond(work);
};

const asking = (ports: readonly number[], key: string) => {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const ask = (n: number, path: string, sent: object): Promise<string> =>
    new Promise((done, failed) => {
      const body = JSON.stringify(sent);
      const headers = {
        Authorization: `Bearer ${key}`,
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
      };
      const port = ports[n % ports.length];
      const at = { port, host: '127.0.0.1', path: `/v1/projects/default${path}`, method: 'POST', agent, headers };
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
  return { ask, end: () => agent.destroy() };
};

interface Measured {
  count: number;
  /** Of the processor for one of them. */
  ms: number;
}

/** What the processor has worked for all of them so far, in milliseconds, as they tell themselves. */
const workedBy = async (ports: readonly number[]): Promise<number> => {
  let sum = 0;
  for (const port of ports) {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    sum += Number(/^process_cpu_seconds_total (\S+)$/m.exec(text)?.[1]) * 1000;
  }
  return sum;
};

const columns = ['api-keys.verify', 'tokens.verify, one', `tokens.verify, ${tokens}`, 'api-keys.create'] as const;

const measureNodes = async (ports: readonly number[], key: string): Promise<Measured[]> => {
  const { ask, end } = asking(ports, key);
  const mint = async (count: number): Promise<string[]> => {
    const { items } = JSON.parse(await ask(0, '/tokens', { count, request_limit: 1_000_000 })) as {
      items: { token: string }[];
    };
    return items.map(({ token }) => token);
  };
  const [one] = await mint(1);
  const many: string[] = [];
  while (many.length < tokens) many.push(...(await mint(25)));
  let count = 0;
  const steps: readonly Once[] = [
    (n) => ask(n, '/api-keys/verify', { key }),
    (n) => ask(n, '/tokens/verify', { token: one }),
    (n) => ask(n, '/tokens/verify', { token: many[count++ % many.length] }),
    (n) => ask(n, '/api-keys', { name: `${process.pid} ${ports.length} ${count++}`, principal_id: 'bench' }),
  ];
  const found: Measured[] = [];
  for (const step of steps) {
    await perSecond(step, seconds / 4);
    const before = await workedBy(ports);
    const count = await perSecond(step);
    found.push({ count, ms: ((await workedBy(ports)) - before) / (count * seconds) });
  }
  end();
  return found;
};

/** The built program in processes of their own, over one vault; a file in their home, or where the address leads to. */
const withNodes = async <T>(address: string | undefined, work: (ports: number[][], key: string) => Promise<T>) => {
  const env = {
    PATH: process.env.PATH,
    HOME: newHome(),
    ...(address === undefined ? {} : { MOBIUS_VAULT: address }),
  };
  const mobius = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { env, encoding: 'utf8' });
    if (status !== 0) throw new Error(`mobius ${args.join(' ')} ended with ${status}: ${stderr}`);
    return stdout;
  };
  mobius('vault', 'init');
  const { key } = JSON.parse(mobius('principals', 'create', 'bench', '--role', 'Owner', '--with-key', '-o', 'json'));
  const nodes: { child: ReturnType<typeof spawn>; port: number }[] = [];
  const start = async (): Promise<void> => {
    const port = await freePort();
    const line = [program, 'serve', '--listen', `127.0.0.1:${port}`, '--log', 'error'];
    const child = spawn(process.execPath, line, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    nodes.push({ child, port });
    for (let tries = 0; ; tries++) {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
      if (answer?.ok === true) return;
      if (child.exitCode !== null || tries > 200) throw new Error('it does not serve');
      await new Promise((done) => setTimeout(done, 50));
    }
  };
  try {
    await start();
    await start();
    const ports = nodes.map(({ port }) => port);
    return await work([ports.slice(0, 1), ports], key);
  } finally {
    for (const { child } of nodes) {
      const closed = once(child, 'close');
      if (child.exitCode === null && child.kill('SIGTERM')) await closed;
    }
  }
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

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
const tell = (name: string, found: readonly Measured[]): void =>
  void process.stdout.write(row([name, ...found.map(({ count, ms }) => `${count.toFixed(0)} (${ms.toFixed(2)} ms)`)]));

const programs = postgresPrograms();
if (programs === undefined) throw new Error('no PostgreSQL: install it');
const server = await startPostgres(programs, ['max_connections=100']);
try {
  process.stdout.write(row([`in a second, ${clients} clients`, ...columns]) + row(['-', ...columns.map(() => '-:')]));
  for (const [name, address] of [
    ['a file', undefined],
    ['PostgreSQL', await server.newDatabase()],
  ] as const) {
    await withNodes(address, async (sets, key) => {
      for (const ports of sets) {
        tell(`${name}, ${ports.length} server${ports.length === 1 ? '' : 's'}`, await measureNodes(ports, key));
      }
    });
  }
  const [ask = 0, put = 0] = await measureBare(await server.newDatabase());
  process.stdout.write(`PostgreSQL alone: select 1 ${ask.toFixed(0)}, insert and commit ${put.toFixed(0)}\n`);
} finally {
  await server.stop();
  removeHomes();
}
