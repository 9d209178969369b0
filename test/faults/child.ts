import { readFileSync } from 'node:fs';
import { openLocal } from '../../src/calls/local.ts';
import { MobiusError } from '../../src/errors.ts';
import type { Call } from '../../src/operations.ts';
import { world } from './world.ts';

/**
 * One of many that use one vault at once; the test bundles this file and starts it. It waits for the file `go`, which says
 * until when, and opens the vault anew for each step.
 */
const [task = '', path = '', keyFile = '', name = '', go = '', key = ''] = process.argv.slice(2);

const place = { path, keys: { keyFile, defaultKeyFile: () => keyFile } };

const opened = async <T>(work: (call: Call) => Promise<T>): Promise<T> => {
  const { call, close } = await openLocal(world, place, { kind: 'owner' });
  try {
    return await work(call);
  } finally {
    await close();
  }
};

const reported: { made: string[]; revoked: string[]; won: string[]; reads: number } = {
  made: [],
  revoked: [],
  won: [],
  reads: 0,
};

const tasks: Record<string, (step: number) => Promise<void>> = {
  /** Makes a key of its own, races the others for a name that all of them want, and revokes every second of its own. */
  async write(step) {
    await opened(async (call) => {
      const { id } = await call('api-keys.create', { name: `${name} ${step}`, principal_id: 'worker' });
      reported.made.push(id);
      try {
        await call('api-keys.create', { name: `wanted ${step}`, principal_id: 'worker' });
        reported.won.push(`wanted ${step}`);
      } catch (error) {
        if (!(error instanceof MobiusError) || error.code !== 'already_exists') throw error;
      }
      if (step % 2 === 0) {
        await call('api-keys.revoke', { id });
        reported.revoked.push(id);
      }
    });
  },

  async read() {
    await opened(async (call) => {
      const { items } = await call('api-keys.list', { state: 'active', limit: 20 });
      if (items[0]?.name !== 'first') throw new Error('the first key is not the first of the list');
      const verified = await call('api-keys.verify', { key });
      if (!verified.valid) throw new Error(`the first key is ${verified.code}`);
      await call('principals.get', { id: 'worker' });
      reported.reads += 1;
    });
  },
};

const untilWhen = async (): Promise<number> => {
  for (;;) {
    try {
      return Number(readFileSync(go, 'utf8'));
    } catch {
      await new Promise((done) => setTimeout(done, 50));
    }
  }
};

process.stdout.write('ready\n');
const until = await untilWhen();
const began = Date.now();
let step = 0;
try {
  do await tasks[task]?.(step++);
  while (Date.now() < until);
} catch (error) {
  const { code, hint } = error as MobiusError;
  process.stderr.write(`${name}, step ${step} after ${Date.now() - began} ms: ${code} ${error} ${hint ?? ''}\n`);
  process.exitCode = 1;
}
process.stdout.write(JSON.stringify(reported));
