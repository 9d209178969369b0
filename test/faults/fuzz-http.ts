import { connect } from 'node:net';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startServing } from '../../bench/serving.ts';
import { operations } from '../../src/generated/operations.ts';
import type { Operation } from '../../src/operations.ts';

/** The same numbers for the same seed, between 0 and 1. */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

type Chance = () => number;

const oneOf = <T>(chance: Chance, all: readonly [T, ...T[]]): T => all[Math.floor(chance() * all.length)] ?? all[0];
const upTo = (chance: Chance, most: number): number => Math.floor(chance() * (most + 1));

const oddTexts = [
  '',
  ' ',
  '\0',
  '\u0007\u001b[31m',
  '\u202e',
  '\ud800',
  '__proto__',
  'constructor',
  'toString',
  '../../etc/passwd',
  '%2e%2e%2f',
  '%00',
  '%zz',
  '%',
  '%ff%fe',
  "' or 1=1 --",
  '${secret:db.password}',
  '<script>',
  'a'.repeat(300),
  'ünïcödé',
  '😀',
  '-1',
  '1e309',
  '00',
  'true',
  'null',
  'default',
  'latest',
  'mbx_',
  '\r\nX-Injected: 1',
  '*',
  '?',
  '#',
] as const satisfies readonly [string, ...string[]];

const oddValue = (chance: Chance, depth = 0): unknown => {
  const kind = upTo(chance, depth > 4 ? 6 : 9);
  if (kind === 0) return null;
  if (kind === 1) return chance() < 0.5;
  if (kind === 2) return oneOf(chance, [0, -1, 1.5, 2 ** 53, -(2 ** 63), 1e308, 5e-324]);
  if (kind <= 6) return oneOf(chance, oddTexts);
  if (kind === 7) return Array.from({ length: upTo(chance, 5) }, () => oddValue(chance, depth + 1));
  return Object.fromEntries(
    Array.from({ length: upTo(chance, 5) }, () => [oneOf(chance, oddTexts), oddValue(chance, depth + 1)]),
  );
};

const fieldNames = [
  'name',
  'values',
  'description',
  'tags',
  'project',
  'principal_id',
  'role_ids',
  'permissions',
  'key',
  'expires_at',
  'limit',
  'cursor',
  'metadata',
  'references',
  'recipient',
  'email',
  'password',
  'grant_type',
  'device_code',
  'state',
] as const satisfies readonly [string, ...string[]];

const oddJson = (chance: Chance): string => {
  const fields = Array.from({ length: upTo(chance, 6) }, () => [oneOf(chance, fieldNames), oddValue(chance)] as const);
  const text = JSON.stringify(Object.fromEntries(fields));
  const kind = upTo(chance, 9);
  if (kind === 0) return text.slice(0, upTo(chance, text.length));
  if (kind === 1) return `${text}${text}`;
  if (kind === 2) return `{"name":"a","name":${JSON.stringify(oddValue(chance))}}`;
  if (kind === 3) return `{"values":${'['.repeat(upTo(chance, 5000))}`;
  if (kind === 4) return `{"limit":${'9'.repeat(1 + upTo(chance, 400))}}`;
  if (kind === 5) return JSON.stringify(oddValue(chance));
  return text;
};

const listed = Object.values(operations) as [Operation, ...Operation[]];

const oddPart = (chance: Chance): string => {
  const text = oneOf(chance, oddTexts);
  if (chance() < 0.2) return text.replace(/[\0-\x20\x7f-\uffff]/g, '');
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
};

const oddTarget = (chance: Chance): { method: string; target: string } => {
  const { method, path } = oneOf(chance, listed);
  const filled = path.replace(/\{(\w+)\}/g, (_, name) =>
    name === 'project' && chance() < 0.8 ? 'default' : oddPart(chance),
  );
  const query = Array.from({ length: upTo(chance, 3) }, () => `${oneOf(chance, fieldNames)}=${oddPart(chance)}`);
  const target = chance() < 0.05 ? `/${oddPart(chance)}/..//${oddPart(chance)}` : filled;
  const other = oneOf(chance, ['GET', 'PUT', 'POST', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'FROBNICATE']);
  const asked = method === 'GET' || chance() < 0.2 ? query : [];
  return {
    method: chance() < 0.9 ? method : other,
    target: asked.length === 0 ? target : `${target}?${asked.join('&')}`,
  };
};

const oddHeaders = (chance: Chance, key: string): string[] => {
  const credential = oneOf(chance, [
    `Bearer ${key}`,
    `Bearer ${key}`,
    `Bearer ${key}`,
    'Basic x',
    `Bearer ${key}x`,
    '',
  ]);
  const headers = [`Authorization: ${credential}`];
  if (chance() < 0.9)
    headers.push(
      `Content-Type: ${chance() < 0.8 ? 'application/json' : oneOf(chance, ['text/plain', 'a/b;;', '', 'application/x-www-form-urlencoded'])}`,
    );
  if (chance() < 0.05) headers.push('Authorization: Bearer second');
  if (chance() < 0.05) headers.push(`If-Match: ${oneOf(chance, ['1', '"1"', '*', 'x', '99999999999999999999'])}`);
  if (chance() < 0.05) headers.push(`Idempotency-Key: ${oneOf(chance, ['a', 'b c', 'é', 'x'.repeat(300)])}`);
  if (chance() < 0.03)
    headers.push(...Array.from({ length: upTo(chance, 300) }, (_, index) => `X-Flood-${index}: ${'y'.repeat(60)}`));
  if (chance() < 0.02) headers.push(`X-Control: a\u0001b`);
  if (chance() < 0.02) headers.push('Expect: 100-continue');
  if (chance() < 0.02) headers.push('Content-Encoding: gzip');
  return headers;
};

interface Odd {
  bytes: Buffer;
  /** It breaks off, so that no answer may come. */
  cut: boolean;
}

const oddRequest = (chance: Chance, key: string): Odd => {
  if (chance() < 0.01) return { bytes: Buffer.from(`${oneOf(chance, oddTexts)}\r\n\r\n`), cut: true };
  const { method, target } = oddTarget(chance);
  const body = ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'].includes(method) && chance() < 0.95 ? '' : oddJson(chance);
  const length = Buffer.byteLength(body) + (chance() < 0.02 ? upTo(chance, 20) - 10 : 0);
  const chunked = chance() < 0.05;
  const sized = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`;
  const framed =
    chunked && body !== ''
      ? `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n`
      : chunked
        ? '0\r\n\r\n'
        : body;
  const head = [`${method} ${target} HTTP/1.1`, 'Host: x', 'Connection: close', sized, ...oddHeaders(chance, key)];
  const bytes = Buffer.from(`${head.join('\r\n')}\r\n\r\n${framed}`);
  const cut = chance() < 0.02;
  return {
    bytes: cut ? bytes.subarray(0, upTo(chance, bytes.length)) : bytes,
    cut: cut || length > Buffer.byteLength(body),
  };
};

/** The status of the answer; 0 where the connection ended without one. */
const send = (port: number, { bytes, cut }: Odd): Promise<number> =>
  new Promise((done) => {
    let head = '';
    const socket = connect(port, '127.0.0.1');
    const end = (): void => {
      socket.destroy();
      done(
        Number(/^HTTP\/1\.1 (\d{3}) (?!Continue)/.exec(head.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, ''))?.[1] ?? 0),
      );
    };
    socket.setTimeout(cut ? 100 : 20_000, end);
    socket.on('data', (part) => {
      if (head.length < 2000) head += part.toString('latin1');
    });
    socket.on('error', end);
    socket.on('close', end);
    if (cut) socket.end(bytes);
    else socket.write(bytes);
  });

export interface Fuzzed {
  sent: number;
  /** How many answers had each status; 0 for none. */
  statuses: Record<string, number>;
  /** What was sent where the answer may not be, in base64. */
  faults: { status: number; bytes: string }[];
}

/** Sends what a seed makes up until `count` or the time is reached; eight at once. */
export const fuzz = async (
  { port, key }: { port: number; key: string },
  { count, seed, limitMs }: { count: number; seed: number; limitMs: number },
): Promise<Fuzzed> => {
  const chance = seeded(seed);
  const statuses: Record<string, number> = {};
  const faults: Fuzzed['faults'] = [];
  const until = Date.now() + limitMs;
  let sent = 0;
  const worker = async (): Promise<void> => {
    while (sent < count && Date.now() < until) {
      sent++;
      const request = oddRequest(chance, key);
      const status = await send(port, request);
      statuses[status] = (statuses[status] ?? 0) + 1;
      const mayBe = status === 503 || status === 501 || status < 500;
      if (!mayBe || (status === 0 && !request.cut)) faults.push({ status, bytes: request.bytes.toString('base64') });
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return { sent, statuses, faults };
};

const megabytes = (bytes: number): number => Math.round(bytes / 1024 / 1024);

const main = async (): Promise<void> => {
  const [count = '100000', seed = '1', minutes = '30'] = process.argv.slice(2);
  const serving = await startServing();
  // What the first requests load is no leak.
  await fuzz(serving, { count: 1000, seed: 0, limitMs: 60_000 });
  const before = await serving.resident();
  const limitMs = Number(minutes) * 60_000;
  const { faults, ...counts } = await fuzz(serving, { count: Number(count), seed: Number(seed), limitMs });
  const alive = await serving.isAlive();
  const megabytesResident = { before: megabytes(before), after: megabytes(await serving.resident()) };
  const report = { ...counts, alive, megabytesResident, faults: faults.slice(0, 5), code: await serving.stop() };
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  if (faults.length > 0) process.stderr.write(serving.log().slice(0, 5000));
  process.exitCode = faults.length === 0 && alive && report.code === 0 ? 0 : 1;
};

if (import.meta.url === pathToFileURL(resolve(process.argv[1] ?? '')).href) await main();
