import { connect, type Socket } from 'node:net';

/** One call of the API, by the client of that number. */
export interface Asked {
  credential: string;
  method?: 'GET' | 'POST';
  body?: object;
  client?: number;
}

export interface Clients {
  ask(path: string, asked: Asked): Promise<string>;
  end(): void;
}

const head = Buffer.from('\r\n\r\n');

/** One connection that stays, with one request at a time on it. */
interface Line {
  /** A server closes what was silent for long. */
  readonly isClosed: boolean;
  send(request: string): Promise<string>;
  end(): void;
}

/**
 * Reads answers itself: node:http works longer for a request than a server that does nothing does, and would be what is
 * measured.
 */
const openLine = (port: number): Line => {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let got: Buffer = Buffer.alloc(0);
  let waiting: { done: (text: string) => void; failed: (error: Error) => void } | undefined;
  const take = (): void => {
    const at = got.indexOf(head);
    if (at < 0) return;
    const lines = got.toString('latin1', 0, at);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(lines)?.[1] ?? 0);
    if (got.length < at + head.length + length) return;
    const body = got.toString('utf8', at + head.length, at + head.length + length);
    got = got.subarray(at + head.length + length);
    const asked = waiting;
    waiting = undefined;
    const status = lines.slice(9, 12);
    if (status < '300') asked?.done(body);
    else asked?.failed(new Error(`${status}: ${body}`));
  };
  const fail = (error: Error): void => {
    waiting?.failed(error);
    waiting = undefined;
  };
  socket.on('data', (part: Buffer) => {
    got = got.length === 0 ? part : Buffer.concat([got, part]);
    take();
  });
  socket.on('error', fail).on('close', () => fail(new Error('the connection was closed')));
  return {
    get isClosed() {
      return socket.destroyed || socket.readableEnded;
    },
    send: (request) =>
      new Promise((done, failed) => {
        waiting = { done, failed };
        socket.write(request);
      }),
    end: () => socket.destroy(),
  };
};

/** As many clients as there are connections, which stay; with several servers they take turns. */
export const clientsOf = (ports: readonly number[], connections: number): Clients => {
  const pools = ports.map((port) => ({ port, opened: 0, free: [] as Line[], queue: [] as ((line: Line) => void)[] }));
  const each = Math.ceil(connections / ports.length);
  const all = new Set<Line>();

  const lineOf = (pool: (typeof pools)[number]): Line | Promise<Line> => {
    for (let free = pool.free.pop(); free !== undefined; free = pool.free.pop()) {
      if (!free.isClosed) return free;
      all.delete(free);
      pool.opened--;
    }
    if (pool.opened >= each) return new Promise((done) => pool.queue.push(done));
    pool.opened++;
    const line = openLine(pool.port);
    all.add(line);
    return line;
  };

  return {
    async ask(path, { credential, method = 'POST', body, client = 0 }) {
      const pool = pools[client % pools.length];
      if (pool === undefined) throw new Error('no server');
      const text = body === undefined ? '' : JSON.stringify(body);
      const about =
        text === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n`;
      const start = `${method} /v1/projects/default${path} HTTP/1.1\r\nHost: 127.0.0.1:${pool.port}\r\n`;
      const line = await lineOf(pool);
      try {
        return await line.send(`${start}Authorization: Bearer ${credential}\r\n${about}\r\n${text}`);
      } finally {
        const next = pool.queue.shift();
        if (next === undefined) pool.free.push(line);
        else next(line);
      }
    },
    end: () => {
      for (const line of all) line.end();
    },
  };
};

/** How often a second so many clients get it done, each at its next as soon as it has an answer; and how long each took. */
export const timed = async (
  clients: number,
  seconds: number,
  once: (client: number) => Promise<unknown>,
): Promise<{ perSecond: number; times: number[] }> => {
  const began = performance.now();
  const end = began + seconds * 1000;
  const times: number[] = [];
  const client = async (_: unknown, n: number): Promise<void> => {
    for (let at = performance.now(); at < end; ) {
      await once(n);
      const now = performance.now();
      times.push(now - at);
      at = now;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { perSecond: (times.length * 1000) / (performance.now() - began), times };
};

export const perSecond = async (...asked: Parameters<typeof timed>): Promise<number> =>
  (await timed(...asked)).perSecond;

/** What so many of a hundred stay below. */
export const percentile = (times: readonly number[], percent: number): number =>
  [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor((times.length * percent) / 100))] ?? 0;
