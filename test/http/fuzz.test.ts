import { expect, test } from 'vitest';
import { fuzz } from '../faults/fuzz-http.ts';
import { createHttpWorld } from './world.ts';

test('whatever comes, the server answers, and never that it failed', async () => {
  const world = await createHttpWorld({ log: 'error' });
  const { key } = await world.vault.client('fuzzed', ['owner']);
  const { sent, statuses, faults } = await fuzz({ port: world.port, key }, { count: 3000, seed: 7, limitMs: 120_000 });
  expect(faults).toEqual([]);
  expect(sent).toBe(3000);
  // It is more than a wall that was hit: what was made up is done, refused and not found.
  for (const status of ['200', '400', '401', '404', '405']) expect(statuses[status] ?? 0).toBeGreaterThan(0);
  expect(world.log()).not.toContain('"level":"error"');
  expect(await world.ask('GET', '/healthz')).toMatchObject({ status: 200 });
  await world.close();
}, 180_000);
