import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { operations } from '../../src/generated/operations.ts';
import { codeOf, createHttpWorld, type HttpWorld, json, messageOf, sending } from './world.ts';

let world: HttpWorld;
let owner: string;
let viewer: string;

beforeAll(async () => {
  world = await createHttpWorld();
  owner = (await world.vault.client('owner', ['owner'])).key;
  viewer = (await world.vault.client('viewer', ['viewer'])).key;
});
afterAll(() => world.close());

const secrets = '/v1/projects/default/secrets';

describe('what was done', () => {
  test('is answered as its schema says', async () => {
    const made = await world.ask('POST', secrets, sending({ name: 'db/prod', values: { k: 'v' } }, owner));
    expect(made).toMatchObject({ status: 201, body: { name: 'db/prod', version: 1 } });
    expect(made.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(await world.ask('GET', `${secrets}/db%2Fprod`, { key: viewer })).toMatchObject({
      status: 200,
      body: { name: 'db/prod' },
    });
  });

  test('and answers nothing, is 204 without a body', async () => {
    await world.ask('POST', secrets, sending({ name: 'gone', values: { k: 'v' } }, owner));
    const { status, text, headers } = await world.ask('DELETE', `${secrets}/gone`, { key: owner, headers: json });
    expect({ status, text, type: headers['content-type'] }).toEqual({ status: 204, text: '', type: undefined });
  });

  test('a HEAD is a GET without the body', async () => {
    const get = await world.ask('GET', '/v1/auth/whoami', { key: viewer });
    const head = await world.ask('HEAD', '/v1/auth/whoami', { key: viewer });
    expect(head).toMatchObject({ status: 200, text: '' });
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
  });
});

describe('what was not done', () => {
  test.each([
    ['without a credential', {}, 401, 'unauthorized'],
    ['with a key that was never issued', { key: `mbx_${'a'.repeat(49)}` }, 401, 'unauthorized'],
    ['with another scheme', { headers: { Authorization: 'Basic YTpi' } }, 401, 'unauthorized'],
    ['with a scheme alone', { headers: { Authorization: 'Bearer' } }, 401, 'unauthorized'],
    ['with an empty header', { headers: { Authorization: '' } }, 401, 'unauthorized'],
  ])('%s', async (_, asked, status, code) => {
    const answered = await world.ask('GET', '/v1/auth/whoami', asked);
    expect({ status: answered.status, code: codeOf(answered) }).toEqual({ status, code });
    expect(answered.headers['www-authenticate']).toBe('Bearer');
  });

  test('two credentials are none, though one of them works', async () => {
    const lines = ['GET /v1/auth/whoami HTTP/1.1', 'Host: x', 'Connection: close', `Authorization: Bearer ${owner}`];
    expect(await world.raw([...lines, '', ''].join('\r\n'))).toMatch(/^HTTP\/1.1 200 /);
    const both = [...lines, `Authorization: Bearer ${owner}`, '', ''].join('\r\n');
    expect(await world.raw(both)).toMatch(/^HTTP\/1.1 401 /);
  });

  test('the name of the scheme is read without regard to case', async () => {
    const headers = { Authorization: `bEARER ${owner}` };
    expect(await world.ask('GET', '/v1/auth/whoami', { headers })).toMatchObject({ status: 200 });
  });

  test('a missing permission is named, with the roles that carry it', async () => {
    const answered = await world.ask('POST', secrets, sending({ name: 'x', values: { k: 'v' } }, viewer));
    expect(answered).toMatchObject({
      status: 403,
      body: { error: { code: 'permission_denied', details: { permission: 'mobius.secrets.manage' } } },
    });
    expect(answered.text).not.toContain('"hint"');
  });

  test('what is not there, what is taken, and what changed meanwhile', async () => {
    expect(await world.ask('GET', `${secrets}/nothing`, { key: viewer })).toMatchObject({ status: 404 });
    const asked = sending({ name: 'twice', values: { k: 'v' } }, owner);
    expect(await world.ask('POST', secrets, asked)).toMatchObject({ status: 201 });
    const taken = await world.ask('POST', secrets, asked);
    expect({ status: taken.status, code: codeOf(taken) }).toEqual({ status: 409, code: 'already_exists' });
    const stale = sending({ values: { k: 'w' } }, owner);
    const late = await world.ask('PATCH', `${secrets}/twice`, { ...stale, headers: { ...json, 'If-Match': '"7"' } });
    expect({ status: late.status, code: codeOf(late) }).toEqual({ status: 412, code: 'conflict' });
    const right = { ...stale, headers: { ...json, 'If-Match': '"1"' } };
    expect(await world.ask('PATCH', `${secrets}/twice`, right)).toMatchObject({ status: 200 });
  });

  test('a path that nothing is at', async () => {
    for (const path of [
      '/',
      '/v1',
      '/v1/projects/default/nothing',
      '/v1/auth/whoami/',
      '//v1/auth/whoami',
      '/../etc',
    ]) {
      const answered = await world.ask('GET', path);
      expect({ path, status: answered.status, message: messageOf(answered) }).toEqual({
        path,
        status: 404,
        message: 'no such path',
      });
    }
  });

  test.each(['PUT', 'POST', 'PATCH', 'DELETE', 'PROPFIND', 'TRACE'])('%s where only a GET is', async (method) => {
    const answered = await world.ask(method, '/v1/auth/whoami', { key: owner });
    expect({ status: answered.status, code: codeOf(answered) }).toEqual({ status: 405, code: 'method_not_allowed' });
    expect(answered.headers.allow).toBe('GET, HEAD, OPTIONS');
  });

  test('OPTIONS tells what a path takes', async () => {
    const { status, text, headers } = await world.ask('OPTIONS', `${secrets}/a%2Fb`);
    expect({ status, text, allow: headers.allow }).toEqual({
      status: 204,
      text: '',
      allow: 'DELETE, GET, HEAD, OPTIONS, PATCH',
    });
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect(await world.ask('OPTIONS', '/nothing')).toMatchObject({ status: 404 });
  });

  test('a secret may be called like a verb', async () => {
    await world.ask('POST', secrets, sending({ name: 'use', values: { k: 'v' } }, owner));
    expect(await world.ask('GET', `${secrets}/use`, { key: owner })).toMatchObject({ status: 200 });
    expect(await world.ask('DELETE', `${secrets}/use`, { key: owner })).toMatchObject({ status: 204 });
  });
});

describe('beside the operations', () => {
  test('every operation is routed, and no other path than these', async () => {
    for (const { method, path, scope } of Object.values(operations)) {
      const { status } = await world.ask(method, path.replace(/\{\w+\}/g, 'x'));
      expect({ path, refused: status === 404 || status === 405 }).toEqual({ path, refused: false });
      if (scope !== 'public') expect({ path, status: [400, 401].includes(status) }).toEqual({ path, status: true });
    }
  });

  test('the document of the operations', async () => {
    const { status, text, headers } = await world.ask('GET', '/openapi.json');
    expect(status).toBe(200);
    expect(text).toBe(readFileSync('schemas/openapi.json', 'utf8'));
    expect(headers['cache-control']).toBe('public, max-age=300');
  });

  test('how it is', async () => {
    expect(await world.ask('GET', '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect(await world.ask('GET', '/readyz')).toMatchObject({ status: 200, body: { status: 'ok' } });
    const keys = await world.ask('GET', '/.well-known/jwks.json');
    expect(keys).toMatchObject({ status: 200, body: { keys: expect.any(Array) } });
  });

  test('the metrics count by operation, and know no path and no id', async () => {
    await world.ask('GET', '/some/path/of-a-stranger');
    const { text, headers } = await world.ask('GET', '/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain; version=0.0.4/);
    expect(text).toMatch(/^mobius_http_requests_total\{operation="auth.whoami",method="GET",status="401"\} \d+$/m);
    expect(text).toMatch(/^mobius_http_requests_total\{operation="unknown",method="GET",status="404"\} \d+$/m);
    expect(text).toMatch(/^mobius_http_requests_total\{operation="unknown",method="other",status="405"\} \d+$/m);
    expect(text).toMatch(/^mobius_http_request_duration_seconds_bucket\{le="0.001",operation="auth.whoami"\} \d+$/m);
    expect(text).toMatch(/^mobius_http_in_flight 1$/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect(text).not.toMatch(/of-a-stranger|prin_|sec_|key_|mbx_/);
  });
});
