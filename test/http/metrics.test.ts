import { afterEach, expect, test, vi } from 'vitest';
import type { Soon } from '../../src/core/soon.ts';
import { openAhead } from '../../src/server/ahead.ts';
import { createHttpWorld, type HttpWorld } from './world.ts';

let world: HttpWorld | undefined;

afterEach(async () => {
  vi.useRealTimers();
  await world?.close();
  world = undefined;
});

const day = 86_400_000;

/** The gauges of what is to come, by name and labels. */
const gaugesOf = (text: string): Record<string, number> =>
  Object.fromEntries(
    [...text.matchAll(/^(mobius_(?:api_keys|secrets)_expiring\S*) (\S+)$/gm)].map(([, name, value]) => [
      name,
      Number(value),
    ]),
  );

const scrape = async ({ ask }: HttpWorld): Promise<Record<string, number>> => {
  const { status, text } = await ask('GET', '/metrics');
  expect(status).toBe(200);
  expect(text).toContain('mobius_http_in_flight 1');
  return gaugesOf(text);
};

test('the metrics tell what ends within a week, in all projects that are in use', async () => {
  world = await createHttpWorld();
  const { vault } = world;
  const at = (days: number): string => new Date(vault.clock.now + days * day).toISOString();
  expect(await scrape(world)).toEqual({
    'mobius_api_keys_expiring{within="7d"}': 0,
    'mobius_secrets_expiring{within="7d"}': 0,
  });
  await vault.owner('projects.create', { name: 'Other', handle: 'other' });
  await vault.owner('projects.create', { name: 'Old', handle: 'old' });
  for (const project of ['default', 'other', 'old']) {
    const { id: principal_id } = await vault.owner('principals.create', { project, name: 'ci', role_ids: ['Viewer'] });
    const make = (name: string, expires_at?: string) =>
      vault.owner('api-keys.create', { project, name, principal_id, ...(expires_at && { expires_at }) });
    await make('soon', at(6));
    await make('late', at(8));
    await make('never');
    await vault.owner('api-keys.revoke', { project, id: (await make('revoked', at(2))).id });
    await make('off', at(2));
    await vault.owner('api-keys.update', { project, id: 'off', state: 'disabled' });
    const values = { a: 'b' };
    await vault.owner('secrets.create', { project, name: 'over', values, expires_at: at(-1) });
    await vault.owner('secrets.create', { project, name: 'soon', values, expires_at: at(1) });
    await vault.owner('secrets.create', { project, name: 'late', values, expires_at: at(9) });
    await vault.owner('secrets.create', { project, name: 'never', values });
  }
  await vault.owner('projects.archive', { id: 'old' });
  expect(Object.values(await scrape(world))).toEqual([0, 0]);
  vault.clock.now += 30_000;
  expect(await scrape(world)).toEqual({
    'mobius_api_keys_expiring{within="7d"}': 2,
    'mobius_secrets_expiring{within="7d"}': 4,
  });
  vault.clock.now += 6 * day;
  expect(Object.values(await scrape(world))).toEqual([2, 6]);
  vault.clock.now += 3 * day;
  expect(Object.values(await scrape(world))).toEqual([0, 6]);
});

test('a scrape is answered without them where the database gives no answer, and with them again when it does', async () => {
  world = await createHttpWorld();
  const { vault } = world;
  vault.edit((file) => file.exec('alter table secrets rename to elsewhere'));
  expect(await scrape(world)).toEqual({});
  vault.edit((file) => file.exec('alter table elsewhere rename to secrets'));
  expect(await scrape(world)).toEqual({});
  vault.clock.now += 30_000;
  expect(Object.keys(await scrape(world))).toHaveLength(2);
});

const found: Soon = { keysExpiring: 3, secretsExpiring: 0, rotationsDue: 0, rotationsOpen: 0 };

test('the database is asked once in half a minute, however many ask', async () => {
  const clock = { now: 1_000_000 };
  let asked = 0;
  const ahead = openAhead({
    now: () => clock.now,
    soon: async (ms) => {
      expect(ms).toBe(7 * day);
      asked += 1;
      return found;
    },
  });
  const texts = await Promise.all(Array.from({ length: 20 }, () => ahead.text()));
  expect(new Set(texts).size).toBe(1);
  expect(gaugesOf(texts[0] ?? '')['mobius_api_keys_expiring{within="7d"}']).toBe(3);
  clock.now += 29_999;
  await ahead.text();
  expect(asked).toBe(1);
  clock.now += 1;
  await ahead.text();
  expect(asked).toBe(2);
  clock.now -= 3_600_000;
  await ahead.text();
  expect(asked).toBe(3);
});

test('a database that hangs is waited for two seconds, and asked no second time meanwhile', async () => {
  vi.useFakeTimers();
  const clock = { now: 1_000_000 };
  let asked = 0;
  let answer: (soon: Soon) => void = () => undefined;
  const ahead = openAhead({
    now: () => clock.now,
    soon: () => {
      asked += 1;
      return new Promise<Soon>((done) => {
        answer = done;
      });
    },
  });
  for (const _ of [1, 2]) {
    const text = ahead.text();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await text).toBe('');
    clock.now += 60_000;
  }
  expect(asked).toBe(1);
  answer(found);
  await vi.advanceTimersByTimeAsync(0);
  clock.now = 1_000_001;
  expect(gaugesOf(await ahead.text())).toEqual({
    'mobius_api_keys_expiring{within="7d"}': 3,
    'mobius_secrets_expiring{within="7d"}': 0,
  });
  expect(asked).toBe(1);
});

test('the metrics tell what is to be rotated by now, and what is under way', async () => {
  world = await createHttpWorld();
  const { vault, ask } = world;
  const rotations = async (): Promise<(string | undefined)[]> => {
    vault.clock.now += 30_000;
    const { text } = await ask('GET', '/metrics');
    return ['due', 'open'].map((name) => new RegExp(`^mobius_rotations_${name} (\\d+)$`, 'm').exec(text)?.[1]);
  };
  const { id: principal_id } = await vault.owner('principals.create', { name: 'ci', role_ids: ['Viewer'] });
  for (const name of ['one', 'two', 'other']) await vault.owner('api-keys.create', { name, principal_id });
  await vault.owner('secrets.create', { name: 'db', values: { a: 'b' } });
  for (const subject of ['api-keys/one', 'secrets/db']) {
    await vault.owner('rotations.set', { subject, every_seconds: 86_400 });
  }
  await vault.owner('rotations.set', { subject: 'api-keys/two', every_seconds: 10 * 86_400 });
  expect(await rotations()).toEqual(['0', '0']);
  vault.clock.now += day;
  expect(await rotations()).toEqual(['2', '0']);
  await vault.owner('rotations.start', { subject: 'api-keys/other', holder: 'a test' });
  await vault.owner('secrets.update', { secret: 'db', values: { a: 'c' } });
  expect(await rotations()).toEqual(['1', '1']);
});
