import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { codeOf, createHttpWorld, type HttpWorld, json, messageOf, sending } from './world.ts';

let world: HttpWorld;
let key: string;
beforeAll(async () => {
  world = await createHttpWorld();
  key = (await world.vault.client('owner', ['owner'])).key;
});
afterAll(() => world.close());

const secrets = '/v1/projects/default/secrets';
const bodied = (body: string | Uint8Array, headers: Record<string, string> = json) => ({ key, headers, body });

describe('a body', () => {
  test.each([
    ['breaks off', '{"name":"plain-secret-value', 400, 'the body is no JSON: it breaks at line 1'],
    ['is two', '{} {}', 400, 'the body is no JSON: it holds more than one JSON text'],
    ['is a list', '[]', 400, 'the body must be an object'],
    ['is a text', '"plain-secret-value"', 400, 'the body must be an object'],
    ['is null', 'null', 400, 'the body must be an object'],
    ['is not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 400, 'the body is no JSON: it is not UTF-8'],
    [
      'has a key twice',
      '{"name":"a","name":"b"}',
      400,
      'line 1 of the body has "name" for the second time in one object',
    ],
    ['has an unknown field', '{"nmae":"a"}', 400, 'unknown field "nmae"'],
    ['reaches for the prototype', '{"__proto__":{"name":"a"}}', 400, 'unknown field "__proto__"'],
    ['reaches for it further down', '{"name":"a","values":{"__proto__":"x"}}', 400, 'unknown field "values.__proto__"'],
    ['contradicts the path', '{"project":"other","name":"a"}', 400, '"project" contradicts the path'],
    ['holds another type', '{"name":1,"values":{"k":"v"}}', 400, '"name" must be text'],
    ['is too deep', `{"name":"a","values":${'['.repeat(90)}${']'.repeat(90)}}`, 400, 'the body is nested too deeply'],
  ])('that %s is refused', async (_, body, status, message) => {
    const answered = await world.ask('POST', secrets, bodied(body));
    expect({ status: answered.status, message: messageOf(answered) }).toEqual({ status, message });
    expect(answered.text).not.toContain('plain-secret-value');
  });

  test('that names a field twice is refused however long it is', async () => {
    const body = `{"name":"a","description":"${'x'.repeat(100_000)}","name":"b"}`;
    const answered = await world.ask('POST', secrets, bodied(body));
    expect({ status: answered.status, message: messageOf(answered) }).toEqual({
      status: 400,
      message: 'line 1 of the body has "name" for the second time in one object',
    });
  });

  test('of a key that may not be used here is not read', async () => {
    const made = { name: 'elsewhere', principal_id: 'owner', allow_ips: ['203.0.113.0/24'] };
    const elsewhere = await world.vault.owner('api-keys.create', made);
    const viewer = await world.vault.client('viewer', ['viewer']);
    // Announced as large and never sent: whoever waited for it would not answer.
    for (const [shown, status] of [
      [elsewhere.key, 403],
      [viewer.key, 403],
      ['mbx_nothing', 401],
    ] as const) {
      const head = `POST ${secrets} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${shown}\r\n`;
      const answered = await world.raw(`${head}Content-Type: application/json\r\nContent-Length: 5000000\r\n\r\n{`);
      expect(answered.split('\r\n', 1)[0]).toContain(String(status));
    }
  });

  test('with very many values is refused', async () => {
    const values = Object.fromEntries(Array.from({ length: 110_000 }, (_, index) => [`k${index}`, 'v']));
    const answered = await world.ask('POST', secrets, sending({ name: 'many', values }, key));
    expect({ status: answered.status, message: messageOf(answered) }).toEqual({
      status: 400,
      message: 'the body holds too many values',
    });
  });

  test('that is deep without end is refused without a crash', async () => {
    const deep = `{"name":"a","values":${'['.repeat(2_000_000)}`;
    expect(await world.ask('POST', secrets, bodied(deep))).toMatchObject({ status: 400 });
    const whole = `{"values":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`;
    expect(await world.ask('POST', secrets, bodied(whole))).toMatchObject({ status: 400 });
  });

  test.each(['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/json;charset=UTF-8'])(
    'may say %s',
    async (type) => {
      const name = `typed-${type.length}-${type.charAt(0)}`;
      const body = JSON.stringify({ name, values: { k: 'v' } });
      expect(await world.ask('POST', secrets, bodied(body, { 'Content-Type': type }))).toMatchObject({ status: 201 });
    },
  );

  test.each([
    [{ 'Content-Type': 'text/plain' }],
    [{ 'Content-Type': 'application/x-www-form-urlencoded' }],
    [{ 'Content-Type': 'multipart/form-data; boundary=x' }],
    [{ 'Content-Type': 'nonsense' }],
    [{}],
    [{ ...json, 'Content-Encoding': 'gzip' }],
  ])('of another kind is refused: %j', async (headers) => {
    const answered = await world.ask('POST', secrets, bodied('{"name":"a"}', headers));
    expect({ status: answered.status, code: codeOf(answered) }).toEqual({ status: 415, code: 'bad_request' });
  });

  test('that is empty is an empty object', async () => {
    const answered = await world.ask('POST', secrets, { key });
    expect(messageOf(answered)).toBe('"name" is required');
    expect(messageOf(await world.ask('POST', secrets, { key, headers: json }))).toBe('"name" is required');
  });

  test('has no place in a GET or a DELETE, whose content type alone does no harm', async () => {
    expect(await world.ask('GET', secrets, { key, headers: json })).toMatchObject({ status: 200 });
    for (const method of ['GET', 'DELETE']) {
      const path = method === 'GET' ? secrets : `${secrets}/x`;
      const answered = await world.ask(method, path, bodied('{"a":1}'));
      expect({ status: answered.status, message: messageOf(answered) }).toEqual({
        status: 400,
        message: `a ${method} takes no body`,
      });
    }
  });
});

describe('a query', () => {
  test.each([
    ['limit=x', '"limit" must be a whole number'],
    ['limit=1e3', '"limit" must be a whole number'],
    ['limit=', '"limit" must be a whole number'],
    ['limit=1&limit=1', '"limit" must be given once'],
    ['limit=0', '"limit" must be at least 1'],
    ['nothing=1', 'unknown field "nothing"'],
    ['__proto__=1', 'unknown field "__proto__"'],
    ['constructor=1', 'unknown field "constructor"'],
    ['%6cimit=x', '"limit" must be a whole number'],
    ['limit=%zz', 'the query has a percent sign that begins no character'],
    ['limit=%ff', 'the query has a percent sign that begins no character'],
    ['project=other', '"project" contradicts the path'],
  ])('%s is refused', async (query, message) => {
    const answered = await world.ask('GET', `${secrets}?${query}`, { key });
    expect({ status: answered.status, message: messageOf(answered) }).toEqual({ status: 400, message });
  });

  test('says a truth in two words only', async () => {
    const list = '/v1/projects/default/principals';
    expect(await world.ask('GET', `${list}?include_disabled=true`, { key })).toMatchObject({ status: 200 });
    expect(messageOf(await world.ask('GET', `${list}?include_disabled=1`, { key }))).toBe(
      '"include_disabled" must be true or false',
    );
  });

  test('is a list by being repeated, and a comma is a comma', async () => {
    for (const [name, tags] of Object.entries({ one: { env: 'a,b' }, two: { env: 'a,b', team: 'x y' } })) {
      await world.ask('POST', secrets, sending({ name, values: { k: 'v' }, tags }, key));
    }
    const names = async (query: string): Promise<string[]> => {
      const { body } = await world.ask('GET', `${secrets}?${query}`, { key });
      return (body as { items: { name: string }[] }).items.map(({ name }) => name).sort();
    };
    expect(await names('tag=env:a,b')).toEqual(['one', 'two']);
    expect(await names('tag=env%3Aa%2Cb&tag=team:x+y')).toEqual(['two']);
    expect(await names('tag=team%3Ax%20y')).toEqual(['two']);
  });

  test('has no place beside a body', async () => {
    const answered = await world.ask('POST', `${secrets}?name=x`, sending({ name: 'x', values: { k: 'v' } }, key));
    expect({ status: answered.status, message: messageOf(answered) }).toEqual({
      status: 400,
      message: 'the query parameter "name" belongs into the body',
    });
  });
});

describe('a path', () => {
  test.each(['/%zz', `${secrets}/%ff`, `${secrets}/%`, `${secrets}/%c0%af`])('%s is refused', async (path) => {
    expect(await world.ask('GET', path, { key })).toMatchObject({ status: 400 });
  });

  test('names what it escapes, and is unescaped once', async () => {
    for (const name of ['a/b', 'a%2Fb', 'x y', 'ünï']) {
      const made = await world.ask('POST', secrets, sending({ name, values: { k: 'v' } }, key));
      if (made.status !== 201) continue;
      const answered = await world.ask('GET', `${secrets}/${encodeURIComponent(name)}`, { key });
      expect(answered).toMatchObject({ status: 200, body: { name } });
    }
    const wrong = await world.ask('POST', `${secrets}/a%2Fb/versions/x/disable`, { key });
    expect(messageOf(wrong)).toBe('"version" must be a whole number');
    expect(await world.ask('GET', `${secrets}/a%2Fb/versions/1`, { key })).toMatchObject({ status: 200 });
  });

  test('a part that is very long is refused', async () => {
    expect(await world.ask('GET', `${secrets}/${'a'.repeat(3000)}`, { key })).toMatchObject({ status: 414 });
  });
});

describe('the device login', () => {
  const token = '/v1/auth/device/token';
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };

  test.each([
    ['grant_type=x&device_code=y', /"grant_type" must be/],
    ['grant_type=x&grant_type=y', /"grant_type" must be given once/],
    ['grant_type=%zz', /percent/],
    ['', /is required/],
  ])('says what is wrong with %j flatly', async (body, message) => {
    const answered = await world.ask('POST', token, { headers: form, body });
    expect(answered).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect((answered.body as { error_description: string }).error_description).toMatch(message);
  });

  test('takes JSON too', async () => {
    expect(await world.ask('POST', token, sending({ grant_type: 'x' }))).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
    expect(await world.ask('POST', token, sending([]))).toMatchObject({ body: { error: 'invalid_request' } });
  });
});
