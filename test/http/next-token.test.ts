import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Machine } from '../process/machine.ts';
import { machineWithVault, type Served, serve } from './served.ts';
import { ask, sending } from './world.ts';

// A server that is asked about a token, and beside it commands of other processes that end what the token hangs on.

let machine: Machine;
let served: Served;
/** Of somebody who asks about the tokens of others, and whom nothing here ends. */
let asker: string;
let key: string;
beforeEach(async () => {
  machine = await machineWithVault();
  const withKey = async (name: string, role: string) =>
    (await machine.json<{ key: string }>('principals', 'create', name, '--role', role, '--with-key')).key;
  asker = await withKey('gateway', 'Operator');
  key = await withKey('ci', 'Operator');
  served = await serve(machine, '--listen', '127.0.0.1:0');
});
afterEach(async () => {
  served.kill('SIGTERM');
  await served.ended;
});

const project = '/v1/projects/default';

interface Minted {
  id: string;
  token: string;
}

/** By a process of its own, as a job on the server's machine would. */
const mint = async (): Promise<Minted> => {
  const { code, stdout, stderr } = await machine.mobius(['tokens', 'create'], { env: { MOBIUS_API_KEY: key } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Minted;
};

const mintOver = async (credential: string): Promise<Minted> => {
  const { status, body } = await ask(served, 'POST', `${project}/tokens`, sending({}, credential));
  expect(status).toBe(201);
  return (body as { items: [Minted] }).items[0];
};

/** What a verification says of it, and what whoever shows it is answered. */
const standing = async ({ token }: Minted): Promise<[code: string | undefined, status: number]> => {
  const asked = sending({ token, permission: 'mobius.project.view' }, asker);
  const verified = await ask(served, 'POST', `${project}/tokens/verify`, asked);
  const shown = await ask(served, 'GET', `${project}/principals`, { key: token });
  return [(verified.body as { code?: string }).code, shown.status];
};

const works = ['VALID', 200];

const ends: [what: string, code: string, status: number, end: string[], back?: string[]][] = [
  ['a revoked key', 'REVOKED', 401, ['api-keys', 'revoke', 'ci']],
  [
    'a disabled key',
    'DISABLED',
    401,
    ['api-keys', 'update', 'ci', '--state', 'disabled'],
    ['api-keys', 'update', 'ci', '--state', 'active'],
  ],
  [
    'a disabled principal',
    'DISABLED',
    401,
    ['principals', 'update', 'ci', '--state', 'disabled'],
    ['principals', 'update', 'ci', '--state', 'active'],
  ],
  [
    'a role that was taken away',
    'INSUFFICIENT_PERMISSIONS',
    403,
    ['principals', 'update', 'ci', '--role-ids', 'nothing-much'],
    ['principals', 'update', 'ci', '--role-ids', 'Operator'],
  ],
  ['all tokens of a principal revoked', 'REVOKED', 401, ['tokens', 'revoke', '--all', '--principal', 'ci', '--yes']],
  ['all tokens of a project revoked', 'REVOKED', 401, ['tokens', 'revoke', '--all', '--yes']],
  ['signing keys that were dropped', 'NOT_FOUND', 401, ['tokens', 'rotate-signing-key', '--drop-old', '--yes']],
];
test.each(ends)('%s: the very next answer is %s and %i', async (_, code, status, end, back) => {
  await machine.json('roles', 'create', 'nothing-much', '--permissions', 'mobius.keys.verify');
  const minted = await mint();
  expect(await standing(minted)).toEqual(works);
  expect(await machine.mobius(end)).toMatchObject({ code: 0 });
  expect(await standing(minted)).toEqual([code, status]);
  if (back === undefined) return;
  expect(await machine.mobius(back)).toMatchObject({ code: 0 });
  expect(await standing(minted)).toEqual(works);
});

test('a revoked token ends alone, and what is made after all were revoked works', async () => {
  const [one, other] = [await mint(), await mint()];
  expect(await machine.mobius(['tokens', 'revoke', one.id])).toMatchObject({ code: 0 });
  expect(await standing(one)).toEqual(['REVOKED', 401]);
  expect(await standing(other)).toEqual(works);
  const all = ['tokens', 'revoke', '--all', '--principal', 'ci', '--yes'];
  expect(await machine.mobius(all)).toMatchObject({ code: 0 });
  const later = await mint();
  expect(await standing(other)).toEqual(['REVOKED', 401]);
  expect(await standing(later)).toEqual(works);
});

test('a token ends with the login that it was made with, and with the person', async () => {
  await machine.bash('printf a-fake-password | mobius users create ada@example.test --administrator');
  const logIn = async (): Promise<string> => {
    const asked = sending({ email: 'ada@example.test', password: 'a-fake-password' });
    const { body } = await ask(served, 'POST', '/v1/auth/login', asked);
    return (body as { access_token: string }).access_token;
  };
  const [first, second] = [await logIn(), await logIn()];
  const [one, other] = [await mintOver(first), await mintOver(second)];
  expect(await standing(one)).toEqual(works);
  // As the person would from another machine, over a server of its own.
  const elsewhere = await serve(machine, '--listen', '127.0.0.1:0');
  expect((await ask(elsewhere, 'POST', '/v1/auth/logout', { key: first })).status).toBe(204);
  expect(await standing(one)).toEqual(['REVOKED', 401]);
  expect(await standing(other)).toEqual(works);
  await machine.json('users', 'disable', 'ada@example.test');
  expect(await standing(other)).toEqual(['REVOKED', 401]);
  // Who is let in again logs in anew.
  await machine.json('users', 'enable', 'ada@example.test');
  expect(await standing(other)).toEqual(['REVOKED', 401]);
});
