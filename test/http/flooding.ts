import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { formatKey } from '../../src/core/key-format.ts';

/** One request of a flood, of which only the status is looked at. */
export interface Shown {
  key: string;
  /** As the proxy before the server tells it. */
  address?: string;
  path?: string;
}

export const malformedKey = (): string => `mbx_${randomBytes(36).toString('hex').slice(0, 49)}`;

/** As well formed as one that was issued. */
export const unknownKey = (): string => formatKey('mbx_', new Uint8Array(randomBytes(32)));

/** Of a network that is for documents. */
export const addressAt = (n: number): string => `2001:db8::${(n % 65_536).toString(16)}`;

/** On connections that stay; gives how many had which status. */
export const flood = async (
  port: number,
  count: number,
  shown: (n: number) => Shown,
  connections = 16,
): Promise<Record<number, number>> => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const statuses: Record<number, number> = {};
  const send = ({ key, address, path = '/v1/auth/whoami' }: Shown): Promise<void> =>
    new Promise((done, failed) => {
      const headers = {
        Authorization: `Bearer ${key}`,
        ...(address === undefined ? {} : { 'X-Forwarded-For': address }),
      };
      request({ port, host: '127.0.0.1', path, agent, headers }, (response) => {
        const status = response.statusCode ?? 0;
        statuses[status] = (statuses[status] ?? 0) + 1;
        response.resume().on('end', done);
      })
        .on('error', failed)
        .end();
    });
  let next = 0;
  const connection = async (): Promise<void> => {
    while (next < count) await send(shown(next++));
  };
  try {
    await Promise.all(Array.from({ length: connections }, connection));
  } finally {
    agent.destroy();
  }
  return statuses;
};
