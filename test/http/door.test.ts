import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttpWorld, type HttpWorld, sending } from './world.ts';

/** Requests with nothing unusual about them go a shorter way, to the same answers. */

let world: HttpWorld;
let key: string;

beforeAll(async () => {
  world = await createHttpWorld();
  const { owner } = world.vault;
  await owner('principals.create', { name: 'ci', role_ids: ['Operator'] });
  ({ key } = await owner('api-keys.create', { name: 'ci', principal_id: 'ci' }));
  await owner('secrets.create', { name: 'database', values: { password: 'plainly fake' } });
});
afterAll(() => world.close());

/** What tells of one answer alone. */
const common = ({ status, headers, body }: Awaited<ReturnType<HttpWorld['ask']>>) => {
  const { 'x-request-id': id, date, ...rest } = headers;
  expect(id).toMatch(/^req_/);
  expect(date).toBeDefined();
  return { status, headers: rest, body };
};

const stranger = 'mbx_0000000000000000000000000000000000000000000000000';

test.each([
  ['GET', '/secrets/database', {}],
  ['GET', '/secrets/other', {}],
  ['GET', '/secrets?limit=2', {}],
  ['GET', '/secrets?limit=many', {}],
  ['GET', '/secrets?limit=1&limit=2', {}],
  ['GET', '/roles', { key: stranger }],
  ['GET', '/roles', { headers: { Authorization: 'Basic eDp5' } }],
  ['GET', '/roles', { headers: { Origin: 'https://example.org' } }],
  ['POST', '/api-keys/verify', { body: '{"key":"mbx_no"}' }],
  ['POST', '/api-keys/verify', { body: '{"key":"a","key":"b"}' }],
  ['POST', '/api-keys/verify', { body: '{"key":' }],
  ['POST', '/api-keys/verify', { body: '[]' }],
  ['POST', '/api-keys/verify', { body: '' }],
  ['POST', '/api-keys/verify', { body: '{"kye":"a"}' }],
  ['POST', '/api-keys/verify', { body: '{"key":"a"}', headers: { 'Content-Type': 'text/plain' } }],
  ['POST', '/api-keys/verify?key=a', { body: '{"key":"a"}' }],
  ['POST', '/principals', { body: '{"name":"new"}' }],
  ['POST', '/secrets', { body: '{"name":"database","values":{"a":"b"}}' }],
  ['DELETE', '/secrets/other', {}],
  ['DELETE', '/secrets/other', { body: '{}' }],
  ['PUT', '/secrets/database', { body: '{}' }],
  ['POST', '/secrets/database', { body: '{}' }],
] as const)('%s %s %j', async (method, path, asked) => {
  const { body, headers = {}, ...more }: { key?: string; body?: string; headers?: Record<string, string> } = asked;
  const sent = {
    ...('Authorization' in headers ? {} : { key }),
    ...more,
    ...(body === undefined ? {} : { body }),
    headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
  };
  const short = common(await world.ask(method, `/v1/projects/default${path}`, sent));
  // The same path, spelled so that it must be decoded first.
  const long = common(await world.ask(method, `/v1/projects/%64efault${path}`, sent));
  expect(short).toEqual(long);
});

describe('both ways', () => {
  test.each(['default', '%64efault'])('tell the log and the metrics of the same operation: %s', async (project) => {
    const before = world.entries().length;
    await world.ask('GET', `/v1/projects/${project}/secrets/database`, { key });
    await expect
      .poll(() => world.entries().slice(before))
      .toEqual([
        expect.objectContaining({
          operation: 'secrets.get',
          method: 'GET',
          route: '/v1/projects/:project/secrets/:secret',
          status: 200,
        }),
      ]);
  });

  test('many at once get each their own', async () => {
    const names = Array.from({ length: 40 }, (_, n) => `part-${n}`);
    const made = await Promise.all(
      names.map((name) => world.ask('POST', '/v1/projects/default/secrets', sending({ name, values: { name } }, key))),
    );
    expect(made.map(({ status, body }) => [status, (body as { name: string }).name])).toEqual(
      names.map((name) => [201, name]),
    );
    const got = await Promise.all(
      names.map((name) => world.ask('GET', `/v1/projects/default/secrets/${name}`, { key })),
    );
    expect(got.map(({ body }) => (body as { name: string }).name)).toEqual(names);
  });
});
