import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeEach, expect, test } from 'vitest';
import type { Machine } from '../process/machine.ts';
import { machineWithVault, type Served, serve } from './served.ts';
import { ask, sending } from './world.ts';

/** What docs/verify-tokens.md says to write. */
const blocks = [...readFileSync('docs/verify-tokens.md', 'utf8').matchAll(/^```js\n(.*?)^```$/gms)].map(
  ([, text = '']) => text,
);

/** A service around it: takes a line a question, and tells how often it has asked the server for anything. */
const around = `
import { createInterface } from 'node:readline';
import { check } from './check.mjs';
const [fetched, now] = [globalThis.fetch, Date.now];
let [asked, aheadMs] = [0, 0];
Date.now = () => now() + aheadMs;
globalThis.fetch = (...request) => {
  asked++;
  return fetched(...request);
};
for await (const line of createInterface({ input: process.stdin })) {
  const { token, permission, ahead = 0, times = 1 } = JSON.parse(line);
  aheadMs = ahead * 1000;
  const one = () => check(token, permission).then((claims) => ({ claims }), ({ code, message }) => ({ code: code ?? message }));
  const [answer] = await Promise.all(Array.from({ length: times }, one));
  console.log(JSON.stringify({ ...answer, asked }));
}
`;

interface Question {
  token: string;
  permission?: string;
  /** By how many seconds its clock has gone on since it began. */
  ahead?: number;
  /** How many requests come at once. */
  times?: number;
}

interface Told {
  claims?: Record<string, unknown>;
  code?: string;
  asked: number;
}

interface Service {
  check(question: Question): Promise<Told>;
  end(): Promise<void>;
}

const replaced = (text: string, what: string, by: string): string => {
  expect(text).toContain(what);
  return text.replaceAll(what, by);
};

/** The block, with nothing but the address and the issuer of the text put in, in a folder where both packages are installed. */
const start = ({ work }: Machine, block: string, { url, issuer }: { url: string; issuer: string }): Service => {
  const folder = join(work, 'service');
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  symlinkSync(resolve('.'), join(folder, 'node_modules', 'mobius'));
  symlinkSync(resolve('node_modules/jose'), join(folder, 'node_modules', 'jose'));
  const text = replaced(block, 'https://mobius.example.com', url);
  writeFileSync(join(folder, 'check.mjs'), replaced(text, 'vlt_01m7ys6w0neher5bxscj9yd90g', issuer));
  writeFileSync(join(folder, 'service.mjs'), around);
  const child = spawn(process.execPath, ['service.mjs'], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async check(question) {
      child.stdin.write(`${JSON.stringify(question)}\n`);
      return JSON.parse((await lines.next()).value ?? '{}');
    },
    async end() {
      child.stdin.end();
      await ended;
    },
  };
};

let machine: Machine;
let served: Served;
let where: { url: string; issuer: string };
let client: { principal: { id: string }; key: string };
beforeEach(async () => {
  machine = await machineWithVault();
  const made = await machine.mobius(['principals', 'create', 'ci', '--role', 'Operator', '--with-key', '-o', 'json']);
  client = JSON.parse(made.stdout);
  served = await serve(machine, '--listen', '127.0.0.1:0');
  // As the text says to find it.
  const { stdout } = await machine.mobius(['vault', 'status', '-o', 'text', '-F', 'id']);
  where = { url: served.url, issuer: stdout.trim() };
});

const minted = async (input: object = {}): Promise<{ id: string; token: string }> => {
  const asked = sending({ request_limit: 1, ...input }, client.key);
  const { body } = await ask(served, 'POST', '/v1/projects/default/tokens', asked);
  return (body as { items: [{ id: string; token: string }] }).items[0];
};
const swapped = (token: string): string => {
  const [head, body = '', signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
  return `${head}.${Buffer.from(JSON.stringify({ ...claims, scope: 'mobius.*' })).toString('base64url')}.${signature}`;
};

test('the function that comes along, as the text has it', async () => {
  const service = start(machine, blocks[0] ?? '', where);
  try {
    const first = await minted();
    const permission = 'mobius.work.execute';
    const told = await service.check({ token: first.token, permission, times: 20 });
    expect(told).toMatchObject({
      claims: { iss: where.issuer, sub: client.principal.id, aud: 'default', jti: first.id },
      asked: 1,
    });
    expect(told.claims?.permissions).toContain(permission);

    const narrow = await minted({ permissions: ['mobius.secrets.view'] });
    expect(await service.check({ token: narrow.token, permission })).toEqual({ code: 'missing_permission', asked: 1 });
    expect(await service.check({ token: swapped(first.token) })).toEqual({ code: 'bad_signature', asked: 1 });

    const stranger = await machineWithVault();
    const { token } = await stranger.json('tokens', 'create', '--expires-in', '5m');
    expect(await service.check({ token: token ?? '' })).toEqual({ code: 'unknown_key', asked: 1 });

    // What it can't see, as the text says.
    expect(await ask(served, 'DELETE', `/v1/projects/default/tokens/${first.id}`, { key: client.key })).toMatchObject({
      status: 204,
    });
    expect((await service.check({ token: first.token })).code).toBeUndefined();

    await machine.json('tokens', 'rotate-signing-key');
    const second = await minted();
    expect(await service.check({ token: second.token, times: 20 })).toEqual({ code: 'unknown_key', asked: 1 });
    expect(await service.check({ token: second.token, ahead: 31, times: 20 })).toMatchObject({
      claims: { jti: second.id },
      asked: 2,
    });
    expect(await service.check({ token: first.token, ahead: 90 })).toMatchObject({ claims: {}, asked: 2 });
    expect(await service.check({ token: first.token, ahead: 95 })).toMatchObject({ claims: {}, asked: 3 });

    served.kill('SIGTERM');
    await served.ended;
    expect((await service.check({ token: second.token, ahead: 150 })).claims).toMatchObject({ jti: second.id });
    expect(await service.check({ token: second.token, ahead: 160 })).toEqual({ code: 'fetch failed', asked: 4 });
  } finally {
    await service.end();
  }
});

test('another library, as the text has it', async () => {
  const service = start(machine, blocks[1] ?? '', where);
  try {
    const { id, token } = await minted();
    const { claims } = await service.check({ token });
    expect(claims).toMatchObject({ iss: where.issuer, sub: client.principal.id, aud: 'default', jti: id });
    expect(Object.keys(claims ?? {}).sort()).toEqual(['aud', 'azp', 'exp', 'iat', 'iss', 'jti', 'nbf', 'scope', 'sub']);
    expect((await service.check({ token: swapped(token) })).code).toBe('ERR_JWS_SIGNATURE_VERIFICATION_FAILED');
    await machine.json('tokens', 'rotate-signing-key');
    const second = await minted();
    expect((await service.check({ token: second.token, ahead: 61 })).claims).toMatchObject({ jti: second.id });
  } finally {
    await service.end();
  }
});
