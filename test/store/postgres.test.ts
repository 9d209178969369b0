import { afterAll, beforeAll, describe } from 'vitest';
import type { Db } from '../../src/store/db.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { conformance } from './conformance.ts';
import { type PostgresServer, postgresPrograms, startPostgres } from './postgres.ts';

const programs = postgresPrograms();

describe.runIf(programs !== undefined)('a PostgreSQL server', () => {
  let server: PostgresServer;
  let url = '';
  beforeAll(async () => {
    server = await startPostgres(programs ?? '');
  });
  afterAll(() => server.stop());

  const open = async (): Promise<Db> => {
    url = await server.newDatabase();
    return openPostgres(url);
  };
  conformance('PostgreSQL', { open, another: async () => openPostgres(url) });
});
