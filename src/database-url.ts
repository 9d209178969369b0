import { MobiusError } from './errors.ts';

export interface Host {
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
  tls: TlsMode;
  /** A file of authorities; `system` for those of the machine. */
  rootCertificate?: string;
  certificate?: string;
  key?: string;
  connectMs?: number;
}

const wantedWords: readonly string[] = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'];
const tlsWords: readonly string[] = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'];

const known = [
  'host',
  'port',
  'target_session_attrs',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'connect_timeout',
  'application_name',
] as const;

/** Whether this is the address of a database server, and not the path of a file. */
export const isAddress = (text: string): boolean => /^postgres(ql)?:\/\//.test(text);

/** A password may stand in it, so no part of it is ever said again. */
const refused = (problem: string): MobiusError =>
  new MobiusError(
    'usage',
    `the address of the database ${problem}`,
    { field: 'database' },
    'such as postgres://mobius@db1.example.com,db2.example.com/mobius?target_session_attrs=read-write',
  );

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refused('is not encoded as an address should be');
  }
};

const hostOf = (text: string, fallbackPort: string | undefined): Host => {
  const [, bracketed, plain, port = fallbackPort ?? '5432'] = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const number = Number(port);
  if (host === undefined || !Number.isInteger(number) || number < 1 || number > 65_535) {
    throw refused('names a host or a port that can be none');
  }
  return { host: host === '' ? 'localhost' : decoded(host), port: number };
};

const oneOf = <T extends string>(words: readonly string[], name: string, value: string | null, fallback: T): T => {
  if (value === null) return fallback;
  if (!words.includes(value)) throw refused(`knows no ${name} of that kind: one of ${words.join(', ')}`);
  return value as T;
};

/** What may be shown of an address: where it leads, and never who with which password. */
export const namedAddress = (text: string): string => {
  const { hosts, database } = parseAddress(text);
  const named = hosts.map(({ host, port }) => {
    const shown = host.includes(':') ? `[${host}]` : host;
    return port === 5432 ? shown : `${shown}:${port}`;
  });
  return `postgres://${named.join(',')}/${database}`;
};

/** What may be shown of the place of a vault, which is a path or an address. */
export const shownPlace = (place: string): string => (isAddress(place) ? namedAddress(place) : place);

/** Reads an address as libpq does, with as many hosts as there are. */
export const parseAddress = (text: string): Address => {
  const parts = /^postgres(?:ql)?:\/\/(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(text);
  if (parts === null) throw refused('begins with postgres:// and names a host');
  const [, login = '', authority = '', database = '', query = ''] = parts;
  const params = new URLSearchParams(query);
  for (const name of params.keys()) {
    // A setting that is passed over in silence might be the one that keeps others out.
    if (!(known as readonly string[]).includes(name)) throw refused(`has a setting that is not understood: "${name}"`);
  }
  const [user = '', ...password] = login.split(':');
  const ports = params.get('port')?.split(',') ?? [];
  const named = authority === '' ? (params.get('host') ?? '') : authority;
  const hosts = named.split(',').map((host, at) => hostOf(host, ports[at] ?? ports[0]));
  const seconds = params.get('connect_timeout');
  if (seconds !== null && !/^\d{1,4}$/.test(seconds))
    throw refused('has a connect_timeout that is no number of seconds');
  const files = { rootCertificate: 'sslrootcert', certificate: 'sslcert', key: 'sslkey' } as const;
  const given = Object.entries(files).flatMap(([name, param]) => {
    const value = params.get(param);
    return value === null ? [] : [[name, value]];
  });
  return {
    hosts,
    database: decoded(database) || decoded(user) || 'mobius',
    ...(user === '' ? {} : { user: decoded(user) }),
    ...(password.length === 0 ? {} : { password: decoded(password.join(':')) }),
    wanted: oneOf<Wanted>(wantedWords, 'target_session_attrs', params.get('target_session_attrs'), 'any'),
    tls: oneOf<TlsMode>(tlsWords, 'sslmode', params.get('sslmode'), 'prefer'),
    ...Object.fromEntries(given),
    ...(seconds === null ? {} : { connectMs: Number(seconds) * 1000 }),
  };
};
