import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { MobiusError } from '../errors.ts';
import { failureOf, notConnected, type Route, tooLarge, tooLate } from './failures.ts';
import { proxyFor, withoutLogin } from './proxy.ts';

export interface Request {
  method: string;
  /** With its query, as it goes over the wire. */
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface Answer {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  text: string;
}

export interface Connection {
  /** The address without any login, for a person. */
  readonly url: string;
  /** One request and its answer, whatever the status. Rejects with MobiusError where none came. Follows nothing. */
  send(request: Request): Promise<Answer>;
  /** Lets go of idle connections. */
  close(): void;
}

export interface Ways {
  env: Readonly<Record<string, string | undefined>>;
  /** Certificates of authorities that are trusted besides those of the system, as PEM. */
  ca?: string | undefined;
  /** A socket on this machine that takes the place of host and port. */
  socketPath?: string | undefined;
  /** For the whole of an answer, at most, whatever MOBIUS_TIMEOUT says. */
  timeoutMs?: number | undefined;
}

const connectMs = 10_000;
const answerMs = 30_000;
const largest = 32 * 1024 * 1024;

/** The address of a server as somebody wrote it. What would be lost, or leak, when paths are put behind it is refused. */
export const serverUrl = (text: string): URL => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    const hint = 'such as https://mobius.example.com';
    // What stands before an @ may be a password.
    const shown = text.replace(/^.*@/s, '');
    throw new MobiusError('usage', `"${shown}" is no address of a server`, { field: 'api_url' }, hint);
  }
  if (url.username !== '' || url.password !== '') {
    const hint = 'a key is given with --api-key or MOBIUS_API_KEY';
    throw new MobiusError('usage', 'the address of a server must hold no login', { field: 'api_url' }, hint);
  }
  if (url.search !== '' || url.hash !== '') {
    throw new MobiusError('usage', 'the address of a server must have no ? and no #', { field: 'api_url' });
  }
  return url;
};

const withoutEnd = (path: string): string => {
  let end = path.length;
  while (path.endsWith('/', end) && end > 0) end -= 1;
  return path.slice(0, end);
};

/** The same address, however it was written. */
export const plainUrl = ({ origin, pathname }: URL): string => origin + withoutEnd(pathname);

const timeoutOf = ({ env, timeoutMs = Number.POSITIVE_INFINITY }: Ways): number => {
  const text = env.MOBIUS_TIMEOUT;
  if (text === undefined || text === '') return Math.min(answerMs, timeoutMs);
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0 && seconds <= 3600) return Math.min(seconds * 1000, timeoutMs);
  throw new MobiusError('usage', `MOBIUS_TIMEOUT must be seconds, at most 3600, not "${text}"`);
};

type Start = (path: string, headers: Record<string, string>, more: RequestOptions) => ClientRequest;

interface Line {
  start: Start;
  agent: Agent;
}

/** Said here, for a variable of Node's could turn the check off for whoever forgot that it is set. */
const checked = { rejectUnauthorized: true } as const;

const authorities = async (ca: string | undefined): Promise<{ ca?: string[] }> => {
  if (ca === undefined) return {};
  const { rootCertificates } = await import('node:tls');
  return { ca: [...rootCertificates, ca] };
};

const proxyLogin = ({ username, password }: URL): Record<string, string> => {
  if (username === '') return {};
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'Proxy-Authorization': `Basic ${Buffer.from(login).toString('base64')}` };
};

/** TLS to the server itself, through a tunnel where a proxy stands between. */
const tlsLine = async (url: URL, proxy: URL | undefined, ways: Ways): Promise<Line> => {
  const https = await import('node:https');
  const trust = await authorities(ways.ca);
  if (proxy === undefined) {
    const agent = new https.Agent({ keepAlive: true, ...trust, ...checked });
    return {
      agent,
      start: (path, headers, more) => https.request(url, { ...more, path, headers, agent, ...trust, ...checked }),
    };
  }
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  const agent = new HttpsProxyAgent(proxy, { keepAlive: true, ...trust });
  return {
    agent,
    start: (path, headers, more) => https.request(url, { ...more, path, headers, agent, ...trust, ...checked }),
  };
};

/** Plain HTTP: to a proxy as a whole address, as proxies want it. */
const plainLine = async (url: URL, proxy: URL | undefined): Promise<Line> => {
  const http = await import('node:http');
  if (proxy === undefined) {
    const agent = new http.Agent({ keepAlive: true });
    return { agent, start: (path, headers, more) => http.request(url, { ...more, path, headers, agent }) };
  }
  const { request, Agent } = proxy.protocol === 'https:' ? await import('node:https') : http;
  const agent = new Agent({ keepAlive: true });
  const login = proxyLogin(proxy);
  const start: Start = (path, headers, more) =>
    request(withoutLogin(proxy), {
      ...more,
      path: `${url.origin}${path}`,
      headers: { ...headers, Host: url.host, ...login },
      agent,
    });
  return { agent, start };
};

const readAnswer = (response: IncomingMessage, url: string): Promise<Answer> =>
  new Promise((done, failed) => {
    const parts: Buffer[] = [];
    let size = 0;
    response.on('data', (part: Buffer) => {
      size += part.length;
      parts.push(part);
      if (size <= largest) return;
      response.destroy();
      failed(tooLarge({ url }, largest));
    });
    response.on('error', failed);
    response.on('end', () => {
      const { statusCode: status = 0, headers } = response;
      done({ status, headers, text: Buffer.concat(parts).toString('utf8') });
    });
  });

const givenUp = (): MobiusError => new MobiusError('service_unavailable', 'the call was given up', { reason: 'abort' });

/** Whom a request tells what becomes of it. Only the first answer or failure counts. */
interface Going {
  connected(): void;
  done(answer: Answer): void;
  failed(error: unknown): void;
}

/** Sends a request. What it gives ends it, whatever it is at. */
export type Begin = (going: Going) => { destroy(): unknown };

const beginWith =
  (request: ClientRequest, { body }: Request, route: Route): Begin =>
  ({ connected, done, failed }) => {
    request.on('socket', (socket) => {
      if (!socket.connecting) connected();
      else socket.once(route.isTls && route.proxy === undefined ? 'secureConnect' : 'connect', connected);
    });
    request.on('error', failed);
    request.on('response', (response) => {
      connected();
      readAnswer(response, route.url).then(done, failed);
    });
    request.end(body);
    return request;
  };

/** Waits for the answer within both limits: to be connected, and for all of it. */
const exchange = (begin: Begin, { signal }: Request, route: Route, limitMs: number): Promise<Answer> => {
  let giveUp = (): void => undefined;
  let timers: NodeJS.Timeout[] = [];
  const answer = new Promise<Answer>((done, refused) => {
    const failed = (error: unknown): void => refused(error instanceof MobiusError ? error : failureOf(error, route));
    const stop = (error: MobiusError): void => {
      failed(error);
      carried.destroy();
    };
    giveUp = () => stop(givenUp());
    const connecting = setTimeout(() => stop(notConnected(route)), Math.min(connectMs, limitMs));
    timers = [connecting, setTimeout(() => stop(tooLate(route, limitMs)), limitMs)];
    const carried = begin({ connected: () => clearTimeout(connecting), done, failed });
    signal?.addEventListener('abort', giveUp, { once: true });
  });
  return answer.finally(() => {
    for (const timer of timers) clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  });
};

/** A proxy that will not make the tunnel answers in the server's place. */
const refuseProxyAnswer = (request: ClientRequest, proxy: string): { error?: MobiusError } => {
  const found: { error?: MobiusError } = {};
  request.on('proxyConnect', ({ statusCode }: { statusCode: number }) => {
    if (statusCode === 200) return;
    const hint = statusCode === 407 ? 'it wants a login: http://NAME:PASSWORD@HOST:PORT' : undefined;
    const message = `the proxy "${proxy}" refused the way to the server with status ${statusCode}`;
    found.error = new MobiusError('service_unavailable', message, { reason: 'proxy' }, hint);
  });
  return found;
};

export const openConnection = (address: URL, ways: Ways): Connection => {
  const url = ways.socketPath ?? plainUrl(address);
  const proxy = ways.socketPath === undefined ? proxyFor(address, ways.env) : undefined;
  const isTls = address.protocol === 'https:';
  const route: Route = { url, host: address.host, isTls, proxy: proxy && withoutLogin(proxy) };
  const limitMs = timeoutOf(ways);
  const base = withoutEnd(address.pathname);
  let opened: Promise<Line> | undefined;
  return {
    url,
    async send(asked) {
      if (asked.signal?.aborted) throw givenUp();
      const length = asked.body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(asked.body)) };
      const headers = { ...asked.headers, ...length };
      if (ways.socketPath !== undefined) {
        const { askSocket } = await import('./socket.ts');
        return exchange(askSocket(ways.socketPath, { ...asked, headers }, largest), asked, route, limitMs);
      }
      opened ??= isTls ? tlsLine(address, proxy, ways) : plainLine(address, proxy);
      const { start } = await opened;
      const request = start(base + asked.path, headers, { method: asked.method });
      const refused = isTls && route.proxy !== undefined ? refuseProxyAnswer(request, route.proxy) : {};
      const begin = beginWith(request, asked, route);
      const [answer] = await Promise.allSettled([exchange(begin, asked, route, limitMs)]);
      if (refused.error !== undefined) throw refused.error;
      if (answer.status === 'rejected') throw answer.reason;
      return answer.value;
    },
    close() {
      void opened?.then(({ agent }) => agent.destroy()).catch(() => undefined);
    },
  };
};
