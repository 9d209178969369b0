import { createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Db, Query } from '../../src/store/db.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { freePort, type PostgresServer, postgresPrograms, startPostgres, until } from './postgres.ts';
import { type PostgresCluster, startCluster } from './postgres-cluster.ts';

const programs = postgresPrograms();

const opened = (url: string, connections = 4): Db => {
  const db = openPostgres(url, { connections });
  onTestFinished(() => db.close());
  return db;
};

/** A host that takes a connection and never says a word. */
const silentPort = async (): Promise<number> => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};

const portOf = async (db: Query): Promise<number | undefined> =>
  (await db.get<{ port: number }>("select current_setting('port')::bigint as port"))?.port;

const msOf = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await work();
  return performance.now() - began;
};

describe.runIf(programs !== undefined)('connections to a PostgreSQL server', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres(programs ?? '');
  });
  afterAll(() => server.stop());

  const urlOf = (hosts: readonly number[], settings = ''): string =>
    `postgres://mobius@${hosts.map((port) => `127.0.0.1:${port}`).join(',')}/postgres?${settings}`;

  test('a dead host is passed over', async () => {
    const dead = await freePort();
    expect(await portOf(opened(urlOf([dead, server.port])))).toBe(server.port);
  });

  test('a silent host is waited for once, and so long as was said', async () => {
    const db = opened(urlOf([await silentPort(), server.port], 'connect_timeout=1'));
    const first = await msOf(() => portOf(db));
    expect(first).toBeGreaterThan(900);
    expect(first).toBeLessThan(3_000);
    // More than the one that lies idle.
    const more = await msOf(() => Promise.all([1, 2, 3].map(() => db.tx('read', portOf))));
    expect(more).toBeLessThan(900);
  });

  test('where no host answers, the last is named, and no password', async () => {
    const [one, two] = [await freePort(), await freePort()];
    const db = opened(`postgres://mobius:hunter2@127.0.0.1:${one},127.0.0.1:${two}/postgres`);
    const refusal = await db.get('select 1').catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: 'service_unavailable',
      details: { reason: 'database' },
      message: `the database server "127.0.0.1:${two}" does not answer (ECONNREFUSED)`,
    });
  });

  test('a socket leads to the server', async () => {
    const db = opened(`postgres://mobius@/postgres?host=${server.folder}&port=${server.port}`);
    expect(await db.get("select coalesce(inet_client_addr()::text, 'none') as address")).toEqual({ address: 'none' });
    const none = opened('postgres://mobius@/postgres?host=/no/such/folder');
    await expect(none.get('select 1')).rejects.toMatchObject({
      message: 'the database server "/no/such/folder" does not answer (ENOENT)',
    });
  });

  test('a name of its own is told to the server', async () => {
    const named = async (settings: string) =>
      opened(urlOf([server.port], settings)).get("select current_setting('application_name') as name");
    expect(await named('')).toEqual({ name: 'mobius' });
    expect(await named('application_name=a+b')).toEqual({ name: 'a+b' });
  });

  test('connections that were ended are not handed out one by one', async () => {
    const db = opened(urlOf([server.port]), 8);
    const sleep = () => db.tx('read', (tx) => tx.get('select pg_sleep(0.1)::text as slept'));
    await Promise.all(Array.from({ length: 8 }, sleep));
    const ended = await server.ask(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'mobius'",
    );
    expect(ended.rowCount).toBeGreaterThanOrEqual(8);
    // At once, before it was heard that they are gone.
    await db.tx('write', (tx) => tx.run('create table if not exists after_all (id bigint)'));
    expect(await db.get('select count(*) as n from after_all')).toEqual({ n: 0 });
  });

  test('one that is ended between two statements of a transaction ends nothing else', async () => {
    const db = opened(urlOf([server.port]));
    let tries = 0;
    const pid = await db.tx('write', async (tx) => {
      const row = await tx.get<{ pid: number }>('select pg_backend_pid() as pid');
      if (++tries === 1) {
        await server.ask(`select pg_terminate_backend(${row?.pid})`);
        await new Promise((done) => setTimeout(done, 100));
      }
      await tx.get('select 1');
      return row?.pid;
    });
    expect(pid).toBeGreaterThan(0);
    expect(tries).toBe(2);
  });

  test('a server that takes no changes for now is found out, and used again when it does', async () => {
    const url = await server.newDatabase();
    const name = new URL(url).pathname.slice(1);
    const db = opened(url);
    await db.run('create table things (id text primary key)');
    await server.ask(`alter database ${name} set default_transaction_read_only = on`);
    const later = opened(url);
    const put = (): Promise<number> => later.run("insert into things (id) values ('a')");
    const putWithin = (): Promise<number> => later.tx('write', (tx) => tx.run("insert into things (id) values ('b')"));
    for (const work of [put, putWithin]) {
      await expect(work()).rejects.toMatchObject({
        code: 'service_unavailable',
        details: { reason: 'database_standby' },
      });
    }
    await expect(portOf(opened(`${url}?target_session_attrs=read-write`))).rejects.toMatchObject({
      details: { reason: 'database_standby' },
    });
    await server.ask(`alter database ${name} reset default_transaction_read_only`);
    expect([await put(), await putWithin()]).toEqual([1, 1]);
  });
});

describe.runIf(programs !== undefined)('a primary and its replica', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await startCluster(programs ?? '', { isSynchronous: true });
  });
  afterAll(() => cluster.stop());

  test.each([
    ['any', 'primary', 'replica'],
    ['read-write', 'primary', 'primary'],
    ['primary', 'primary', 'primary'],
    ['read-only', 'replica', 'replica'],
    ['standby', 'replica', 'replica'],
    ['prefer-standby', 'replica', 'replica'],
    [undefined, 'primary', 'primary'],
  ] as const)('%s is the %s where that is named first, and the %s where it is last', async (wanted, one, two) => {
    const [first, second] = [cluster.primary.port, cluster.replica.port];
    const found = (ports: readonly number[]): Promise<number | undefined> => {
      const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',');
      return portOf(opened(`postgres://mobius@${hosts}/pair${wanted ? `?target_session_attrs=${wanted}` : ''}`));
    };
    expect(await found([first, second])).toBe(cluster[one].port);
    expect(await found([second, first])).toBe(cluster[two].port);
  });

  test('prefer-standby makes do with a primary, and standby does not', async () => {
    const url = (wanted: string): string =>
      `postgres://mobius@127.0.0.1:${cluster.primary.port}/pair?target_session_attrs=${wanted}`;
    expect(await portOf(opened(url('prefer-standby')))).toBe(cluster.primary.port);
    await expect(portOf(opened(url('standby')))).rejects.toMatchObject({
      code: 'service_unavailable',
      message: expect.stringContaining('target_session_attrs=standby'),
    });
  });

  test('what was acknowledged is there after the primary died, and the same Db goes on', async () => {
    const db = opened(cluster.url, 8);
    await db.run('create table things (id text primary key)');
    const acknowledged: string[] = [];
    const unknown: string[] = [];
    let isOver = false;
    let lastBefore = 0;
    let firstAfter = 0;
    let killed = Number.POSITIVE_INFINITY;
    const writer = async (name: number): Promise<void> => {
      for (let n = 0; !isOver; n++) {
        const id = `${name}-${n}`;
        try {
          await db.tx('write', (tx) => tx.run('insert into things (id) values ($1)', [id]));
          acknowledged.push(id);
          const now = performance.now();
          if (now < killed) lastBefore = now;
          else firstAfter ||= now;
        } catch (error) {
          expect(error).toMatchObject({ code: 'service_unavailable' });
          unknown.push(id);
        }
      }
    };
    const writers = Array.from({ length: 8 }, (_, name) => writer(name));
    await until(async () => acknowledged.length > 200, 'for writes');
    await cluster.killPrimary();
    killed = performance.now();
    await cluster.promote();
    const before = acknowledged.length;
    await until(async () => acknowledged.length > before + 200, 'for writes after the promotion');
    isOver = true;
    await Promise.all(writers);
    const rows = await db.all<{ id: string }>('select id from things');
    const there = new Set(rows.map(({ id }) => id));
    expect(acknowledged.filter((id) => !there.has(id))).toEqual([]);
    const tried = new Set([...acknowledged, ...unknown]);
    expect([...there].filter((id) => !tried.has(id))).toEqual([]);
    expect(await portOf(db)).toBe(cluster.replica.port);
    const pause = Math.round(firstAfter - lastBefore);
    process.stdout.write(`no write for ${pause} ms, ${acknowledged.length} acknowledged, ${unknown.length} failed\n`);
    expect(pause).toBeLessThan(30_000);
  });
});

describe.runIf(programs !== undefined)('a primary that hangs', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await startCluster(programs ?? '', { isSynchronous: true });
    const db = openPostgres(cluster.url);
    await db.run('create table things (id text primary key)');
    await db.close();
  });
  afterAll(() => cluster.stop());

  const put = (db: Db, id: string): Promise<number> =>
    db.tx('write', (tx) => tx.run('insert into things (id) values ($1)', [id]));

  test('what is on one server only is not acknowledged, also where its wait is ended', async () => {
    const db = opened(cluster.url);
    cluster.pauseReplica();
    onTestFinished(() => cluster.resumeReplica());
    const refusal = put(db, 'alone').catch((error: unknown) => error);
    const cancel = "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'";
    await until(async () => (await cluster.primary.ask(cancel)).rowCount === 1, 'for the commit to wait');
    expect(await refusal).toMatchObject({
      code: 'service_unavailable',
      details: { reason: 'outcome_unknown' },
    });
  });

  test('is left for the one that was promoted', async () => {
    const db = openPostgres(`${cluster.url}?connect_timeout=1`, { connections: 4, statementMs: 1_000 });
    onTestFinished(() => db.close());
    await Promise.all(['a', 'b', 'c', 'd'].map((id) => put(db, id)));
    cluster.pausePrimary();
    onTestFinished(() => cluster.resumePrimary());
    await cluster.promote();
    const began = performance.now();
    await put(db, 'e');
    const first = performance.now() - began;
    const more = await msOf(() => Promise.all(['f', 'g', 'h', 'i'].map((id) => put(db, id))));
    process.stdout.write(`no write for ${Math.round(first)} ms while the primary hung\n`);
    expect(first).toBeGreaterThan(1_000);
    // The other three that lay idle are not waited for.
    expect(first).toBeLessThan(11_000);
    expect(more).toBeLessThan(1_000);
    expect(await portOf(db)).toBe(cluster.replica.port);
  });
});
