import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import type { Io } from '../../src/io.ts';
import { type ServeOptions, startServer } from '../../src/server/serve.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { makeVault, type TestVault } from '../core/world.ts';
import { problemOf } from '../scripts/contract.ts';

export interface Answered {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** Undefined where there was no body, or none of JSON. */
  body: unknown;
}

export interface Asked {
  /** What stands behind `Bearer`. */
  key?: string;
  headers?: Readonly<Record<string, string | string[]>>;
  body?: string | Uint8Array;
}

/** A server of this process over a vault of its own. */
export interface HttpWorld {
  vault: TestVault;
  url: string;
  port: number;
  stop(): Promise<void>;
  /** Does now what else is done within a second. */
  settle(): Promise<void>;
  ask(method: string, path: string, asked?: Asked): Promise<Answered>;
  /** Sends bytes as they are, and gives all that comes back until the other side closes or it is quiet. */
  raw(bytes: string | Uint8Array, quietMs?: number): Promise<string>;
  log(): string;
  entries(): Record<string, unknown>[];
  close(): Promise<void>;
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

export interface Where {
  port?: number;
  socketPath?: string;
}

/** Whatever a test asks for: an answer of a documented operation is as the description has it. */
const holdAgainstDescription = (method: string, url: string, { status, headers, text }: Answered): void => {
  const problem = problemOf({ method, url, status, headers, body: text });
  if (problem === undefined || /^no such (path|method)/.test(problem)) return;
  throw new Error(`${method} ${url} -> ${status} is not as schemas/openapi.json has it: ${problem}\n${text}`);
};

/** As it comes: for paths where others than we say what an answer looks like. */
export const exchange = async (where: Where, method: string, path: string, asked: Asked = {}): Promise<Answered> => {
  const { key, headers = {}, body } = asked;
  const request = httpRequest({
    ...where,
    host: '127.0.0.1',
    method,
    path,
    agent: false,
    headers: {
      // As whoever calls a service does; who closes at once is answered by other means.
      Connection: 'keep-alive',
      ...(key === undefined ? {} : { Authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
      ...headers,
    },
  });
  const answered = once(request, 'response');
  request.end(body);
  const [response] = await answered;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return { status: response.statusCode, headers: response.headers, text, body: parsed(text) };
};

export const ask: typeof exchange = async (where, method, path, asked) => {
  const result = await exchange(where, method, path, asked);
  holdAgainstDescription(method, path, result);
  return result;
};

export const json = { 'Content-Type': 'application/json' };

/** A request whose body is this, as JSON. */
export const sending = (value: unknown, key?: string): Asked => ({
  ...(key === undefined ? {} : { key }),
  headers: json,
  body: JSON.stringify(value),
});

export const rawTo = (port: number, bytes: string | Uint8Array, quietMs = 2000): Promise<string> =>
  new Promise((done) => {
    const parts: Buffer[] = [];
    const socket = connect(port, '127.0.0.1');
    const end = (): void => {
      socket.destroy();
      done(Buffer.concat(parts).toString());
    };
    socket.setTimeout(quietMs, end);
    socket.on('data', (part) => parts.push(part));
    socket.on('error', () => undefined);
    socket.on('close', end);
    socket.write(bytes);
  });

export const createHttpWorld = async (
  options: Partial<ServeOptions> = {},
  { io: given = {}, vault: existing }: { io?: Partial<Io>; vault?: TestVault } = {},
): Promise<HttpWorld> => {
  const vault = existing ?? (await makeVault());
  const { io, stderr } = fakeIo();
  const { world, place } = vault;
  const serving = await startServer(
    { ...io, now: world.now, ...given },
    { world, place },
    { ...(options.unix === undefined ? { listen: { host: '127.0.0.1', port: 0 } } : {}), ...options },
  );
  const port = Number(/:(\d+)$/.exec(serving.url)?.[1] ?? 0);
  return {
    vault,
    url: serving.url,
    port,
    stop: serving.stop,
    settle: serving.settle,
    ask: (...asked) => ask({ port }, ...asked),
    raw: (bytes, quietMs) => rawTo(port, bytes, quietMs),
    log: stderr,
    entries: () =>
      stderr()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    async close() {
      await serving.stop();
      await vault.close();
    },
  };
};

/** The code of an error's body. */
export const codeOf = ({ body }: Answered): string | undefined =>
  (body as { error?: { code?: string } } | undefined)?.error?.code;

export const messageOf = ({ body }: Answered): string | undefined =>
  (body as { error?: { message?: string } } | undefined)?.error?.message;
