import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';

/**
 * A process of `peers.ts`: answers `POST` with a key in its body over node:http, and tells its parent the port, the key and
 * what it does a second without HTTP.
 */
export interface Told {
  port: number;
  key: string;
  inProcess: number;
}

type Verify = (key: string) => Promise<{ valid: boolean }>;

/** What is used of it; it is no dependency, so its own types are not here. */
interface Auth {
  api: {
    signUpEmail(asked: object): Promise<{ user: { id: string } }>;
    createApiKey(asked: object): Promise<{ key: string }>;
    verifyApiKey(asked: object): Promise<{ valid: boolean }>;
  };
}

/** As its documentation has it, over a file with a write-ahead log; `lean` leaves out all that it can be told to. */
const betterAuth = async (
  packages: string,
  folder: string,
  lean: boolean,
): Promise<{ key: string; verify: Verify }> => {
  const from = (path: string): Promise<unknown> => import(join(packages, 'node_modules', path));
  const { betterAuth: makeAuth } = (await from('better-auth/dist/index.mjs')) as { betterAuth(options: object): Auth };
  const { getMigrations } = (await from('better-auth/dist/db/get-migration.mjs')) as {
    getMigrations(options: object): Promise<{ runMigrations(): Promise<void> }>;
  };
  const { apiKey } = (await from('@better-auth/api-key/dist/index.mjs')) as { apiKey(settings: object): object };
  const database = new Sqlite(join(folder, `better-auth-${lean ? 'lean' : 'default'}.db`));
  database.pragma('journal_mode = wal');
  // Its default refuses the eleventh use in a day; that it is counted is what stays.
  const settings = lean
    ? { deferUpdates: true, rateLimit: { enabled: false } }
    : { rateLimit: { maxRequests: 1_000_000_000 } };
  const options = {
    database,
    baseURL: 'http://127.0.0.1',
    secret: 'a plainly fake secret of the benchmark',
    emailAndPassword: { enabled: true },
    telemetry: { enabled: false },
    plugins: [apiKey(settings)],
  };
  await (await getMigrations(options)).runMigrations();
  const { api } = makeAuth(options);
  const body = { name: 'bench', email: 'bench@example.test', password: 'a plainly fake password' };
  const { user } = await api.signUpEmail({ body });
  const { key } = await api.createApiKey({ body: { name: 'bench', userId: user.id } });
  return { key, verify: (given) => api.verifyApiKey({ body: { key: given } }) };
};

const inProcess = async (seconds: number, key: string, verify: Verify): Promise<number> => {
  const end = performance.now() + seconds * 1000;
  let done = 0;
  for (; performance.now() < end; done++) {
    if (!(await verify(key)).valid) throw new Error('a key that was just made is not valid');
  }
  return done / seconds;
};

const serve = async (kind: string, packages: string, folder: string, seconds: number): Promise<void> => {
  const { key, verify } = await betterAuth(packages, folder, kind === 'lean');
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', async () => {
      const given = JSON.parse(Buffer.concat(parts).toString()) as { key: string };
      const text = JSON.stringify(await verify(given.key));
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
      response.end(text);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens nowhere');
  // Once for what is compiled and loaded by then.
  await inProcess(seconds / 4, key, verify);
  const told: Told = { port: address.port, key, inProcess: await inProcess(seconds, key, verify) };
  process.send?.(told);
};

const [kind = '', packages = '', folder = '', seconds = ''] = process.argv.slice(2);
process.once('disconnect', () => process.exit());
await serve(kind, packages, folder, Number(seconds));
