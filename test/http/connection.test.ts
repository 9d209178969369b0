import { connect, type Socket } from 'node:net';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seeded } from '../faults/fuzz-http.ts';
import { createHttpWorld, type HttpWorld } from './world.ts';

/** Plain requests are read without Node's HTTP server: nobody may be able to tell, but by the time it takes. */

let world: HttpWorld;
let key: string;

beforeAll(async () => {
  world = await createHttpWorld({ corsOrigins: ['https://app.example'] });
  const { owner } = world.vault;
  await owner('principals.create', { name: 'ci', role_ids: ['Operator'] });
  ({ key } = await owner('api-keys.create', { name: 'ci', principal_id: 'ci' }));
  await owner('secrets.create', { name: 'database', values: { password: 'plainly fake, ä and 語' } });
});
afterAll(() => world.close());

/** A connection, and what came on it so far. */
const open = (): { socket: Socket; got(): string; closed: Promise<void> } => {
  const parts: Buffer[] = [];
  const socket = connect(world.port, '127.0.0.1').setNoDelay(true);
  socket.on('data', (part) => parts.push(part)).on('error', () => undefined);
  const closed = new Promise<void>((done) => socket.on('close', () => done()));
  return { socket, got: () => Buffer.concat(parts).toString(), closed };
};

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const countOf = (text: string): number => text.match(/HTTP\/1\.1 \d{3} /g)?.length ?? 0;

/** What comes back for these parts, sent one after another, when so many answers are there or it was closed. */
const answersTo = async (parts: readonly (string | Buffer)[], answers: number, gapMs = 15): Promise<string> => {
  const { socket, got, closed } = open();
  for (const part of parts) {
    socket.write(part);
    await pause(gapMs);
  }
  for (let tries = 0; countOf(got()) < answers && tries < 60; tries++) await Promise.race([pause(10), closed]);
  await pause(20);
  socket.destroy();
  return got();
};

/** Without what tells of one answer alone. */
const common = (text: string): string =>
  text.replace(/^X-Request-Id: req_\w{26}\r\n/gm, '').replace(/^Date: [^\r]*\r\n/gm, '');

const path = '/v1/projects/default';
const about = (): string => `Host: x\r\nAuthorization: Bearer ${key}\r\n`;
const get = (where = '/secrets/database', more = ''): string => `GET ${path}${where} HTTP/1.1\r\n${about()}${more}\r\n`;
const post = (body: string, more = '', where = '/api-keys/verify'): string =>
  `POST ${path}${where} HTTP/1.1\r\n${about()}Content-Type: application/json\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;

/** An answer of Node's own server: what comes of a request in two parts of which the first is one sign. */
const byNode = (bytes: Buffer): Promise<string> => answersTo([bytes.subarray(0, 1), bytes.subarray(1)], 1);

/** Each is answered alike, whoever reads it. */
const same = async (text: string | Buffer): Promise<string> => {
  const bytes = Buffer.from(text as string, 'latin1');
  const [ours, theirs] = await Promise.all([answersTo([bytes], 1), byNode(bytes)]);
  expect(common(ours)).toBe(common(theirs));
  return ours;
};

describe('whoever reads it, the answer is', () => {
  test.each([
    ['a secret', () => get(), 200],
    ['nothing found', () => get('/secrets/other'), 404],
    ['a query', () => get('/secrets?limit=1'), 200],
    ['a query that is wrong', () => get('/secrets?limit=x'), 400],
    ['a path to decode', () => get('/secrets/%64atabase'), 200],
    ['no such path', () => get('/nothing'), 404],
    ['no such method', () => get().replace('GET', 'PUT'), 405],
    ['a method nobody knows', () => get().replace('GET', 'GOT'), 400],
    ['a browser', () => get('/secrets', 'Origin: https://app.example\r\n'), 200],
    ['a body', () => post('{"key":"mbx_no"}'), 200],
    ['an empty body', () => post(''), 400],
    ['a body that is none', () => post('{"key":'), 400],
    ['letters beyond ASCII', () => post('{"key":"\xc3\xa4"}'), 200],
    ['no length', () => post('').replace('Content-Length: 0\r\n', ''), 400],
    ['nothing to tell', () => get('/secrets/other').replace('GET', 'DELETE'), 404],
    ['no host', () => get().replace('Host: x\r\n', ''), 400],
    ['two hosts', () => get('/roles', 'Host: y\r\n'), 200],
    ['two credentials', () => get('/roles', 'Authorization: Bearer x\r\n'), 401],
    ['no credential', () => get().replace(/Authorization.*\r\n/, ''), 401],
    ['two lengths', () => post('{}', 'Content-Length: 3\r\n'), 400],
    ['a length and chunks', () => post('{}', 'Transfer-Encoding: chunked\r\n'), 400],
    ['a length with a sign', () => post('{"key":"a"}').replace('Length: 11', 'Length: +11'), 400],
    ['a length with a zero before it', () => post('{"key":"a"}').replace('Length: 11', 'Length: 011'), 200],
    [
      'chunks',
      () => `${post('').replace('Content-Length: 0', 'Transfer-Encoding: chunked')}b\r\n{"key":"a"}\r\n0\r\n\r\n`,
      200,
    ],
    ['a line that is folded', () => get('/roles', 'X-A: b\r\n c\r\n'), 400],
    ['a space before the colon', () => get('/roles', 'X-A : b\r\n'), 400],
    ['a header without a value', () => get('/roles', 'X-A:\r\n'), 200],
    ['values with spaces around', () => get('/roles', 'X-A: \t b \t\r\n'), 200],
    ['a bare line feed', () => get().replace('Host: x\r\n', 'Host: x\n'), 400],
    ['a bare carriage return', () => get('/roles', 'X-A: a\rb\r\n'), 400],
    ['a zero byte', () => get('/roles', 'X-A: a\0b\r\n'), 400],
    ['a letter beyond ASCII in a header', () => get('/roles', 'X-A: \xe4\r\n'), 200],
    ['an older version', () => get().replace('1.1', '1.0'), 200],
    ['a version to come', () => get().replace('1.1', '1.2'), 400],
    ['the end of the connection', () => get('/roles', 'Connection: close\r\n'), 200],
    ['another protocol', () => get('/roles', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'), 200],
    ['an expectation', () => post('{"key":"a"}', 'Expect: 100-continue\r\n'), 200],
    ['a whole address', () => get().replace(path, `http://x${path}`), 200],
    ['a body behind a GET', () => `${get('/roles', 'Content-Length: 2\r\n')}{}`, 400],
    [
      'more headers than anybody sends',
      () => get('/roles', Array.from({ length: 70 }, (_, n) => `X-${n}: y\r\n`).join('')),
      200,
    ],
    ['a head that is long', () => get('/roles', `X-A: ${'a'.repeat(9000)}\r\n`), 200],
    ['a head that is too long', () => get('/roles', `X-A: ${'a'.repeat(17_000)}\r\n`), 431],
  ])('the same: %s', async (_, request, status) => {
    const answer = await same(request());
    // What Node's server says to a request that it can't read may come twice, for two reasons; it is its answer.
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 (100 Continue\\r\\n\\r\\nHTTP/1\\.1 )?${status} `));
  });

  test('the same for whatever is made of such requests by chance', async () => {
    const random = seeded(7);
    const any = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    const signs = ['\r', '\n', '\r\n', '\0', ' ', '\t', ':', 'a', '%', '?', '0', '\x7f', '\xff', '\r\n\r\n', ',', '"'];
    const lines = [
      'Connection: close\r\n',
      'Content-Length: 1\r\n',
      'TE: trailers\r\n',
      'Host: z\r\n',
      'Expect: x\r\n',
      ': a\r\n',
    ];
    const sound = [get(), post('{"key":"a"}'), get('/roles?limit=2'), post('{"name":"x"}', '', '/principals/none')];
    for (let round = 0; round < 40; round++) {
      await Promise.all(
        Array.from({ length: 8 }, () => {
          const text = any(sound);
          const at = Math.floor(random() * text.indexOf('\r\n\r\n'));
          const changed = any([
            () => text.slice(0, at) + any(signs) + text.slice(at),
            () => text.slice(0, at) + text.slice(at + 1),
            () => text.replace('Host', `${any(lines)}Host`),
          ])();
          // The first sign decides nothing: an empty line before a request is passed over only where it is alone.
          return same(changed);
        }),
      );
    }
  });
});

describe('on one connection', () => {
  const ids = (text: string): string[] => text.match(/"id":"\w+"|"code":"\w+"/g) ?? [];

  test('one follows the other, plain or not, however they arrive', async () => {
    const plain = post('{"key":"a"}');
    const chunked = `${post('').replace('Content-Length: 0', 'Transfer-Encoding: chunked')}0\r\n\r\n`;
    const [head = '', body = ''] = plain.split(/(?<=\r\n\r\n)/);
    for (const parts of [
      [plain, get(), chunked, plain],
      [plain + plain + get() + plain],
      [plain, plain.slice(0, 30), plain.slice(30), get()],
      [head, body, head, body.slice(0, 3), body.slice(3)],
      [plain + head, body, plain],
      [head, body + get(), plain],
      [...plain].slice(0, -1).concat('}', get()),
      [get() + chunked, plain],
    ]) {
      const asked = parts.join('').match(/HTTP\/1\.1/g)?.length ?? 0;
      const answer = await answersTo(parts, asked, 2);
      const alone = await Promise.all(
        parts
          .join('')
          .split(/(?=(?:GET|POST) \/v1)/)
          .map((one) => answersTo([one], 1)),
      );
      expect(countOf(answer)).toBe(asked);
      expect(common(answer)).toBe(alone.map(common).join(''));
    }
  });

  test('the rest of a body may take its time', async () => {
    const plain = post('{"key":"a"}');
    const answer = await answersTo([plain.slice(0, -4), plain.slice(-4, -2), plain.slice(-2)], 1, 700);
    expect(ids(answer)).toEqual(['"code":"NOT_FOUND"']);
  });

  test('who says no more after a request gets its answer, then the end', async () => {
    const { socket, got, closed } = open();
    socket.end(get());
    await closed;
    expect(got()).toMatch(/^HTTP\/1\.1 200 [\s\S]*"name":"database"/);
  });

  test('who says no more in the middle of one gets the end', async () => {
    for (const part of [get().slice(0, 40), post('{"key":"a"}').slice(0, -3)]) {
      const { socket, got, closed } = open();
      socket.end(part);
      await closed;
      expect(got()).not.toMatch(/ 200 /);
    }
  });

  test('who goes away before the answer is told of as such', async () => {
    const before = world.entries().length;
    const database = new Database(world.vault.place.path);
    database.exec('begin immediate');
    const { socket } = open();
    socket.write(post('{"name":"slow"}', '', '/principals'));
    await pause(100);
    socket.resetAndDestroy();
    await expect
      .poll(() => world.entries().slice(before))
      .toEqual([expect.objectContaining({ operation: 'principals.create', status: 499 })]);
    database.close();
    // What was begun ends, and is told of once.
    await pause(300);
    expect(world.entries().slice(before)).toHaveLength(1);
  });

  test('who reads late gets all answers', async () => {
    const { socket, got, closed } = open();
    socket.pause();
    const many = 3000;
    for (let sent = 0; sent < many; sent++) if (!socket.write(get())) await Promise.race([pause(1), closed]);
    await pause(300);
    socket.resume();
    for (let tries = 0; countOf(got()) < many && tries < 300; tries++) await pause(20);
    expect(countOf(got())).toBe(many);
    socket.destroy();
  });
});
