import { expect, test } from 'vitest';
import { createHttpWorld, json, sending } from './world.ts';

// For test/http/order.test.ts, once the core identifies before it validates. It passed here with such a core.
test('a credential that is refused is refused before anything is said of the rest', async () => {
  const world = await createHttpWorld();
  const path = '/v1/projects/default/secrets';
  const asked = [
    await world.ask('POST', path, { headers: json, body: '{bad' }),
    await world.ask('POST', path, { key: 'x', headers: json, body: '{bad' }),
    await world.ask('POST', path, { key: 'x', headers: { 'Content-Type': 'text/plain' }, body: 'a' }),
    await world.ask('GET', `${path}?limit=x`, { key: 'x' }),
    await world.ask('GET', path, { key: 'x', headers: json, body: 'a' }),
    await world.ask('POST', path, { key: 'x', headers: { ...json, 'Content-Length': '15000000' } }),
    await world.ask('POST', path, { headers: { ...json, 'Content-Length': '15000' } }),
    await world.ask('POST', path, sending({}, 'x')),
  ];
  expect(asked.map(({ status }) => status)).toEqual(asked.map(() => 401));
  await world.close();
});
