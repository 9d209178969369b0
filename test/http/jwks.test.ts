import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Jwks, TokenError, verifyToken } from '../../src/verify-token.ts';
import { type Client, makeVault } from '../core/world.ts';
import { type Answered, createHttpWorld, type HttpWorld, sending } from './world.ts';

let world: HttpWorld;
let maker: Client;
beforeAll(async () => {
  world = await createHttpWorld();
  maker = await world.vault.client('maker', ['owner']);
});
afterAll(() => world.close());

const path = '/.well-known/jwks.json';
const asked = (tag?: string): Promise<Answered> =>
  world.ask('GET', path, tag === undefined ? {} : { headers: { 'If-None-Match': tag } });
const minted = async (): Promise<string> => {
  const { body } = await world.ask('POST', '/v1/projects/default/tokens', sending({ request_limit: 1 }, maker.key));
  return (body as { items: [{ token: string }] }).items[0].token;
};

describe('the keys are sent again only where they are others', () => {
  test('what is known is answered with 304', async () => {
    await minted();
    const { status, headers } = await asked();
    const { etag = '' } = headers;
    expect(status).toBe(200);
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    for (const tag of [etag, `W/${etag}`, `"another", ${etag}`, `${etag},"another"`, '*']) {
      const again = await asked(tag);
      expect({ tag, status: again.status, text: again.text }).toEqual({ tag, status: 304, text: '' });
      expect(again.headers).toMatchObject({ etag, 'cache-control': 'public, max-age=60' });
    }
    for (const tag of ['', '"another"', etag.slice(1, -1)]) {
      expect({ tag, status: (await asked(tag)).status }).toEqual({ tag, status: 200 });
    }
    expect(await world.ask('HEAD', path)).toMatchObject({ status: 200, text: '', headers: { etag } });
  });

  test('and no more once another key signs', async () => {
    const { etag = '' } = (await asked()).headers;
    await world.vault.owner('tokens.rotate-signing-key', {});
    const after = await asked(etag);
    expect(after).toMatchObject({ status: 200, body: { keys: [{ kty: 'OKP' }, { kty: 'OKP' }] } });
    expect(after.headers.etag).not.toBe(etag);
  });
});

describe('with what is served there', () => {
  const faultOf = async (token: string, more: { audience?: string; jwks?: Jwks } = {}): Promise<string | undefined> => {
    const jwks = (await asked()).body as Jwks;
    const options = { jwks, issuer: world.vault.vault.id, audience: 'default', now: world.vault.clock.now };
    try {
      verifyToken(token, { ...options, ...more });
      return undefined;
    } catch (error) {
      if (error instanceof TokenError) return error.code;
      throw error;
    }
  };

  test('a token verifies, in its own project alone', async () => {
    const token = await minted();
    expect(await faultOf(token)).toBeUndefined();
    expect(await faultOf(token, { audience: 'other' })).toBe('wrong_audience');
  });

  test('the access token of a person is none', async () => {
    const person = { email: 'ada@example.test', password: 'a-fake-password' };
    await world.vault.owner('users.create', { ...person, administrator: true });
    const { body } = await world.ask('POST', '/v1/auth/login', sending(person));
    expect(await faultOf((body as { access_token: string }).access_token)).toBe('wrong_type');
  });

  test('nor is one of a vault where all has the same names', async () => {
    // The ids of these vaults count: the issuer and the key are called the same, and only the signature tells.
    const vault = await makeVault();
    try {
      const { items } = await (await vault.client('maker', ['owner'])).call('tokens.create', { request_limit: 1 });
      expect(await faultOf(items[0]?.token ?? '')).toBe('bad_signature');
    } finally {
      await vault.close();
    }
  });

  test('what stands behind a token makes it none, there and here', async () => {
    const token = await minted();
    for (const text of [`${token}.`, `${token}.AAAA`, `${token}.${token}`]) {
      const told = await world.ask('POST', '/v1/projects/default/tokens/verify', sending({ token: text }, maker.key));
      expect(told).toMatchObject({ status: 200, body: { valid: false, code: 'NOT_FOUND' } });
      expect(await faultOf(text)).toBe('malformed');
    }
  });
});
