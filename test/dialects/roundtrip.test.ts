import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { wordingOf } from '../../src/calls/speech.ts';
import { idPrefixes, typeId, uuidText } from '../../src/core/ids.ts';
import type { Outside, Received, Route } from '../../src/dialects/dialect.ts';
import { dialectNames, dialectOf } from '../../src/dialects/names.ts';
import type { Name } from '../../src/operations.ts';

/** What the client sends in a dialect the server of that dialect understands, and the other way round. */

const now = Date.parse('2026-01-01T00:00:00Z');
const outside: Outside = { now, newUuid: () => '019b1bc8-f400-7000-8000-000000000000' };

type Item = Record<string, unknown>;

const uuids = fc.uint8Array({ minLength: 16, maxLength: 16 });
const keyIds = uuids.map((uuid) => typeId(idPrefixes.apiKey, uuid));
const tokenIds = uuids.map(uuidText);
const names = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }).filter((text) => text.trim() !== '');
const credentials = fc.stringMatching(/^[\w.-]{12,60}$/);
const times = fc
  .integer({ min: now, max: now + 366 * 86_400_000 })
  .map((ms) => new Date(ms).toISOString().replace('.000Z', 'Z'));
const emails = fc.emailAddress().filter((text) => /^[^\s@]+@[^\s@]+\.[^\s@.]+$/.test(text));
const some = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });

const without = (item: Item): Item =>
  Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined));

/** Inputs by operation, of all properties; those that a route can't say are left out of it. */
const inputs: Partial<Record<Name, Record<string, fc.Arbitrary<unknown>>>> = {
  'api-keys.create': {
    name: names,
    expires_at: some(fc.integer({ min: 1, max: 365 }).map((days) => new Date(now + days * 86_400_000).toISOString())),
  },
  'api-keys.revoke': { id: keyIds },
  'api-keys.rotate': { id: keyIds },
  'api-keys.get': { id: keyIds },
  'auth.register': { email: emails, name: names, password: credentials },
  'auth.login': { email: emails, password: credentials },
  'auth.refresh': { refresh_token: credentials },
  'auth.device-code': { client_id: credentials },
  'auth.device-token': {
    grant_type: fc.constant('urn:ietf:params:oauth:grant-type:device_code'),
    device_code: credentials,
  },
  'tokens.create': {
    expires_in_seconds: some(fc.integer({ min: 60, max: 86_400 })),
    count: fc.integer({ min: 1, max: 25 }),
    request_limit: some(fc.integer({ min: 1, max: 1_000_000 })),
  },
  'tokens.inspect': { token: credentials },
  'tokens.revoke': { id: tokenIds },
};

const key = fc.record({
  id: keyIds,
  name: names,
  state: fc.constantFrom('active', 'revoked'),
  key: credentials,
  created_at: times,
  expires_at: some(times),
  last_used_at: some(times),
});
const suffixed = key.map((item) => ({ ...item, key_prefix: item.key.slice(0, 8), key_suffix: item.key.slice(-3) }));
const token = fc.record({
  id: tokenIds,
  token: credentials,
  expires_at: times,
  request_limit: fc.integer({ min: 1, max: 1_000_000 }),
  remaining: fc.integer({ min: 0, max: 1_000_000 }),
});
const session = fc.record({
  access_token: credentials,
  refresh_token: credentials,
  token_type: fc.constant('Bearer'),
  expires_in: fc.integer({ min: 1, max: 100_000 }),
});
const listOf = (item: fc.Arbitrary<unknown>, least = 0) =>
  fc.array(item, { minLength: least, maxLength: 5 }).map((items) => ({ items, has_more: false }));

const outputs: Partial<Record<Name, fc.Arbitrary<unknown>>> = {
  'api-keys.create': suffixed.map((item) => ({ ...item, state: 'active', last_used_at: undefined })),
  'api-keys.rotate': suffixed.map((item) => ({ ...item, state: 'active', last_used_at: undefined })),
  'api-keys.get': suffixed,
  'api-keys.list': listOf(suffixed),
  'auth.login': session,
  'auth.refresh': session,
  'auth.register': fc.tuple(session, credentials).map(([made, own]) => ({ ...made, key: own })),
  'auth.whoami': fc
    .record({ email: emails, name: names, uuid: uuids })
    .map(({ uuid, ...who }) => ({ kind: 'user', ...who, user_id: typeId(idPrefixes.user, uuid) })),
  'auth.device-code': fc
    .record({
      device_code: credentials,
      user_code: credentials,
      verification_uri: fc.webUrl(),
      expires_in: fc.nat(),
      interval: fc.nat(),
    })
    .map((code) => ({ ...code, verification_uri_complete: code.verification_uri })),
  'auth.device-token': fc.record({ access_token: credentials, token_type: fc.constant('Bearer') }),
  'tokens.create': listOf(token, 1).map(({ items }) => ({ items })),
  'tokens.list': listOf(token),
  'tokens.inspect': token,
};

/** What no answer of another system can say, by what it is of. */
const unsaid: Record<string, readonly string[]> = {
  'mobilenext api-keys.list': ['state', 'key', 'key_prefix', 'expires_at'],
  'mobilenext api-keys.create': ['state', 'expires_at'],
  'mutx api-keys.list': ['key', 'key_prefix', 'key_suffix'],
  'mutx api-keys.get': ['key', 'key_prefix', 'key_suffix'],
  'mobula tokens.list': ['token'],
  'mobula tokens.inspect': ['token'],
  'mutx auth.whoami': ['user_id'],
};

/** As it arrives: through JSON, with the path taken apart by the template, as a server does. */
const arrived = (route: Route, { path, body }: { path: string; body?: unknown }): Received => {
  const { pathname, searchParams } = new URL(path, 'http://x');
  const parts = route.path.split('/');
  const params: Record<string, string> = {};
  for (const [at, part] of pathname.split('/').entries()) {
    const [, name] = /^\{(\w+)\}$/.exec(parts[at] ?? '') ?? [];
    if (name !== undefined) params[name] = decodeURIComponent(part);
  }
  expect(pathname.split('/')).toHaveLength(parts.length);
  return {
    params,
    query: Object.fromEntries(searchParams),
    body: body === undefined ? undefined : JSON.parse(JSON.stringify(body)),
  };
};

const nothing: Received = {
  params: { id: '019b1bc8-f400-7000-8000-000000000000', key_id: '' },
  query: {},
  body: undefined,
};

const routes = await Promise.all(
  dialectNames.map(async (dialect) => (await dialectOf(dialect)).routes.map((route) => ({ dialect, route }))),
);
const all = routes.flat().map((one) => ({ ...one, line: `${one.dialect}: ${one.route.method} ${one.route.path}` }));

describe('what a client says a server understands', () => {
  test.each(all)('$line', ({ route }) => {
    const known = inputs[route.operation] ?? {};
    const said = Object.fromEntries(
      Object.entries(known).filter(([name]) => (route.fields as readonly string[]).includes(name)),
    );
    fc.assert(
      fc.property(fc.record(said), (asked) => {
        const input = without(asked);
        const received = arrived(route, wordingOf(route, input, outside));
        const accepted = route.accept(received, outside) as Item;
        // A list says nothing in these contracts; what the server makes of it is its own.
        if (Object.keys(said).length > 0) expect(accepted).toMatchObject({ ...input, ...route.assumes });
        for (const name of Object.keys(accepted)) {
          if (Object.keys(said).length > 0) expect({ ...input, ...route.assumes }).toHaveProperty(name);
        }
      }),
      { numRuns: 200, seed: 8 },
    );
  });
});

const byId = (items: readonly Item[]): Item[] => [...items].sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1));

describe('what a server answers a client understands', () => {
  test.each(all)('$line', ({ dialect, route }) => {
    const made = outputs[route.operation] ?? fc.constant(undefined);
    const hidden = unsaid[`${dialect} ${route.operation}`] ?? [];
    const sayable = (item: Item): Item =>
      without(Object.fromEntries(Object.entries(item).filter(([name]) => !hidden.includes(name))));
    fc.assert(
      fc.property(made, (given) => {
        const { status, body, headers = {} } = route.answer(given as never, nothing, outside);
        expect(status).toBeLessThan(300);
        const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
        const came = body === undefined ? undefined : JSON.parse(JSON.stringify(body));
        const understood = route.receive(came, {} as never, lower) as Item | undefined;
        if (given === undefined) return;
        const { items } = given as { items?: Item[] };
        if (items === undefined) {
          expect(without(understood ?? {})).toEqual(sayable(given as Item));
          return;
        }
        // MobileNext has no keys that were revoked, and MUTX says the newest first.
        const there = dialect === 'mobilenext' ? items.filter(({ state }) => state !== 'revoked') : items;
        expect(byId(understood?.items as Item[])).toEqual(byId(there.map(sayable)));
      }),
      { numRuns: 200, seed: 8 },
    );
  });
});
