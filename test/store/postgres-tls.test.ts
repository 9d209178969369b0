import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openPostgres } from '../../src/store/postgres.ts';
import { type Authority, type Certificates, makeCertificates, type Pair } from './certificates.ts';
import { type PostgresServer, postgresPrograms, startPostgres } from './postgres.ts';

const programs = postgresPrograms();

describe.runIf(programs !== undefined)('TLS to a PostgreSQL server', () => {
  const servers: Record<string, PostgresServer> = {};
  let certificates: Certificates;
  let ours: Authority;
  let others: Authority;
  let ann: Pair;

  /** With passwords, and a database for whoever shows a certificate. */
  const rules = [
    'local all all trust',
    'hostssl certified all 127.0.0.1/32 cert map=people',
    'host all mobius 127.0.0.1/32 scram-sha-256',
  ];

  const start = (pair?: Pair): Promise<PostgresServer> =>
    startPostgres(programs ?? '', (home) => {
      const copied = (name: string, path: string): string => home.write(name, readFileSync(path, 'utf8'));
      const files = [
        `hba_file=${home.write('access', `${rules.join('\n')}\n`)}`,
        `ident_file=${home.write('names', 'people ann mobius\n')}`,
      ];
      if (pair === undefined) return files;
      return [
        ...files,
        'ssl=on',
        `ssl_cert_file=${copied('certificate', pair.certificate)}`,
        `ssl_key_file=${copied('key', pair.key)}`,
        `ssl_ca_file=${copied('authority', ours.file)}`,
      ];
    });

  beforeAll(async () => {
    certificates = makeCertificates();
    ours = certificates.authority('ours');
    others = certificates.authority('theirs');
    ann = ours.issue('ann');
    servers.here = await start(ours.issue('here', ['DNS:localhost', 'IP:127.0.0.1']));
    servers.elsewhere = await start(ours.issue('elsewhere', ['DNS:db.example.com']));
    servers.clear = await start();
    for (const server of Object.values(servers)) {
      await server.ask("alter user mobius password 'hunter2'");
      await server.ask('create database certified');
    }
  });
  afterAll(async () => {
    await Promise.all(Object.values(servers).map((server) => server.stop()));
    certificates.remove();
  });

  const filled = (text: string): string =>
    text
      .replaceAll('OURS', ours.file)
      .replaceAll('THEIRS', others.file)
      .replaceAll('ANN', `sslcert=${ann.certificate}&sslkey=${ann.key}`);

  const isEncrypted = async (url: string): Promise<boolean> => {
    const db = openPostgres(url);
    onTestFinished(() => db.close());
    const row = await db.get<{ how: string }>('select ssl::text as how from pg_stat_ssl where pid = pg_backend_pid()');
    return row?.how === 'true';
  };

  const urlOf = (server: string, host: string, settings: string, database = 'postgres', login = 'mobius:hunter2') =>
    filled(`postgres://${login}@${host}:${servers[server]?.port}/${database}?${settings}`);

  test.each([
    ['here', '127.0.0.1', '', true],
    ['clear', '127.0.0.1', '', false],
    ['here', '127.0.0.1', 'sslmode=disable', false],
    ['clear', '127.0.0.1', 'sslmode=disable', false],
    ['here', '127.0.0.1', 'sslmode=prefer', true],
    ['clear', 'localhost', 'sslmode=prefer', false],
    ['here', '127.0.0.1', 'sslmode=require', true],
    ['elsewhere', '127.0.0.1', 'sslmode=require', true],
    ['elsewhere', 'localhost', 'sslmode=require&sslrootcert=OURS', true],
    ['here', 'localhost', 'sslmode=verify-ca&sslrootcert=OURS', true],
    ['elsewhere', '127.0.0.1', 'sslmode=verify-ca&sslrootcert=OURS', true],
    ['here', 'localhost', 'sslmode=verify-full&sslrootcert=OURS', true],
    ['here', '127.0.0.1', 'sslmode=verify-full&sslrootcert=OURS', true],
    ['here', '127.0.0.1', 'sslrootcert=OURS', true],
  ])('to "%s" at %s with "%s" goes, encrypted: %s', async (server, host, settings, encrypted) => {
    expect(await isEncrypted(urlOf(server, host, settings))).toBe(encrypted);
  });

  test.each([
    ['clear', '127.0.0.1', 'sslmode=require', 'offers no TLS', 'sslmode=disable'],
    ['clear', '127.0.0.1', 'sslmode=verify-full&sslrootcert=OURS', 'offers no TLS', 'sslmode=disable'],
    ['here', '127.0.0.1', 'sslmode=require&sslrootcert=THEIRS', 'not believed', 'sslrootcert=FILE'],
    ['here', '127.0.0.1', 'sslmode=verify-ca&sslrootcert=THEIRS', 'not believed', 'sslrootcert=FILE'],
    ['here', '127.0.0.1', 'sslmode=verify-full&sslrootcert=THEIRS', 'not believed', 'sslrootcert=FILE'],
    ['here', '127.0.0.1', 'sslmode=verify-full', 'not believed', 'sslrootcert=FILE'],
    ['here', '127.0.0.1', 'sslmode=verify-full&sslrootcert=system', 'not believed', 'sslrootcert=FILE'],
    ['elsewhere', '127.0.0.1', 'sslmode=verify-full&sslrootcert=OURS', '(ERR_TLS_CERT_ALTNAME_INVALID)', 'verify-ca'],
    ['elsewhere', 'localhost', 'sslmode=verify-full&sslrootcert=OURS', '(ERR_TLS_CERT_ALTNAME_INVALID)', 'verify-ca'],
  ])('to "%s" at %s with "%s" does not go: %s', async (server, host, settings, words, hint) => {
    await expect(isEncrypted(urlOf(server, host, settings))).rejects.toMatchObject({
      code: 'service_unavailable',
      details: { reason: 'database_tls' },
      message: expect.stringContaining(words),
      hint: expect.stringContaining(hint),
    });
  });

  test('a certificate opens what wants one, and nothing else does', async () => {
    const url = (settings: string): string => urlOf('here', 'localhost', settings, 'certified', 'mobius');
    expect(await isEncrypted(url('sslmode=verify-full&sslrootcert=OURS&ANN'))).toBe(true);
    await expect(isEncrypted(url('sslmode=verify-full&sslrootcert=OURS'))).rejects.toMatchObject({
      details: { reason: 'database_login' },
    });
  });

  test('a file that is not there is named', async () => {
    await expect(isEncrypted(urlOf('here', 'localhost', 'sslrootcert=/no/such.pem'))).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('"/no/such.pem"'),
    });
  });

  test('a wrong password is refused, and not told', async () => {
    const url = urlOf('here', '127.0.0.1', '', 'postgres', 'mobius:hunter3');
    const refusal = await isEncrypted(url).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'service_unavailable', details: { reason: 'database_login' } });
    const { message, hint, details } = refusal as Error & { hint?: string; details?: unknown };
    expect(JSON.stringify([message, hint, details])).not.toContain('hunter3');
  });

  test('the password may come from elsewhere', async () => {
    const url = urlOf('here', '127.0.0.1', '', 'postgres', 'mobius');
    await expect(isEncrypted(url)).rejects.toMatchObject({ details: { reason: 'database_login' } });
    process.env.PGPASSWORD = 'hunter2';
    onTestFinished(() => void delete process.env.PGPASSWORD);
    expect(await isEncrypted(url)).toBe(true);
    delete process.env.PGPASSWORD;
    const { here } = servers;
    const file = join(here?.folder ?? '', 'passwords');
    writeFileSync(file, `127.0.0.1:${here?.port}:postgres:mobius:hunter2\n`, { mode: 0o600 });
    process.env.PGPASSFILE = file;
    onTestFinished(() => void delete process.env.PGPASSFILE);
    expect(await isEncrypted(url)).toBe(true);
  });

  test('a database that is not there is said to be none', async () => {
    await expect(isEncrypted(urlOf('here', '127.0.0.1', '', 'none'))).rejects.toMatchObject({
      details: { reason: 'database_missing' },
    });
  });
});
