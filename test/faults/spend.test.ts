import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/vault/database.ts';
import { machineWithVault, type Served, serve } from '../http/served.ts';
import { ask, codeOf, sending } from '../http/world.ts';
import type { Machine } from '../process/machine.ts';
import { engines } from '../store/postgres-shared.ts';
import { type Child, children, type Start } from '../store/processes.ts';

/**
 * The limit of a token is exact, however many processes spend it and wherever: each yes is one that nobody else had, and
 * as many are said as there may be.
 */

const folder = mkdtempSync(join(tmpdir(), 'mobius-spend-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let start: Start;
beforeAll(async () => {
  start = await children(folder, 'test/faults/spender.ts');
});

const running: Child[] = [];
afterEach(() => {
  for (const { process } of running.splice(0)) process.kill('SIGKILL');
});

/** For a machine with two cores that has other work. */
const enoughMs = 120_000;

interface Minted {
  id: string;
  token: string;
  request_limit: number;
}

const mint = async (machine: Machine, key: string, limit: number, ...more: string[]): Promise<Minted> => {
  const args = ['tokens', 'create', '--request-limit', `${limit}`, ...more];
  const { code, stdout, stderr } = await machine.mobius(args, { env: { MOBIUS_API_KEY: key } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Minted;
};

/** A vault in which somebody who may do everything has a key. */
const scene = async (place: string | undefined): Promise<{ machine: Machine; key: string; keyFile: string }> => {
  const machine = await machineWithVault(place);
  const { key } = await machine.json<{ key: string }>('principals', 'create', 'ci', '--role', 'Owner', '--with-key');
  const { id } = await machine.json('vault', 'status');
  return { machine, key, keyFile: join(machine.home, '.config', 'mobius', 'keys', `${id}.key`) };
};

const serving = (machine: Machine, port = 0): Promise<Served> =>
  serve(machine, '--listen', `127.0.0.1:${port}`, '--log', 'info');

interface Told {
  remaining: number[];
  refused: Record<string, number>;
  lost: number;
}

/** Lets all of them begin at once, and begin only when every one is ready. */
const crowd = async (
  tasks: readonly (readonly string[])[],
  { token, request_limit: limit }: Minted,
): Promise<{ go(): void; told: Promise<Told[]> }> => {
  const go = join(mkdtempSync(join(folder, 'go-')), 'go');
  const started = tasks.map(([task = '', ...where]) => start([task, go, token, `${limit}`, ...where]));
  running.push(...started);
  await Promise.all(started.map((child) => child.said('ready')));
  const told = Promise.all(
    started.map(async ({ ended }) => {
      const { code, signal, stdout, stderr } = await ended;
      expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
      return JSON.parse(stdout.replace(/^ready\n/, '')) as Told;
    }),
  );
  return { go: () => writeFileSync(go, ''), told };
};

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

const refusedAs = (told: readonly Told[]): string[] => [
  ...new Set(told.flatMap(({ refused }) => Object.keys(refused))),
];

const yesesOf = (told: readonly Told[]): number[] => told.flatMap(({ remaining }) => remaining).sort((a, b) => a - b);

const countTo = (limit: number): number[] => Array.from({ length: limit }, (_, at) => at);

/** As it stands in the database: what is left never tells of a request too many. */
const usedIn = async ({ vault }: Machine, { id }: Minted): Promise<number | undefined> => {
  const { db } = await openDatabase(vault);
  try {
    return (await db.get<{ used: number }>('select used from tokens where id = $1', [id]))?.used;
  } finally {
    await db.close();
  }
};

const expectSpent = async (machine: Machine, minted: Minted, most: number): Promise<void> => {
  const shown = await machine.json('tokens', 'get', minted.id);
  expect(shown).toMatchObject({ remaining: 0, request_limit: most, state: 'spent' });
  expect(await usedIn(machine, minted)).toBe(most);
};

const limit = 1_000;

/** What is left after a yes is said to one alone: the answers are the limit counted down, each number once. */
const expectExact = async (machine: Machine, minted: Minted, told: readonly Told[]): Promise<void> => {
  expect(yesesOf(told)).toEqual(countTo(limit));
  expect(refusedAs(told)).toEqual(['USAGE_EXCEEDED']);
  expect(told.map(({ lost }) => lost)).toEqual(told.map(() => 0));
  await expectSpent(machine, minted, limit);
};

const project = '/v1/projects/default';

describe.each(engines())('in %s', (_, place) => {
  test(
    'sixteen processes on the vault itself',
    async () => {
      const { machine, key, keyFile } = await scene(await place());
      const minted = await mint(machine, key, limit);
      const { go, told } = await crowd(times(16, ['local', machine.vault, keyFile]), minted);
      go();
      await expectExact(machine, minted, await told);
    },
    enoughMs,
  );

  test(
    'sixteen processes through one server',
    async () => {
      const { machine, key } = await scene(await place());
      const minted = await mint(machine, key, limit);
      const { port } = await serving(machine);
      const { go, told } = await crowd(times(16, ['server', `${port}`, key]), minted);
      go();
      await expectExact(machine, minted, await told);
    },
    enoughMs,
  );

  test(
    'two servers and the vault itself, all at once',
    async () => {
      const { machine, key, keyFile } = await scene(await place());
      const minted = await mint(machine, key, limit);
      const servers = [await serving(machine), await serving(machine)];
      const remote = servers.flatMap(({ port }) => times(6, ['server', `${port}`, key]));
      const { go, told } = await crowd([...remote, ...times(4, ['local', machine.vault, keyFile])], minted);
      go();
      await expectExact(machine, minted, await told);
    },
    enoughMs,
  );

  /**
   * The count is on the disk before the yes is said: a server that is killed may have counted a request whose answer
   * nobody got, and never the other way round.
   */
  test(
    'a server that is killed and started again, over and over',
    async () => {
      const { machine, key } = await scene(await place());
      const minted = await mint(machine, key, limit);
      let served = await serving(machine);
      const { port } = served;
      const { go, told } = await crowd(times(8, ['server', `${port}`, key]), minted);
      const used = async (): Promise<number> => (await usedIn(machine, minted)) ?? 0;
      go();
      for (const after of [100, 400, 700]) {
        while ((await used()) < after) await new Promise((done) => setTimeout(done, 5));
        served.kill('SIGKILL');
        await served.ended;
        expect(await used()).toBeLessThan(limit);
        served = await serving(machine, port);
      }
      const all = await told;
      const yeses = yesesOf(all);
      const lost = all.reduce((sum, one) => sum + one.lost, 0);
      expect(new Set(yeses).size).toBe(yeses.length);
      expect(yeses.length).toBeLessThanOrEqual(limit);
      expect(yeses.length).toBeGreaterThanOrEqual(limit - lost);
      expect(refusedAs(all)).toEqual(['USAGE_EXCEEDED']);
      await expectSpent(machine, minted, limit);
      expect(await machine.mobius(['vault', 'check'])).toMatchObject({ code: 0 });
    },
    enoughMs,
  );

  test(
    'whoever reads with the token itself spends it, and the next is told to get another',
    async () => {
      const { machine, key } = await scene(await place());
      const most = 200;
      const minted = await mint(machine, key, most);
      const { port } = await serving(machine);
      const { go, told } = await crowd(times(16, ['bearer', `${port}`]), minted);
      go();
      const all = await told;
      expect(yesesOf(all)).toHaveLength(most);
      expect(refusedAs(all)).toEqual(['429 rate_limit_exceeded usage_exceeded']);
      await expectSpent(machine, minted, most);
    },
    enoughMs,
  );

  test('what is refused costs a token nothing, a write costs it one', async () => {
    const { machine, key } = await scene(await place());
    const { id, token } = await mint(machine, key, 10, '--permissions', 'mobius.project.view,mobius.access.manage');
    const served = await serving(machine);
    const remaining = async (): Promise<number> =>
      (await machine.json<{ remaining: number }>('tokens', 'get', id)).remaining;
    const refused: [number, string, string, unknown?][] = [
      [403, 'GET', `${project}/secrets`],
      [403, 'POST', `${project}/tokens`, {}],
      [404, 'GET', `${project}/principals/nobody`],
      [401, 'GET', '/v1/projects/another/principals'],
      [400, 'GET', `${project}/principals?limit=many`],
      [400, 'POST', `${project}/roles`, { name: 1 }],
      [409, 'POST', `${project}/principals`, { name: 'ci' }],
    ];
    for (const [status, method, path, body] of refused) {
      const asked = body === undefined ? { key: token } : sending(body, token);
      const answered = await ask(served, method, path, asked);
      expect([method, path, answered.status]).toEqual([method, path, status]);
    }
    expect(await remaining()).toBe(10);
    const made = await ask(
      served,
      'POST',
      `${project}/roles`,
      sending({ name: 'r', permissions: ['mobius.project.view'] }, token),
    );
    expect(made.status).toBe(201);
    expect(await remaining()).toBe(9);
    expect((await ask(served, 'GET', `${project}/principals`, { key: token })).status).toBe(200);
    expect(await remaining()).toBe(8);
  });

  test('a write that comes when nothing is left is not done', async () => {
    const { machine, key } = await scene(await place());
    const { token } = await mint(machine, key, 1);
    const served = await serving(machine);
    const write = (name: string) =>
      ask(served, 'POST', `${project}/roles`, sending({ name, permissions: ['mobius.project.view'] }, token));
    const answers = await Promise.all(countTo(8).map((n) => write(`role ${n}`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...times(7, 429)]);
    expect(new Set(answers.map(codeOf))).toEqual(new Set([undefined, 'rate_limit_exceeded']));
    const { items } = await machine.json<{ items: { name: string }[] }>('roles', 'list', '--limit', '200');
    expect(items.filter(({ name }) => name.startsWith('role '))).toHaveLength(1);
  });

  test(
    'forty commands, sixteen at a time, on a token of twenty',
    async () => {
      const { machine, key } = await scene(await place());
      const most = 20;
      const minted = await mint(machine, key, most);
      const file = join(machine.work, 'token.jwt');
      writeFileSync(file, minted.token);
      let left = most * 2;
      const codes: (number | null)[] = [];
      const said: string[] = [];
      const worker = async (): Promise<void> => {
        while (left-- > 0) {
          const { code, stdout } = await machine.bash(`exec mobius tokens verify < '${file}'`);
          codes.push(code);
          said.push((JSON.parse(stdout) as { code: string }).code);
        }
      };
      await Promise.all(times(16, undefined).map(worker));
      expect(codes.sort()).toEqual([...times(most, 0), ...times(most, 4)]);
      expect(said.sort()).toEqual([...times(most, 'USAGE_EXCEEDED'), ...times(most, 'VALID')]);
      await expectSpent(machine, minted, most);
    },
    enoughMs,
  );
});
