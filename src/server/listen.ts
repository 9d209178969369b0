import { once } from 'node:events';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, type Stats } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { MobiusError } from '../errors.ts';
import { socketsAreFiles } from '../platform.ts';
import { type Address, spelled } from './address.ts';
import { refusalOfStatus } from './answer.ts';
import { type Plainly, readPlainly } from './connection.ts';

export interface Tls {
  cert: Uint8Array;
  key: Uint8Array;
}

/** One place that is listened on. */
export interface Listener {
  url: string;
  server: Server;
  /** Ends the connections on which nothing is asked or answered. */
  dropIdle(): void;
  dropAll(): void;
  /** Takes away what listening left in the file system. */
  clear(): void;
}

export interface Listening {
  /** Answers what has nothing unusual about it. */
  plainly(throughFile: boolean): Plainly;
  handle(request: IncomingMessage, response: ServerResponse, throughFile: boolean): void;
  /** For an answer to what never becomes a request. */
  newRequestId(): string;
}

const second = 1000;
const limits = {
  headersTimeout: 10 * second,
  requestTimeout: 30 * second,
  keepAliveTimeout: 20 * second,
  // Before there is TLS nobody else looks at the time.
  handshakeTimeout: 10 * second,
  // The timeouts above are looked after this often.
  connectionsCheckingInterval: second,
  maxHeaderSize: 16 * 1024,
};
const mostConnections = 2000;

const statusOfFault: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** An answer to bytes that are no request, written by hand since there is nothing to answer to. */
const rawRefusal = (status: number, id: string): string => {
  const body = JSON.stringify(refusalOfStatus(status).body);
  return [
    `HTTP/1.1 ${status} Refused`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    `X-Request-Id: ${id}`,
    '',
    body,
  ].join('\r\n');
};

/** The connections on which plain requests are read, before any of them is Node's, and those that are. */
const readFirst = (server: Server, event: 'connection' | 'secureConnection', { plainly }: Listening) => {
  const open = new Map<Socket, { isBusy(): boolean }>();
  const ofNode = new Set<Socket>();
  const toNode = server.listeners(event);
  server.removeAllListeners(event);
  let ports: Plainly | undefined;
  server.on(event, (socket: Socket) => {
    ports ??= plainly(typeof server.address() === 'string');
    const patience = { firstMs: limits.headersTimeout, laterMs: limits.keepAliveTimeout };
    const leave = (): void => {
      open.delete(socket);
      ofNode.add(socket);
      for (const listener of toNode) listener.call(server, socket);
    };
    open.set(socket, readPlainly(socket, ports, patience, leave));
    socket.once('close', () => {
      open.delete(socket);
      ofNode.delete(socket);
    });
  });
  return { plain: open, ofNode };
};

/** Gives what ends connections. */
const harden = (
  server: Server,
  event: 'connection' | 'secureConnection',
  listening: Listening,
): Pick<Listener, 'dropIdle' | 'dropAll'> => {
  const { handle, newRequestId } = listening;
  const { plain, ofNode } = readFirst(server, event, listening);
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  /** How many answers each connection waits for. */
  const busy = new WeakMap<object, number>();
  const broken = new WeakSet<object>();
  /** What arrives on a connection, or arrived last. */
  const latest = new WeakMap<object, IncomingMessage>();
  let isFile = false;
  server.on('listening', () => {
    isFile = typeof server.address() === 'string';
  });
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    busy.set(socket, (busy.get(socket) ?? 0) + 1);
    latest.set(socket, request);
    response.once('close', () => {
      const left = (busy.get(socket) ?? 1) - 1;
      busy.set(socket, left);
      if (left === 0 && broken.has(socket)) socket.destroySoon();
    });
    handle(request, response, isFile);
  };
  server.maxConnections = mostConnections;
  // Who reads no answer for so long keeps no place; who waits for one may.
  server.setTimeout(limits.keepAliveTimeout, (socket: Socket) => {
    if ((busy.get(socket) ?? 0) === 0 || socket.writableLength > 0) socket.destroy();
  });
  server.on('request', answer);
  // An expectation that we don't know is no reason to refuse what else is asked.
  server.on('checkExpectation', answer);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // What can't be encrypted would wait for ever to be sent.
    if (error.code === 'ECONNRESET' || !socket.writable || !ofNode.has(socket)) {
      socket.destroy();
      return;
    }
    // It is the body of the request itself that doesn't come: nobody will ever answer it.
    if (latest.get(socket)?.complete === false) {
      socket.destroy();
      return;
    }
    // Garbage behind a request: an answer to it now would look like that one's. What is owed comes, then the end.
    if (broken.has(socket) || (busy.get(socket) ?? 0) > 0) {
      broken.add(socket);
      return;
    }
    socket.write(rawRefusal(statusOfFault[error.code ?? ''] ?? 400, newRequestId()));
    socket.destroySoon();
  });
  // Node calls one idle whose answer waits for a caller that reads slowly, also when it closes the server.
  const closeIdle = server.closeIdleConnections.bind(server);
  server.closeIdleConnections = () => {
    if ([...ofNode].every(({ writableLength }) => writableLength === 0)) closeIdle();
  };
  return {
    dropIdle() {
      server.closeIdleConnections();
      for (const [socket, { isBusy }] of plain) if (!isBusy()) socket.destroy();
      // One that has not said a word yet counts as idle here, not with Node.
      for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
    },
    dropAll() {
      server.closeAllConnections();
      // Of those whose TLS isn't there yet nobody knows but us.
      for (const socket of open) socket.destroy();
    },
  };
};

const words = ({ errno = 0, message }: NodeJS.ErrnoException): string => getSystemErrorMap().get(errno)?.[1] ?? message;

const refused = (flag: string, value: string, error: unknown): MobiusError => {
  const fault = error as NodeJS.ErrnoException;
  const hint =
    fault.code === 'EADDRINUSE' ? 'something listens there already: stop it, or choose another place' : undefined;
  return new MobiusError('internal', `can't listen on ${flag} "${value}": ${words(fault)}`, {}, hint);
};

const begin = async (server: Server, where: { host: string; port: number } | { path: string }): Promise<void> => {
  server.listen(where);
  await once(server, 'listening');
};

export const listenOn = async (address: Address, tls: Tls | undefined, listening: Listening): Promise<Listener> => {
  let server: Server;
  try {
    server =
      tls === undefined
        ? createServer(limits)
        : createTlsServer({
            ...limits,
            minVersion: 'TLSv1.2',
            cert: Buffer.from(tls.cert),
            key: Buffer.from(tls.key),
          });
  } catch {
    throw new MobiusError('usage', '--tls-cert and --tls-key are no certificate and its key in PEM');
  }
  const drops = harden(server, tls === undefined ? 'connection' : 'secureConnection', listening);
  try {
    await begin(server, address);
  } catch (error) {
    throw refused('--listen', spelled(address), error);
  }
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  const url = `${tls === undefined ? 'http' : 'https'}://${spelled({ host: address.host, port })}`;
  return { url, server, ...drops, clear: () => undefined };
};

const answers = (path: string): Promise<boolean> =>
  new Promise((done, failed) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') done(false);
      else failed(error);
    });
  });

/** A socket that a killed process left may go; one that answers, and a file of any other kind, may not. */
const refuseTaken = async (path: string, found: Stats | undefined): Promise<void> => {
  if (found === undefined) return;
  if (!found.isSocket()) throw new MobiusError('conflict', `--unix "${path}" is there already and is no socket`);
  if (await answers(path)) {
    const hint = 'stop that one, or choose another path';
    throw new MobiusError('conflict', `somebody answers on --unix "${path}" already`, {}, hint);
  }
};

/** Bound in a folder that only we can enter and named when its mode is right: at no moment can others connect. */
const bindPrivately = async (server: Server, path: string): Promise<() => void> => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  await refuseTaken(path, lstatSync(path, { throwIfNoEntry: false }));
  const folder = mkdtempSync(join(dirname(path), '.s-'));
  const draft = join(folder, 's');
  try {
    await begin(server, { path: draft });
    chmodSync(draft, 0o600);
    renameSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
    rmdirSync(folder);
  }
  const { ino } = lstatSync(path);
  return () => {
    if (lstatSync(path, { throwIfNoEntry: false })?.ino === ino) rmSync(path, { force: true });
  };
};

export const listenOnSocket = async (
  path: string,
  platform: NodeJS.Platform,
  listening: Listening,
): Promise<Listener> => {
  const server = createServer(limits);
  const drops = harden(server, 'connection', listening);
  const url = `unix:${path}`;
  try {
    if (socketsAreFiles(platform)) return { url, server, ...drops, clear: await bindPrivately(server, path) };
    await begin(server, { path });
    return { url, server, ...drops, clear: () => undefined };
  } catch (error) {
    server.close();
    throw error instanceof MobiusError ? error : refused('--unix', path, error);
  }
};

/** Takes nothing new, waits for what is being answered, and after the limit for nothing any more. */
export const endAll = async (listeners: readonly Listener[], limitMs: number): Promise<void> => {
  const timer = setTimeout(() => {
    for (const { dropAll } of listeners) dropAll();
  }, limitMs);
  // Whoever was told to keep the connection would keep us waiting with it.
  const ticker = setInterval(() => {
    for (const { dropIdle } of listeners) dropIdle();
  }, 50);
  await Promise.all(
    listeners.map(async ({ server, dropIdle, clear }) => {
      clear();
      await new Promise((ended) => {
        server.close(ended);
        dropIdle();
      });
    }),
  );
  clearTimeout(timer);
  clearInterval(ticker);
};
