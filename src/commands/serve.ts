import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { FlagValues, LocalContext } from '../cli/command.ts';
import { localCommand } from '../cli/command.ts';
import { databaseFlag, onDatabase } from '../cli/database.ts';
import { placeOf, worldOf } from '../cli/profiles.ts';
import { type DialectName, dialectNames, isDialect } from '../dialects/names.ts';
import { MobiusError } from '../errors.ts';
import { typedSocket } from '../platform.ts';
import type { ServeOptions } from '../server/serve.ts';

const levels = ['error', 'warn', 'info', 'debug'] as const;

const textOf = (flags: FlagValues, name: string): string | undefined => {
  const value = flags[name];
  return typeof value === 'string' ? value : undefined;
};

const fileOf = (cwd: string, flag: string, path: string): Uint8Array => {
  try {
    return readFileSync(resolve(cwd, path));
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new MobiusError('usage', `--${flag} "${path}" can't be read (${code})`);
  }
};

const tlsOf = ({ io, flags }: LocalContext): Pick<ServeOptions, 'tls'> => {
  const [cert, key] = [textOf(flags, 'tls-cert'), textOf(flags, 'tls-key')];
  if (cert === undefined && key === undefined) return {};
  if (cert === undefined || key === undefined)
    throw new MobiusError('usage', '--tls-cert and --tls-key need each other');
  return { tls: { cert: fileOf(io.cwd, 'tls-cert', cert), key: fileOf(io.cwd, 'tls-key', key) } };
};

/** `{"email":…,"password":…}`, as a secret that is mounted as a file has it. */
const firstAdministratorOf = async ({
  flags,
  text,
}: LocalContext): Promise<Pick<ServeOptions, 'firstAdministrator'>> => {
  const path = textOf(flags, 'bootstrap-admin-file');
  if (path === undefined) return {};
  const wrong = (): MobiusError =>
    new MobiusError('usage', `--bootstrap-admin-file "${path}" must hold {"email":"...","password":"..."}`);
  let value: unknown;
  try {
    value = JSON.parse(await text(`@${path}`));
  } catch (error) {
    throw error instanceof MobiusError ? error : wrong();
  }
  const { email, password, ...others } = (value ?? {}) as Record<string, unknown>;
  if (typeof email !== 'string' || typeof password !== 'string' || Object.keys(others).length > 0) throw wrong();
  return { firstAdministrator: { email, password } };
};

const isOrigin = (text: string): boolean =>
  URL.canParse(text) && new URL(text).origin === text && /^https?:/.test(text);

const originsOf = (flags: FlagValues): string[] => {
  const origins = [flags['cors-origin'] ?? []].flat().filter((one) => typeof one === 'string');
  const wrong = origins.find((one) => !isOrigin(one));
  if (wrong === undefined) return origins;
  throw new MobiusError(
    'usage',
    `--cors-origin must be an origin, not "${wrong}"`,
    {},
    'such as: https://console.example.com',
  );
};

const publicUrlOf = (flags: FlagValues): Pick<ServeOptions, 'publicUrl'> => {
  const text = textOf(flags, 'public-url');
  if (text === undefined) return {};
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain =
    url !== undefined && /^https?:$/.test(url.protocol) && `${url.search}${url.hash}${url.username}` === '';
  if (isPlain) return { publicUrl: text.replace(/\/+$/, '') };
  throw new MobiusError(
    'usage',
    `--public-url must be an http or https URL, not "${text}"`,
    {},
    'such as: https://mobius.example.com',
  );
};

const secondsOf = (flags: FlagValues): number => {
  const text = textOf(flags, 'stop-timeout') ?? '10';
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new MobiusError('usage', `--stop-timeout must be whole seconds, not "${text}"`);
};

const dialectsOf = (flags: FlagValues): DialectName[] => {
  const names = [flags.dialects ?? []].flat().flatMap((text) => (typeof text === 'string' ? text.split(',') : []));
  return [...new Set(names.map((name) => name.trim()))].map((name) => {
    if (isDialect(name)) return name;
    throw new MobiusError('usage', `--dialects has no "${name}"`, {}, `there are ${dialectNames.join(', ')}`);
  });
};

const optionsOf = async (context: LocalContext): Promise<ServeOptions> => {
  const { io, flags } = context;
  const { parseAddress } = await import('../server/address.ts');
  const unix = textOf(flags, 'unix');
  const listen = textOf(flags, 'listen') ?? (unix === undefined ? '127.0.0.1:7373' : undefined);
  const log = levels.find((level) => level === flags.log);
  return {
    ...(listen === undefined ? {} : { listen: parseAddress(listen) }),
    ...(unix === undefined ? {} : { unix: typedSocket(io.platform, io.cwd, unix) }),
    ...tlsOf(context),
    behindProxy: flags['behind-proxy'] === true,
    ...publicUrlOf(flags),
    ...(await firstAdministratorOf(context)),
    corsOrigins: originsOf(flags),
    stopTimeoutSeconds: secondsOf(flags),
    dialects: dialectsOf(flags),
    openRegistration: flags['open-registration'] === true,
    ...(await anchoringFrom(context)),
    ...(log === undefined ? {} : { log }),
  };
};

/** Said when it starts, not when the first entry is written. */
const anchoringFrom = async ({ io, flags }: LocalContext): Promise<Pick<ServeOptions, 'anchoring'>> => {
  const { anchoringOf } = await import('../audit/settings.ts');
  const [file, every, policy] = ['', '-every', '-policy'].map((part) => textOf(flags, `audit-anchor${part}`));
  const anchoring = await anchoringOf(io, { file, every, policy });
  // What is wrong with it stands in the log.
  return anchoring === undefined ? {} : { anchoring: { ...anchoring, tell: () => undefined } };
};

export default localCommand({
  summary: 'serve a vault over HTTP: the local one, or one in a PostgreSQL database',
  about:
    'Answers the same operations as the command line, to whoever shows a key. With --database any number of them share a ' +
    'vault in PostgreSQL, whose key stays with them. It listens on 127.0.0.1:7373, or where ' +
    '--listen and --unix say; an address that other machines can reach needs TLS, or a proxy that ends it. /healthz ' +
    'and /readyz tell how it is, /metrics is for Prometheus, /openapi.json describes the operations. The log goes to ' +
    'stderr, a line of JSON for each request, with neither queries nor bodies nor credentials. SIGTERM and SIGINT let ' +
    'what is being answered end; a second signal does not wait.',
  extra: [
    { name: 'listen', value: 'HOST:PORT', description: '127.0.0.1:7373 when absent; port 0 takes any free one' },
    databaseFlag,
    { name: 'unix', value: 'PATH', description: 'a socket that only its owner can open' },
    { name: 'tls-cert', value: 'FILE', description: 'the certificate and its chain, in PEM' },
    { name: 'tls-key', value: 'FILE', description: 'the key of the certificate, in PEM' },
    { name: 'public-url', value: 'URL', description: 'how callers reach it, for links that it hands out' },
    { name: 'behind-proxy', description: "one proxy stands before it and tells the caller's address" },
    { name: 'cors-origin', value: 'ORIGIN', repeatable: true, description: 'let pages of this origin call it' },
    {
      name: 'dialects',
      value: 'NAME,NAME',
      repeatable: true,
      description: 'other systems whose contracts it speaks too: mobilenext, mobula, mutx',
    },
    { name: 'open-registration', description: 'whoever asks may make an account, with a project of its own' },
    {
      name: 'bootstrap-admin-file',
      value: 'FILE',
      description: 'e-mail and password, in JSON, of the first administrator; where there are users nobody is made',
    },
    {
      name: 'audit-anchor',
      value: 'FILE',
      description: 'append a signed end of the audit log to this file, out of reach of the database',
    },
    { name: 'audit-anchor-every', value: 'N', description: 'after so many entries; 100 when absent' },
    {
      name: 'audit-anchor-policy',
      value: 'POLICY',
      choices: ['required', 'best-effort'],
      description: 'where the file takes none: refuse every change, or go on and tell; best-effort when absent',
    },
    { name: 'stop-timeout', value: 'SECONDS', description: 'how long a stop waits for answers; 10 when absent' },
    { name: 'log', value: 'LEVEL', choices: levels, description: 'what is logged; info when absent' },
  ],
  examples: [
    'mobius serve',
    'mobius serve --listen 0.0.0.0:7373 --tls-cert cert.pem --tls-key key.pem',
    'mobius serve --unix /run/mobius/mobius.sock --log warn',
    'mobius serve --dialects mobilenext,mobula,mutx',
    'mobius serve --database postgres://mobius@127.0.0.1/mobius',
  ],
  related: ['server migrate', 'users create', 'auth login', 'help environment'],
  async run(context) {
    const { io, say } = context;
    const place = placeOf(io, onDatabase(context));
    const options = await optionsOf(context);
    const [{ startServer }, { stopAt }] = [await import('../server/serve.ts'), await import('../server/stop.ts')];
    const served = await startServer(io, { world: worldOf(io), place }, options);
    const stop = new Promise<void>((asked) => stopAt(io, ['SIGTERM', 'SIGINT'], asked));
    for (const url of served.urls) say(`listening on ${url}`);
    await stop;
    await served.stop();
    return 0;
  },
});
