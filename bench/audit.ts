import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { coreOver, createLocal, openLocal } from '../src/calls/local.ts';
import type { Core } from '../src/core/core.ts';
import type { Call } from '../src/operations.ts';
import { uuidSource } from '../src/uuid.ts';
import { openVault, type Place, type World } from '../src/vault/open.ts';
import { postgresPrograms, startPostgres } from '../test/store/postgres.ts';
import { median, startTable } from './table.ts';
import { unaudited } from './unaudited.ts';

/**
 * What the audit log costs: each call with it and without it in turn, in the same processes over the same vault, in a file
 * and on a database server that syncs, which one process uses and several at once. Behind the ratio of the times stands that
 * of the processor's work for it, which says more on a busy machine: `tsx bench/audit.ts [seconds of each]`.
 */
/** Each of them is measured with the log and without it, one after the other. */
const pairs = 8;

const world: World = {
  now: () => Date.now(),
  newUuid: uuidSource(Date.now, (bytes) => crypto.getRandomValues(bytes)),
};

/** Where the vault is, and who uses it: what a process of the benchmark is told at its start. */
interface Given {
  path: string;
  keyFile: string;
  key: string;
  number: number;
  /** How many calls are under way at once. */
  callers: number;
}

/** One part of a measurement: the same call again and again. */
interface Slice {
  step: number;
  audited: boolean;
  ms: number;
}

interface User {
  owner: Call;
  /** As the key of whoever calls. */
  call: Call;
}

type Step = readonly [name: string, run: (user: User, given: Given, n: number) => Promise<unknown>];

const recipient = Buffer.alloc(32, 9).toString('base64');
const secretOf = ({ number }: Given): string => `secret-${number}`;

const steps: readonly Step[] = [
  [
    'api-keys.create',
    ({ call }, { number }, n) => call('api-keys.create', { name: `${number}-${n}`, principal_id: 'bench' }),
  ],
  ['secrets.use', ({ call }, given) => call('secrets.use', { references: [`${secretOf(given)}.value`], recipient })],
  [
    'secrets.update',
    ({ call }, given, n) => call('secrets.update', { secret: secretOf(given), values: { value: `plainly fake ${n}` } }),
  ],
  ['tokens.create', ({ call }) => call('tokens.create', {})],
  ['api-keys.verify', ({ call }, { key }) => call('api-keys.verify', { key })],
];

const userOf = (core: Core, { key }: Given): User => ({
  owner: core.as({ kind: 'owner' }),
  call: core.as({ kind: 'bearer', text: key }),
});

/** How long every call took, and the processor worked for all of them, in milliseconds. */
interface Times {
  calls: number[];
  worked: number;
}

/** One of the processes: does each slice that it is told. */
const beChild = async (given: Given): Promise<void> => {
  const { path, keyFile, callers } = given;
  const vault = await openVault(world, { path, keys: { keyFile, defaultKeyFile: () => keyFile } });
  const users = {
    true: userOf(coreOver(world, vault), given),
    false: userOf(coreOver(world, unaudited(vault)), given),
  };
  await users.true.owner('secrets.create', {
    name: secretOf(given),
    values: { value: 'plainly fake' },
    max_versions: 2,
  });
  let count = 0;
  const measure = async ({ step, audited, ms }: Slice): Promise<Times> => {
    const [, run] = steps[step] as Step;
    const calls: number[] = [];
    const before = process.cpuUsage();
    const end = performance.now() + ms;
    const caller = async (): Promise<void> => {
      do {
        const began = performance.now();
        await run(users[`${audited}`], given, count++);
        calls.push(performance.now() - began);
      } while (performance.now() < end);
    };
    await Promise.all(Array.from({ length: callers }, caller));
    const { user, system } = process.cpuUsage(before);
    return { calls, worked: (user + system) / 1000 };
  };
  process.on('message', async (slice: Slice | 'end') => {
    if (slice !== 'end') {
      process.send?.(await measure(slice));
      return;
    }
    await vault.db.close();
    process.disconnect();
  });
  process.send?.('ready');
};

const joined = (all: readonly Times[]): Times => ({
  calls: all.flatMap(({ calls }) => calls),
  worked: all.reduce((sum, { worked }) => sum + worked, 0),
});

interface Group {
  measure(slice: Slice): Promise<Times>;
  end(): Promise<void>;
}

const startGroup = async (count: number, given: Omit<Given, 'number'>): Promise<Group> => {
  const children = await Promise.all(
    Array.from({ length: count }, async (_, number) => {
      const child = fork(import.meta.filename, [JSON.stringify({ ...given, number: number + 10 * count })]);
      await once(child, 'message');
      return child;
    }),
  );
  return {
    async measure(slice) {
      const answers = children.map((child) => once(child, 'message') as Promise<[Times]>);
      for (const child of children) child.send(slice);
      return joined((await Promise.all(answers)).map(([times]) => times));
    },
    async end() {
      const ended = children.map((child) => once(child, 'exit'));
      for (const child of children) child.send('end');
      await Promise.all(ended);
    },
  };
};

interface Pair {
  audited: Times;
  bare: Times;
}

/** First the one and first the other in turn, so that what else the machine does slows both alike. */
const measurePairs = async ({ measure }: Group, step: number, ms: number): Promise<Pair[]> => {
  await measure({ step, audited: true, ms });
  const found: Pair[] = [];
  for (let i = 0; i < pairs; i++) {
    const isFirst = i % 2 === 0;
    const first = await measure({ step, audited: isFirst, ms });
    const second = await measure({ step, audited: !isFirst, ms });
    found.push(isFirst ? { audited: first, bare: second } : { audited: second, bare: first });
  }
  return found;
};

const cellOf = (found: readonly Pair[]): string => {
  const [audited, bare] = [joined(found.map((pair) => pair.audited)), joined(found.map((pair) => pair.bare))];
  const [took, tookBare] = [median(audited.calls).toFixed(1), median(bare.calls).toFixed(1)];
  const ratio = median(found.map((pair) => median(pair.audited.calls) / median(pair.bare.calls)));
  const worked = audited.worked / audited.calls.length / (bare.worked / bare.calls.length);
  return `${took} / ${tookBare} ms: ${ratio.toFixed(2)} (${worked.toFixed(2)})`;
};

const makeVault = async (folder: string, address?: string): Promise<Pick<Given, 'path' | 'keyFile' | 'key'>> => {
  const path = address ?? join(folder, 'vault.db');
  const keyFile = join(folder, `key-${address === undefined ? 'file' : 'server'}`);
  const place: Place = { path, keys: { defaultKeyFile: () => keyFile } };
  await createLocal(world, place);
  const { call, close } = await openLocal(world, place, { kind: 'owner' });
  const { id } = await call('principals.create', { name: 'bench', role_ids: ['Owner'] });
  const { key } = await call('api-keys.create', { name: 'bench', principal_id: id });
  await close();
  return { path, keyFile, key };
};

const main = async (seconds: number): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-bench-'));
  const programs = postgresPrograms();
  if (programs === undefined) process.stderr.write('left out: PostgreSQL, which this machine has not\n');
  const server = programs === undefined ? undefined : await startPostgres(programs, ['max_connections=100']);
  const ms = (seconds * 1000) / (2 * pairs + 1);
  try {
    const file = await makeVault(folder);
    const database = server && (await makeVault(folder, await server.newDatabase()));
    const places = [
      { name: 'a file', count: 1, given: { ...file, callers: 1 } },
      ...(database === undefined
        ? []
        : [
            { name: 'PostgreSQL', count: 1, given: { ...database, callers: 1 } },
            { name: 'PostgreSQL, 2 nodes', count: 2, given: { ...database, callers: 2 } },
            { name: 'PostgreSQL, 4 nodes', count: 4, given: { ...database, callers: 2 } },
          ]),
    ];
    const groups: Group[] = [];
    for (const { count, given } of places) groups.push(await startGroup(count, given));
    const row = startTable(['with its entry / without', ...places.map(({ name }) => name)]);
    for (const [at, [name]] of steps.entries()) {
      const cells: string[] = [];
      for (const group of groups) cells.push(cellOf(await measurePairs(group, at, ms)));
      row([name, ...cells]);
    }
    for (const { end } of groups) await end();
  } finally {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
};

const [argument = '8'] = process.argv.slice(2);
if (process.send === undefined) await main(Number(argument));
else await beChild(JSON.parse(argument) as Given);
