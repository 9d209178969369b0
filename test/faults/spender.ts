import { existsSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { openLocal } from '../../src/calls/local.ts';
import { world } from './world.ts';

/**
 * One of many that spend one token; the test bundles this file and starts it. It waits for the file `go`, then asks again
 * and again until it was refused some times, and tells what it was answered.
 */
const [task = '', go = '', token = '', limit = '', ...where] = process.argv.slice(2);

/** A refusal that is not the last word would show: a count that is over stays over. */
const refusalsAtEnd = 3;

const told = { remaining: [] as number[], refused: {} as Record<string, number>, lost: 0 };

/** What one try came to: what was left after a yes, the code of a no, nothing where no answer came back. */
type Tried = number | string | undefined;

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const spend = async (attempt: () => Promise<Tried>): Promise<void> => {
  let refusals = 0;
  // Where a limit that does not hold would have it go on for ever, one yes too many is enough.
  while (refusals < refusalsAtEnd && told.remaining.length <= Number(limit)) {
    const tried = await attempt();
    if (typeof tried === 'number') told.remaining.push(tried);
    else if (tried === undefined) told.lost++;
    else {
      told.refused[tried] = (told.refused[tried] ?? 0) + 1;
      refusals++;
    }
  }
};

const started = async (): Promise<void> => {
  process.stdout.write('ready\n');
  while (!existsSync(go)) await pause(5);
};

interface Answered {
  status: number;
  body: {
    valid?: boolean;
    code?: string;
    remaining?: number;
    error?: { code: string; details?: { reason?: string } };
  };
}

/** Over one connection that is kept; undefined where it broke before the answer was there. */
const asking = (port: number, credential: string) => {
  const agent = new Agent({ keepAlive: true });

  const once = (method: string, path: string, body: string): Promise<Answered> =>
    new Promise((done, failed) => {
      const length = Buffer.byteLength(body);
      const headers = {
        Authorization: `Bearer ${credential}`,
        ...(length === 0 ? {} : { 'Content-Type': 'application/json', 'Content-Length': length }),
      };
      request({ host: '127.0.0.1', port, method, path, agent, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', failed);
        response.on('end', () =>
          done({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(parts).toString()) }),
        );
      })
        .on('error', failed)
        .end(body);
    });

  return async (method: string, path: string, body = ''): Promise<Answered | undefined> => {
    for (;;) {
      try {
        return await once(method, path, body);
      } catch (error) {
        // Where nobody listens nothing was asked: the next server is waited for.
        if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') return undefined;
        await pause(20);
      }
    }
  };
};

const verdict = ({ valid, code = '', remaining = Number.NaN }: Answered['body']): Tried => (valid ? remaining : code);

const tasks: Record<string, () => Promise<void>> = {
  async local() {
    const [path = '', keyFile = ''] = where;
    const place = { path, keys: { keyFile, defaultKeyFile: () => keyFile } };
    const { call, close } = await openLocal(world, place, { kind: 'owner' });
    await started();
    await spend(async () => verdict(await call('tokens.verify', { token })));
    await close();
  },

  async server() {
    const [port = '', credential = ''] = where;
    const ask = asking(Number(port), credential);
    await started();
    await spend(async () => {
      const answered = await ask('POST', '/v1/projects/default/tokens/verify', JSON.stringify({ token }));
      if (answered === undefined) return undefined;
      return answered.status === 200 ? verdict(answered.body) : `${answered.status} ${JSON.stringify(answered.body)}`;
    });
  },

  /** The token is what is shown: whoever reads with it spends it. */
  async bearer() {
    const [port = ''] = where;
    const ask = asking(Number(port), token);
    await started();
    await spend(async () => {
      const answered = await ask('GET', '/v1/projects/default/principals');
      if (answered === undefined || answered.status === 200) return answered && 0;
      return `${answered.status} ${answered.body.error?.code} ${answered.body.error?.details?.reason}`;
    });
  },
};

await tasks[task]?.();
process.stdout.write(JSON.stringify(told));
// The agent's connections would keep the process for some seconds.
process.exit(0);
