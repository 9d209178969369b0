import { MobiusError } from '../errors.ts';
import { version } from '../version.ts';
import { type Answer, type Connection, openConnection, type Request, serverUrl, type Ways } from './http.ts';
import { isLoopback } from './proxy.ts';

/** What every request has, whatever contract its server keeps. */

export interface Server extends Ways {
  url: string;
  /** An API key, a CLI credential, or the access token of a session; absent for what nobody need be known for. */
  token?: string | undefined;
}

export const ownHeaders: Readonly<Record<string, string>> = {
  Accept: 'application/json',
  'User-Agent': `mobius/${version}`,
};

export const isDone = ({ status }: Pick<Answer, 'status'>): boolean => status >= 200 && status < 300;

/** Sending it twice does what sending it once does. */
export const isSafe = ({ method }: Pick<Request, 'method'>): boolean => method === 'GET' || method === 'HEAD';

/** Both, and of two that say one thing the later: names of headers are the same in capitals and small letters. */
export const withHeaders = (
  first: Readonly<Record<string, string>>,
  later: Readonly<Record<string, string>>,
): Record<string, string> => {
  const said = new Set(Object.keys(later).map((name) => name.toLowerCase()));
  return { ...Object.fromEntries(Object.entries(first).filter(([name]) => !said.has(name.toLowerCase()))), ...later };
};

/** What a name in a path may hold must not end the path, nor climb in it. */
export const segment = (value: unknown): string => {
  const text = String(value);
  return /^\.{1,2}$/.test(text) ? text.replaceAll('.', '%2E') : encodeURIComponent(text);
};

export const queryOf = (pairs: readonly [string, string][]): string => {
  const text = new URLSearchParams([...pairs]).toString();
  return text === '' ? '' : `?${text}`;
};

/** Everybody between here and there could read the credential, and everything else. */
const refusePlain = (url: URL, { env, socketPath }: Server): void => {
  const allowed = url.protocol === 'https:' || socketPath !== undefined || isLoopback(url.hostname);
  if (allowed || env.MOBIUS_ALLOW_HTTP === '1') return;
  throw new MobiusError(
    'usage',
    `"${url.origin}" is plain HTTP to another machine, where anybody on the way can read what is sent`,
    { field: 'api_url' },
    'use https://; where the network itself is safe, set MOBIUS_ALLOW_HTTP=1',
  );
};

export const connectionTo = (server: Server): Connection => {
  const address = serverUrl(server.url);
  refusePlain(address, server);
  return openConnection(address, server);
};
