import { Agent, request } from 'node:http';

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

/** As many clients as there are sockets, on connections that stay; with several servers they take turns. */
export const clientsOf = (ports: readonly number[], sockets: number): Clients => {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets });
  return {
    ask: (path, { credential, method = 'POST', body, client = 0 }) =>
      new Promise((done, failed) => {
        const text = body === undefined ? '' : JSON.stringify(body);
        const headers = {
          Authorization: `Bearer ${credential}`,
          ...(body && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }),
        };
        const port = ports[client % ports.length];
        const at = { port, host: '127.0.0.1', path: `/v1/projects/default${path}`, method, agent, headers };
        request(at, (response) => {
          const parts: string[] = [];
          response.setEncoding('utf8').on('data', (part: string) => parts.push(part));
          response.on('end', () => {
            if ((response.statusCode ?? 500) < 300) done(parts.join(''));
            else failed(new Error(`${response.statusCode}: ${parts.join('')}`));
          });
        })
          .on('error', failed)
          .end(text);
      }),
    end: () => agent.destroy(),
  };
};

/** How often a second so many clients get it done, each at its next as soon as it has an answer. */
export const perSecond = async (
  clients: number,
  seconds: number,
  once: (client: number) => Promise<unknown>,
): Promise<number> => {
  const end = performance.now() + seconds * 1000;
  let done = 0;
  const client = async (_: unknown, n: number): Promise<void> => {
    for (; performance.now() < end; done++) await once(n);
  };
  await Promise.all(Array.from({ length: clients }, client));
  return done / seconds;
};
