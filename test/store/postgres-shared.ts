import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll } from 'vitest';
import { type PostgresServer, postgresPrograms, startPostgres } from './postgres.ts';

/** One server for all tests of a file: the one that a variable names, else one of its own, which ends with them. */
const variable = 'MOBIUS_TEST_POSTGRES';

/** Why there is none; undefined where there is one. */
export const noPostgres = (): string | undefined => {
  if (process.env[variable] !== undefined || postgresPrograms() !== undefined) return undefined;
  return `no PostgreSQL: install it, or name a server that tests may fill: ${variable}=postgres://...`;
};

const within = (url: string, database: string): string => {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
};

const startOwn = async (): Promise<string> => {
  const programs = postgresPrograms();
  if (programs === undefined) throw new Error(noPostgres());
  own = await startPostgres(programs, ['fsync=off', 'max_connections=300']);
  return own.newDatabase();
};

let own: PostgresServer | undefined;
let started: Promise<string> | undefined;

afterAll(() => own?.stop());

/** Asks a database beside the product. */
export const rowsOf = async <R extends pg.QueryResultRow>(url: string, sql: string): Promise<R[]> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(sql)).rows;
  } finally {
    await client.end();
  }
};

/** The address of a new database: empty, or as another is, to which nobody may be connected. */
export const newDatabase = async (like?: string): Promise<string> => {
  started ??= process.env[variable] === undefined ? startOwn() : Promise.resolve(process.env[variable]);
  const server = await started;
  const name = `mobius_${randomBytes(8).toString('hex')}`;
  const template = like === undefined ? '' : ` template ${new URL(like).pathname.slice(1)}`;
  await rowsOf(within(server, 'postgres'), `create database ${name}${template}`);
  return within(server, name);
};

/**
 * The engines that a test of whole processes runs over: what gives each vault its place. Where one is missing that is said,
 * and in CI it is a failure.
 */
export const engines = (): readonly [name: string, place: () => Promise<string | undefined>][] => {
  const reason = noPostgres();
  if (reason !== undefined && process.env.CI) throw new Error(reason);
  if (reason !== undefined) process.stderr.write(`left out: tests over PostgreSQL (${reason})\n`);
  const file = ['a file', async () => undefined] as const;
  return reason === undefined ? [[...file], ['a PostgreSQL database', () => newDatabase()]] : [[...file]];
};

export const dropDatabase = async (url: string): Promise<void> =>
  void (await rowsOf(
    within(url, 'postgres'),
    `drop database if exists ${new URL(url).pathname.slice(1)} with (force)`,
  ));
