import { expect, test } from 'vitest';
import { failureOf } from '../../src/calls/failures.ts';
import { type Answer, openConnection, serverUrl, type Ways } from '../../src/calls/http.ts';
import { proxyFor } from '../../src/calls/proxy.ts';
import type { MobiusError } from '../../src/errors.ts';
import {
  certificate,
  freePort,
  httpServer,
  type Proxied,
  proxyServer,
  replying,
  type Seen,
  tcpServer,
  tlsServer,
} from './servers.ts';

const get = async (url: string, ways: Partial<Ways> = {}): Promise<Answer> => {
  const connection = openConnection(serverUrl(url), { env: {}, ...ways });
  try {
    return await connection.send({ method: 'GET', path: '/x?a=1', headers: { Accept: 'application/json' } });
  } finally {
    connection.close();
  }
};

const failure = async (
  url: string,
  ways: Partial<Ways> = {},
): Promise<{ code: string; message: string; hint?: string | undefined }> => {
  const error = await get(url, ways).then(
    () => Promise.reject(new Error('it was answered')),
    (found: MobiusError) => found,
  );
  const { code, message, hint } = error;
  return { code, message, hint };
};

const ok = replying([], { status: 200, json: { kind: 'answered' } });

test('a request arrives with its path below that of the address, and its answer comes back', async () => {
  const seen: Seen[] = [];
  const url = await httpServer(replying(seen, { status: 201, json: { id: 1 }, headers: { 'X-Request-Id': 'r' } }));
  const { status, text, headers } = await get(`${url}/below/`);
  expect({ status, text, id: headers['x-request-id'] }).toEqual({ status: 201, text: '{"id":1}', id: 'r' });
  expect(seen).toMatchObject([{ method: 'GET', url: '/below/x?a=1', body: '' }]);
});

test.each([
  ['mobius.example.com', '"mobius.example.com" is no address of a server'],
  ['ftp://mobius.example.com', '"ftp://mobius.example.com" is no address of a server'],
  ['https://ada:fake@mobius.example.com', 'the address of a server must hold no login'],
  ['https://mobius.example.com/?a=1', 'the address of a server must have no ? and no #'],
])('the address %s is refused', (text, message) => {
  expect(() => serverUrl(text)).toThrow(message);
});

test('nothing listens, there is no such host, nobody answers', async () => {
  const port = await freePort();
  expect(await failure(`http://127.0.0.1:${port}`)).toMatchObject({
    code: 'service_unavailable',
    message: `nothing listens at "http://127.0.0.1:${port}"`,
  });
  expect((await failure('http://nowhere.invalid')).message).toMatch(
    /^(there is no host|the address of) "nowhere\.invalid"/,
  );
  const silent = await tcpServer(() => undefined);
  expect(await failure(`http://127.0.0.1:${silent}`, { env: { MOBIUS_TIMEOUT: '0.2' } })).toMatchObject({
    message: `"http://127.0.0.1:${silent}" did not answer within 0.2 s`,
    hint: 'MOBIUS_TIMEOUT=120 waits two minutes',
  });
});

test('an answer that stops half-way, a connection that is closed, something that is no HTTP', async () => {
  const half = await tcpServer((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
    setTimeout(() => socket.destroy(), 20);
  });
  expect((await failure(`http://127.0.0.1:${half}`)).message).toContain('closed the connection before it answered');
  const closing = await tcpServer((socket) => socket.once('data', () => socket.destroy()));
  expect(await failure(`http://127.0.0.1:${closing}`)).toMatchObject({
    message: `"http://127.0.0.1:${closing}" closed the connection before it answered`,
    hint: 'if it speaks TLS, its address begins with https://',
  });
  const other = await tcpServer((socket) => void socket.end('220 smtp ready\r\n'));
  expect((await failure(`http://127.0.0.1:${other}`)).message).toContain('answered something that is no HTTP');
});

test('an answer without an end is given up', async () => {
  const url = await httpServer((_, response) => {
    response.on('error', () => undefined);
    const part = Buffer.alloc(4 * 1024 * 1024);
    const more = (): void => void (response.destroyed || response.write(part, () => setImmediate(more)));
    more();
  });
  expect((await failure(url)).message).toBe(`"${url}" answered with more than 32 MiB`);
});

test('a signal gives it up, before and meanwhile', async () => {
  const silent = await tcpServer(() => undefined);
  const connection = openConnection(serverUrl(`http://127.0.0.1:${silent}`), { env: {} });
  const send = (signal: AbortSignal) => connection.send({ method: 'GET', path: '/', headers: {}, signal });
  await expect(send(AbortSignal.abort())).rejects.toThrow('the call was given up');
  const later = new AbortController();
  setTimeout(() => later.abort(), 20);
  await expect(send(later.signal)).rejects.toThrow('the call was given up');
  connection.close();
});

test('a certificate that nobody vouches for is refused, until its authority is named', async () => {
  const { cert, key } = certificate('IP:127.0.0.1');
  const url = `https://127.0.0.1:${await tlsServer(ok, { cert, key })}`;
  const refused = await failure(url);
  expect(refused.message).toMatch(/^the certificate of "127\.0\.0\.1:\d+" is signed by nobody but itself/);
  expect(refused.hint).toContain('MOBIUS_CA_FILE');
  expect(await get(url, { ca: cert })).toMatchObject({ status: 200, text: '{"kind":"answered"}' });
});

test('a certificate of another host', async () => {
  const other = certificate('DNS:elsewhere.example.com');
  const there = `https://127.0.0.1:${await tlsServer(ok, other)}`;
  expect((await failure(there, { ca: other.cert })).message).toMatch(/^the certificate is of another host than/);
});

/** What takes another clock, or a network that is not there. */
test.each([
  ['CERT_HAS_EXPIRED', 'the certificate of "mobius.test" has expired'],
  ['CERT_NOT_YET_VALID', 'the certificate of "mobius.test" is not valid yet'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'was issued by nobody that this machine trusts'],
  ['EHOSTUNREACH', 'no way leads from here to "https://mobius.test"'],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'no safe connection to "mobius.test" came about'],
])('%s is told as: %s', (code, words) => {
  const route = { url: 'https://mobius.test', host: 'mobius.test', isTls: true };
  expect(failureOf(Object.assign(new Error('raw'), { code }), route).message).toContain(words);
});

test('TLS to a port of plain HTTP, and the reverse', async () => {
  const plain = await httpServer(ok);
  expect(await failure(plain.replace('http:', 'https:'))).toMatchObject({
    message: `"${plain.replace('http:', 'https:')}" doesn't speak TLS`,
    hint: 'if it speaks plain HTTP, its address begins with http://',
  });
  const port = await tlsServer(ok, certificate('IP:127.0.0.1'));
  expect((await failure(`http://127.0.0.1:${port}`)).hint).toBe('if it speaks TLS, its address begins with https://');
});

test('https goes through a tunnel of the proxy, and the certificate is that of the server', async () => {
  const seen: Proxied[] = [];
  const proxy = await proxyServer(seen);
  const own = certificate('DNS:mobius.test');
  const port = await tlsServer(ok, own);
  const env = { HTTPS_PROXY: proxy.replace('//', '//ada:fake@') };
  expect(await get(`https://mobius.test:${port}`, { env, ca: own.cert })).toMatchObject({
    text: '{"kind":"answered"}',
  });
  expect(seen).toMatchObject([{ line: `CONNECT mobius.test:${port}` }]);
  expect(seen[0]?.headers['proxy-authorization']).toBe(`Basic ${Buffer.from('ada:fake').toString('base64')}`);
  expect((await failure(`https://other.test:${port}`, { env, ca: own.cert })).message).toMatch(/of another host than/);
});

test('a proxy that refuses, and one that is not there', async () => {
  const proxy = await proxyServer([], 407);
  const hidden = proxy.replace('//', '//ada:fake@');
  expect(await failure('https://mobius.test', { env: { https_proxy: hidden } })).toMatchObject({
    message: `the proxy "${proxy}" refused the way to the server with status 407`,
    hint: expect.stringContaining('NAME:PASSWORD'),
  });
  const port = await freePort();
  const gone = await failure('https://mobius.test', { env: { HTTPS_PROXY: `http://ada:fake@127.0.0.1:${port}` } });
  expect(gone.message).toBe(`no proxy listens at "http://127.0.0.1:${port}"`);
});

test('plain http goes to the proxy with its whole address', async () => {
  const seen: Proxied[] = [];
  const proxy = await proxyServer(seen);
  expect(await get('http://mobius.test/below', { env: { http_proxy: proxy } })).toMatchObject({
    text: '{"kind":"proxied"}',
  });
  expect(seen).toMatchObject([{ line: 'GET http://mobius.test/below/x?a=1', headers: { host: 'mobius.test' } }]);
});

test.each([
  ['https://mobius.test', { HTTPS_PROXY: 'http://p:1' }, 'http://p:1/'],
  ['https://mobius.test', { https_proxy: 'http://low:1', HTTPS_PROXY: 'http://p:1' }, 'http://low:1/'],
  ['https://mobius.test', { HTTPS_PROXY: 'p:3128' }, 'http://p:3128/'],
  ['https://mobius.test', { HTTP_PROXY: 'http://p:1' }, undefined],
  ['http://mobius.test', { HTTP_PROXY: 'http://p:1' }, 'http://p:1/'],
  ['https://mobius.test', { ALL_PROXY: 'http://p:1' }, 'http://p:1/'],
  ['https://localhost', { ALL_PROXY: 'http://p:1' }, undefined],
  ['http://127.0.0.1:8080', { ALL_PROXY: 'http://p:1' }, undefined],
  ['http://[::1]:8080', { ALL_PROXY: 'http://p:1' }, undefined],
  ['https://a.mobius.test', { ALL_PROXY: 'http://p:1', NO_PROXY: 'x.test, mobius.test' }, undefined],
  ['https://a.mobius.test', { ALL_PROXY: 'http://p:1', no_proxy: '.mobius.test' }, undefined],
  ['https://amobius.test', { ALL_PROXY: 'http://p:1', NO_PROXY: 'mobius.test' }, 'http://p:1/'],
  ['https://mobius.test', { ALL_PROXY: 'http://p:1', NO_PROXY: 'mobius.test:443' }, undefined],
  ['https://mobius.test', { ALL_PROXY: 'http://p:1', NO_PROXY: 'mobius.test:444' }, 'http://p:1/'],
  ['https://10.1.2.3', { ALL_PROXY: 'http://p:1', NO_PROXY: '10.0.0.0/8' }, undefined],
  ['https://11.1.2.3', { ALL_PROXY: 'http://p:1', NO_PROXY: '10.0.0.0/8,10.1.2.3' }, 'http://p:1/'],
  ['https://mobius.test', { ALL_PROXY: 'http://p:1', NO_PROXY: '*' }, undefined],
])('the proxy for %s with %j is %s', (url, env, proxy) => {
  expect(proxyFor(new URL(url), env)?.href).toBe(proxy);
});

test('a proxy of another kind is refused in words', () => {
  const env = { ALL_PROXY: 'socks5://p:1' };
  expect(() => proxyFor(new URL('https://mobius.test'), env)).toThrow('speaks "socks5", which mobius doesn\'t');
});
