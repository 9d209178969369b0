import { MobiusError } from './errors.ts';
import { isAddress } from './vault-place.ts';

export interface Host {
  /** A name, an address, or the folder of a socket. */
  host: string;
  port: number;
}

/** As libpq names them: what a server must be to be used. */
export type Wanted = 'any' | 'read-write' | 'read-only' | 'primary' | 'standby' | 'prefer-standby';

/** `require` encrypts and believes whoever answers; only the two that verify keep out somebody in between. */
export type TlsMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export interface Address {
  /** In the order in which they are tried. */
  hosts: readonly Host[];
  database: string;
  user?: string;
  password?: string;
  wanted: Wanted;
  /** As it was chosen; what holds for a host says `tlsFor`. */
  tls?: TlsMode;
  /** A file of authorities; `system` for those that Node believes. */
  rootCertificate?: string;
  certificate?: string;
  key?: string;
  connectMs?: number;
  application?: string;
}

const wantedWords = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const;
const tlsWords = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

const known: readonly string[] = [
  'host',
  'port',
  'target_session_attrs',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'connect_timeout',
  'application_name',
];

/** What a person may well give. Any other name could be a piece of a password with a `?` in it. */
const elsewhere: readonly string[] = [
  'channel_binding',
  'dbname',
  'gssencmode',
  'hostaddr',
  'keepalives',
  'load_balance_hosts',
  'options',
  'passfile',
  'password',
  'replication',
  'require_auth',
  'service',
  'ssl',
  'sslcrl',
  'sslnegotiation',
  'sslpassword',
  'user',
];

/** A password may stand in it, so no part of it is ever said again. */
const refused = (problem: string): MobiusError =>
  new MobiusError(
    'usage',
    `the address of the database ${problem}`,
    { field: 'database' },
    'such as postgres://mobius@db1.example.com,db2.example.com/mobius?target_session_attrs=read-write',
  );

const decoded = (text: string): string => {
  let plain = '';
  try {
    plain = decodeURIComponent(text);
  } catch {
    throw refused('is not encoded as an address should be');
  }
  if (plain.includes('\0')) throw refused('holds a character that it can not');
  return plain;
};

export const isSocket = (host: string): boolean => host.startsWith('/');

/** Nobody else can listen there, or in between. */
const isLocal = (host: string): boolean =>
  isSocket(host) || /^(localhost|127\.\d+\.\d+\.\d+|::1)$/i.test(host.replace(/\.$/, ''));

/** Somebody's password with an @ in it must not become a host that is looked up and named in an error. */
const hostOf = (text: string, fallbackPort: string): Host => {
  const [, bracketed, plain, given] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:]*))(?::(\d*))?$/.exec(text) ?? [];
  const host = bracketed ?? (plain === '' ? 'localhost' : decoded(plain ?? ''));
  const port = Number(given || fallbackPort || '5432');
  const isHost = bracketed !== undefined || isSocket(host) || /^[\p{L}\p{N}._-]+$/u.test(host);
  if (!isHost || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw refused('names a host or a port that can be none; all but letters and digits of a password is encoded');
  }
  return { host, port };
};

const hostsOf = (authority: string, params: URLSearchParams): Host[] => {
  const names = (authority === '' ? (params.get('host') ?? '') : authority).split(',');
  const ports = params.get('port')?.split(',') ?? [''];
  if (ports.length > 1 && ports.length !== names.length) throw refused('has not as many ports as hosts');
  return names.map((name, at) => hostOf(name, ports[at] ?? ports[0] ?? ''));
};

/** What may be shown of the place of a vault, which is a path or an address. */
export const shownPlace = (place: string): string => (isAddress(place) ? namedAddress(place) : place);

const oneOf = <T extends string>(words: readonly T[], name: string, value: string | null): T | undefined => {
  if (value === null) return undefined;
  const word = words.find((one) => one === value);
  if (word === undefined) throw refused(`knows no ${name} of that kind: one of ${words.join(', ')}`);
  return word;
};

const paramsOf = (query: string): URLSearchParams => {
  // In an address a plus is a plus.
  const params = new URLSearchParams(query.replaceAll('+', '%2B'));
  for (const name of params.keys()) {
    // A setting that is passed over in silence might be the one that keeps others out.
    if (!known.includes(name)) {
      throw refused(`has a setting that is not understood${elsewhere.includes(name) ? `: "${name}"` : ''}`);
    }
    if (params.getAll(name).length > 1) throw refused(`says "${name}" twice`);
  }
  return params;
};

const filesOf = (params: URLSearchParams): Pick<Address, 'rootCertificate' | 'certificate' | 'key'> => {
  const names = { rootCertificate: 'sslrootcert', certificate: 'sslcert', key: 'sslkey' } as const;
  const given = Object.entries(names).flatMap(([name, param]) => {
    const value = params.get(param);
    return value === null || value === '' ? [] : [[name, value]];
  });
  return Object.fromEntries(given);
};

const requireTlsToFit = ({ tls, rootCertificate, certificate, key }: Address): void => {
  if ((certificate === undefined) !== (key === undefined)) {
    throw refused('names one of sslcert and sslkey: they go together');
  }
  if (rootCertificate !== undefined && (tls === 'disable' || tls === 'prefer')) {
    throw refused(`names sslrootcert, which sslmode=${tls} does not look at`);
  }
  // Anyone gets a certificate for some name from one of the world's authorities.
  const isWorld = rootCertificate === 'system' || (rootCertificate === undefined && tls === 'verify-ca');
  if (isWorld && tls !== undefined && tls !== 'verify-full') {
    throw refused(`needs sslrootcert=FILE with sslmode=${tls}: only verify-full looks at the name too`);
  }
};

/**
 * Reads an address as libpq does, with as many hosts as there are. Two defaults are ours: of several hosts the one that
 * takes changes is wanted, and TLS is as `tlsFor` says.
 */
export const parseAddress = (text: string): Address => {
  const parts = /^postgres(?:ql)?:\/\/(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(text);
  if (parts === null) throw refused('begins with postgres:// and names a host');
  const [, login = '', authority = '', database = '', query = ''] = parts;
  if (/[/@:]/.test(database)) throw refused('has a database whose name is not encoded');
  const params = paramsOf(query);
  const [user = '', ...password] = login.split(':');
  const hosts = hostsOf(authority, params);
  const seconds = params.get('connect_timeout') ?? '0';
  if (!/^\d{1,4}$/.test(seconds)) throw refused('has a connect_timeout that is no number of seconds');
  const fallback = hosts.length > 1 ? 'read-write' : 'any';
  const tls = oneOf<TlsMode>(tlsWords, 'sslmode', params.get('sslmode'));
  const application = params.get('application_name');
  const address: Address = {
    hosts,
    database: decoded(database) || decoded(user) || 'mobius',
    ...(user === '' ? {} : { user: decoded(user) }),
    ...(password.length === 0 ? {} : { password: decoded(password.join(':')) }),
    wanted: oneOf<Wanted>(wantedWords, 'target_session_attrs', params.get('target_session_attrs')) ?? fallback,
    ...(tls === undefined ? {} : { tls }),
    ...filesOf(params),
    // Nought is for ever in libpq; nothing waits for ever here.
    ...(Number(seconds) === 0 ? {} : { connectMs: Number(seconds) * 1000 }),
    ...(application ? { application } : {}),
  };
  requireTlsToFit(address);
  return address;
};

/**
 * How much TLS a host must offer. Where nothing was chosen, libpq would take it if it is there and believe anyone: then
 * somebody in between reads every sealed value and changes who may do what. So a host that is not this machine must
 * prove its name, and `sslmode` is how a person says otherwise. No one is in between a socket and its server.
 */
export const tlsFor = ({ tls, rootCertificate }: Address, { host }: Host): TlsMode => {
  if (isSocket(host)) return 'disable';
  if (tls === undefined) return isLocal(host) && rootCertificate === undefined ? 'prefer' : 'verify-full';
  return tls === 'require' && rootCertificate !== undefined ? 'verify-ca' : tls;
};

export const namedHost = ({ host, port }: Host): string => {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === 5432 ? name : `${name}:${port}`;
};

/** How an address may be shown to people and in logs: where it leads, and nothing of who goes there. */
export const namedAddress = (text: string): string => {
  const { hosts, database } = parseAddress(text);
  const name = encodeURIComponent(database);
  if (!hosts.some(({ host }) => isSocket(host))) return `postgres://${hosts.map(namedHost).join(',')}/${name}`;
  const ports = hosts.map(({ port }) => port);
  const places = hosts.map(({ host }) => host).join(',');
  return `postgres:///${name}?host=${places}${ports.every((port) => port === 5432) ? '' : `&port=${ports.join(',')}`}`;
};
