import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openServed, type Served } from '../src/calls/local.ts';
import { cursorAt } from '../src/core/paging.ts';
import type { Call } from '../src/operations.ts';
import { postgresPrograms, startPostgres } from '../test/store/postgres.ts';
import {
  type FilledPlace,
  fillKeys,
  fillSecrets,
  type KeyFilled,
  openFilled,
  placeIn,
  secretName,
  world,
} from './filling.ts';
import { program } from './process.ts';
import { startNode } from './serving.ts';
import { atMost, inTurn, startTable, whole } from './table.ts';

/**
 * What a call costs beside ever more records, in a file and on a database server, and what it costs to open them:
 * `tsx bench/growth.ts [1000,1000000 [1000,100000 [file|postgres|both [milliseconds of each call]]]]`, first the keys of the
 * two vaults, then their secrets.
 * A million keys are put in in some four minutes, and a hundred thousand secrets with ten versions each in three.
 */
const target = 1.3;
const versions = 10;
/** Of each call in each vault at the most. */
const rounds = 1_000;

const numbers = (text: string): number[] => text.split(',').map(Number);
const [keyCounts = '1000,20000', secretCounts = '1000,4000', which = 'both', stepMs = '4000'] = process.argv.slice(2);

interface Full {
  place: FilledPlace;
  served: Served;
  call: Call;
  keys: KeyFilled;
  secrets: readonly string[];
}

const tell = (text: string): void => void process.stderr.write(`${text}\n`);

const pick = <T>(all: readonly T[]): T => all[Math.floor(Math.random() * all.length)] as T;
const someNumber = (all: readonly unknown[]): number => Math.floor(Math.random() * all.length);
const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();

const fromMiddle = (ids: readonly string[]): { cursor: string } => {
  const id = ids[Math.floor(ids.length / 2)] ?? '';
  return { cursor: cursorAt([{ id }, { id }], 1).next_cursor ?? '' };
};

let made = 0;
const newName = (): string => `made-${process.pid}-${made++}`;

type Work = (full: Full) => Promise<unknown>;
type Step = readonly [name: string, run: Work, before?: Work];

/** A small vault would have in memory what of a large one is read anew: a change of access, if of nobody's, empties it. */
const forget: Work = ({ served: { vault } }) =>
  vault.db.run('update principals set archived_at = archived_at where id = $1', ['none']);

const recipient = Buffer.alloc(32, 9).toString('base64');

const secretSteps: readonly Step[] = [
  ['secrets.get, by id', ({ call, secrets }) => call('secrets.get', { secret: pick(secrets) })],
  ['secrets.get, by name', ({ call, secrets }) => call('secrets.get', { secret: secretName(someNumber(secrets)) })],
  [
    'secrets.use',
    ({ call, secrets }) => call('secrets.use', { references: [`${secretName(someNumber(secrets))}.value`], recipient }),
  ],
  ['secrets.list-versions', ({ call, secrets }) => call('secrets.list-versions', { secret: pick(secrets) })],
  ['secrets.list', ({ call }) => call('secrets.list', {})],
  ['secrets.list, from the middle', ({ call, secrets }) => call('secrets.list', fromMiddle(secrets))],
  ['secrets.list, tag of half of them', ({ call }) => call('secrets.list', { tag: ['env:prod'] })],
  ['secrets.list, tag of a few', ({ call }) => call('secrets.list', { tag: ['rare:yes'] })],
  ['secrets.list, any tag of that key', ({ call }) => call('secrets.list', { tag: ['rare:*'] })],
  ['secrets.list, a few that end', ({ call }) => call('secrets.list', { expires_before: inDays(2) })],
  ['secrets.list, half that end', ({ call }) => call('secrets.list', { expires_before: inDays(1000) })],
  ['secrets.list, a pattern of all', ({ call }) => call('secrets.list', { match: 'db/*' })],
  [
    'secrets.update, a new version',
    ({ call, secrets }) => call('secrets.update', { secret: pick(secrets), values: { value: newName() } }),
  ],
  [
    'secrets.create',
    ({ call }) =>
      call('secrets.create', {
        name: newName(),
        values: { value: 'plainly fake' },
        tags: { env: 'prod', team: 'new' },
      }),
  ],
];

const states = ['active', 'disabled', 'revoked', 'expired', 'retiring'] as const;

const keySteps: readonly Step[] = [
  ['api-keys.verify', ({ call, keys }) => call('api-keys.verify', { key: pick(keys.raw) }), forget],
  [
    'api-keys.verify, of a hundred that are used',
    ({ call, keys }) => call('api-keys.verify', { key: pick(keys.raw.slice(0, 100)) }),
  ],
  ['api-keys.get, by id', ({ call, keys }) => call('api-keys.get', { id: pick(keys.ids) })],
  ['api-keys.get, by name', ({ call, keys }) => call('api-keys.get', { id: pick(keys.names) })],
  ['api-keys.list', ({ call }) => call('api-keys.list', {})],
  ['api-keys.list, from the middle', ({ call, keys }) => call('api-keys.list', fromMiddle(keys.ids))],
  ...states.flatMap((state): Step[] => [
    [`api-keys.list, ${state}`, ({ call }) => call('api-keys.list', { state })],
    [
      `api-keys.list, ${state}, from the middle`,
      ({ call, keys }) => call('api-keys.list', { state, ...fromMiddle(keys.ids) }),
    ],
  ]),
  ['api-keys.list, tag of half of them', ({ call }) => call('api-keys.list', { tag: ['env:prod'] })],
  [
    'api-keys.list, the same from the middle',
    ({ call, keys }) => call('api-keys.list', { tag: ['env:prod'], ...fromMiddle(keys.ids) }),
  ],
  [
    'api-keys.list, tag of a hundred',
    ({ call, keys }) => call('api-keys.list', { tag: [`team:team-${someNumber(keys.principals)}`] }),
  ],
  ['api-keys.list, tag of a few', ({ call }) => call('api-keys.list', { tag: ['rare:yes'] })],
  ['api-keys.list, any tag of that key', ({ call }) => call('api-keys.list', { tag: ['rare:*'] })],
  ['api-keys.list, both tags', ({ call }) => call('api-keys.list', { tag: ['env:prod', 'rare:yes'] })],
  ['api-keys.list, of a principal', ({ call, keys }) => call('api-keys.list', { principal_id: pick(keys.principals) })],
  [
    'api-keys.list, of a principal, active',
    ({ call, keys }) => call('api-keys.list', { principal_id: pick(keys.principals), state: 'active' }),
  ],
  ['api-keys.list, a few that end', ({ call }) => call('api-keys.list', { expires_before: inDays(2) })],
  ['api-keys.list, half that end', ({ call }) => call('api-keys.list', { expires_before: inDays(1000) })],
  [
    'api-keys.create',
    ({ call, keys }) =>
      call('api-keys.create', {
        name: newName(),
        principal_id: pick(keys.principals),
        tags: { env: 'prod', team: 'new' },
      }),
  ],
];

const processOf = ({ place }: Full, args: readonly string[]): void => {
  const env = { PATH: process.env.PATH, HOME: tmpdir(), MOBIUS_VAULT: place.path };
  const line = [program, ...args, '--key-file', place.keyFile];
  const { status, stderr } = spawnSync(process.execPath, line, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`mobius ${args.join(' ')} ended with ${status}: ${stderr}`);
};

const openSteps: readonly Step[] = [
  [
    'opened, one read, closed',
    async ({ place, keys }) => {
      const opened = await openServed(world, place);
      await opened.core.as({ kind: 'owner' })('api-keys.get', { id: pick(keys.ids) });
      await opened.close('rest');
    },
  ],
  ['`mobius api-keys get`', async (full) => processOf(full, ['api-keys', 'get', pick(full.keys.ids)])],
  [
    '`mobius serve` until it answers',
    async ({ place }) => {
      const env = { PATH: process.env.PATH, HOME: tmpdir(), MOBIUS_VAULT: place.path };
      const node = await startNode(env, 'error', '--key-file', place.keyFile);
      await node.stop();
    },
  ],
];

const compare = async (title: string, fulls: readonly Full[], steps: readonly Step[]): Promise<void> => {
  const counts = fulls.map(({ keys, secrets }) => `${whole(keys.ids.length)} keys, ${whole(secrets.length)} secrets`);
  const row = startTable([title, ...counts, 'ratio', 'must reach']);
  for (const step of steps) {
    const [name, run, before] = step;
    const medians = await inTurn(fulls, run, { rounds, ms: Number(stepMs), warmUps: 3, ...(before && { before }) });
    const [small = 1, large = 1] = medians;
    const ms = medians.map((one) => `${one.toFixed(2)} ms`);
    row([name, ...ms, (large / small).toFixed(2), atMost(large / small, target)]);
  }
  process.stdout.write('\n');
};

const fill = async (place: FilledPlace, keyCount: number, secretCount: number): Promise<Full> => {
  tell(`${keyCount} keys and ${secretCount} secrets`);
  const served = await openFilled(place);
  const keys = await fillKeys(served, keyCount);
  const secrets = await fillSecrets(served, secretCount, versions);
  // What the server does by itself within a minute; without it it takes the tables for empty.
  if (served.vault.file === undefined) await served.vault.db.run('analyze');
  await served.close();
  const opened = await openServed(world, place);
  return { place, served: opened, call: opened.core.as({ kind: 'owner' }), keys, secrets };
};

const compareIn = async (
  title: string,
  newPlace: (folder: string) => Promise<FilledPlace>,
  root: string,
): Promise<void> => {
  const fulls: Full[] = [];
  const secrets = numbers(secretCounts);
  for (const [at, count] of numbers(keyCounts).entries()) {
    const folder = join(root, `${title}-${at}`);
    mkdirSync(folder);
    fulls.push(await fill(await newPlace(folder), count, secrets[at] ?? 0));
  }
  await compare(title, fulls, [...keySteps, ...secretSteps]);
  for (const { served } of fulls) await served.close();
  await compare(`${title}, opened`, fulls, openSteps);
};

const root = mkdtempSync(join(tmpdir(), 'mobius-bench-'));
const programs = which === 'file' ? undefined : postgresPrograms();
const server = programs === undefined ? undefined : await startPostgres(programs);
try {
  if (which !== 'postgres') await compareIn('a file', async (folder) => placeIn(folder), root);
  if (server !== undefined) {
    await compareIn('PostgreSQL', async (folder) => placeIn(folder, await server.newDatabase()), root);
  }
} finally {
  await server?.stop();
  rmSync(root, { recursive: true, force: true });
}
