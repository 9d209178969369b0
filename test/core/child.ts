import { openLocal } from '../../src/calls/local.ts';
import { MobiusError } from '../../src/errors.ts';
import { uuidSource } from '../../src/uuid.ts';

/**
 * One of many processes that work on one vault at once; the tests bundle this file and start it. It makes keys of its
 * own, races the others for names that all of them want, and revokes every second key that it made.
 */
const [path = '', keyFile = '', name = '', times = '0'] = process.argv.slice(2);

const world = { now: () => Date.now(), newUuid: uuidSource(Date.now, (bytes) => crypto.getRandomValues(bytes)) };
const { call, close } = await openLocal(
  world,
  { path, keys: { keyFile, defaultKeyFile: () => keyFile } },
  { kind: 'owner' },
);

const wonBy: string[] = [];
for (let i = 0; i < Number(times); i++) {
  const { id } = await call('api-keys.create', { name: `${name} ${i}`, principal_id: 'worker' });
  try {
    await call('api-keys.create', { name: `wanted ${i}`, principal_id: 'worker' });
    wonBy.push(`wanted ${i}`);
  } catch (error) {
    if (!(error instanceof MobiusError) || error.code !== 'already_exists') throw error;
  }
  if (i % 2 === 0) await call('api-keys.revoke', { id });
}
await close();
process.stdout.write(JSON.stringify(wonBy));
