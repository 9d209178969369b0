import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';

/** Small real servers on this machine; each is gone when its test is over. */

const running: (() => Promise<unknown>)[] = [];
const folders: string[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((stop) => stop()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

interface Listening {
  listen(port: number, host: string, done: () => void): unknown;
  address(): unknown;
  close(done: () => void): unknown;
  on(event: 'connection', taken: (socket: Socket) => void): unknown;
}

const listen = async (server: Listening): Promise<number> => {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  running.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((done) => server.close(done));
  });
  return (server.address() as AddressInfo).port;
};

export interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export type Reply = { status: number; headers?: Record<string, string>; json?: unknown; text?: string };

/** Notes what it was asked, and answers one reply after the other, the last one for ever. */
export const replying =
  (seen: Seen[], ...replies: Reply[]): RequestListener =>
  (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const {
        status,
        headers: more = {},
        json,
        text,
      } = replies[Math.min(seen.length, replies.length - 1)] ?? { status: 500 };
      seen.push({ method, url, headers, body: Buffer.concat(parts).toString() });
      response.writeHead(status, { 'Content-Type': 'application/json', ...more });
      response.end(json === undefined ? text : JSON.stringify(json));
    });
  };

export const httpServer = async (listener: RequestListener): Promise<string> =>
  `http://127.0.0.1:${await listen(createServer(listener))}`;

export const tcpServer = async (taken: (socket: Socket) => void): Promise<number> => listen(createTcpServer(taken));

export const tlsServer = async (
  listener: RequestListener,
  { cert, key }: { cert: string; key: string },
): Promise<number> => listen(createTlsServer({ cert, key }, listener));

/** A certificate that is its own authority, for these names. */
export const certificate = (names: string): { cert: string; key: string; path: string } => {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-tls-'));
  folders.push(folder);
  const [key, path] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=fake'];
  const line = [
    'req',
    '-x509',
    ...options,
    '-days',
    '2',
    '-addext',
    `subjectAltName=${names}`,
    '-keyout',
    key,
    '-out',
    path,
  ];
  const { status, stderr } = spawnSync('openssl', line, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ended with ${status}: ${stderr}`);
  return { cert: readFileSync(path, 'utf8'), key: readFileSync(key, 'utf8'), path };
};

export interface Proxied {
  line: string;
  headers: IncomingMessage['headers'];
}

/** A proxy that takes every host for this machine; with a status it refuses them all. */
export const proxyServer = async (seen: Proxied[], refusal?: number): Promise<string> => {
  const server: Server = createServer((request, response) => {
    seen.push({ line: `${request.method} ${request.url}`, headers: request.headers });
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"kind":"proxied"}');
  });
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    seen.push({ line: `CONNECT ${request.url}`, headers: request.headers });
    socket.on('error', () => undefined);
    if (refusal !== undefined) {
      socket.end(`HTTP/1.1 ${refusal} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const port = Number(request.url?.split(':')[1]);
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket);
      socket.pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    running.push(async () => void onward.destroy());
  });
  return `http://127.0.0.1:${await listen(server)}`;
};

/** A port that nothing listens at. */
export const freePort = async (): Promise<number> => {
  const server = createTcpServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((done) => server.close(() => done()));
  return port;
};
