import { BlockList, isIP } from 'node:net';
import { MobiusError } from '../errors.ts';

/** Which proxy stands between here and a server, by the variables that other programs read too. */

type Env = Readonly<Record<string, string | undefined>>;

/** Either case counts, as no two programs agree; the lower one first, as in curl. An empty one is none. */
const variable = (env: Env, name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined;

const bare = (host: string): string => host.replace(/^\[|\]$/g, '').toLowerCase();

export const isLoopback = (host: string): boolean =>
  /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)$/.test(bare(host));

const inNetwork = (host: string, network: string, bits: number): boolean => {
  const [family, other] = [isIP(host), isIP(network)];
  if (family === 0 || family !== other || bits > (family === 4 ? 32 : 128)) return false;
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(network, bits, kind);
  return list.check(host, kind);
};

/** `*`, a host with all below it, the same with a dot or star in front, a host with a port, a network. */
const covers = (entry: string, host: string, port: string): boolean => {
  if (entry === '*') return true;
  const [, network = '', bits = ''] = /^(.+)\/(\d{1,3})$/.exec(entry) ?? [];
  if (network !== '') return inNetwork(host, bare(network), Number(bits));
  if (isIP(bare(entry)) !== 0) return bare(entry) === host;
  const [, name = '', only] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
  if (only !== undefined && only !== port) return false;
  const domain = bare(name.replace(/^\*?\./, ''));
  return domain !== '' && (host === domain || host.endsWith(`.${domain}`));
};

/** As it may be said: a proxy's address often holds a password. */
export const withoutLogin = ({ protocol, host }: URL): string => `${protocol}//${host}`;

/**
 * The proxy for this server, or none. What runs on this machine is never reached through one: the credential would
 * leave the machine, in the clear where the server speaks plain HTTP.
 */
export const proxyFor = (url: URL, env: Env): URL | undefined => {
  const host = bare(url.hostname);
  if (isLoopback(host)) return undefined;
  const isTls = url.protocol === 'https:';
  const named = variable(env, isTls ? 'HTTPS_PROXY' : 'HTTP_PROXY') ?? variable(env, 'ALL_PROXY');
  if (named === undefined) return undefined;
  const port = url.port || (isTls ? '443' : '80');
  const excepted = (variable(env, 'NO_PROXY') ?? '').split(/[\s,]+/).filter((entry) => entry !== '');
  if (excepted.some((entry) => covers(entry, host, port))) return undefined;
  const text = named.includes('://') ? named : `http://${named}`;
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy !== undefined && ['http:', 'https:'].includes(proxy.protocol)) return proxy;
  const name = isTls ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const what = proxy === undefined ? 'is no address' : `speaks "${proxy.protocol.slice(0, -1)}", which mobius doesn't`;
  throw new MobiusError(
    'usage',
    `the proxy that ${name} or ALL_PROXY names ${what}`,
    {},
    'name one such as http://proxy:3128',
  );
};
