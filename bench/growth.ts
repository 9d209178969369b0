import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { openServed } from '../src/calls/local.ts';
import { postgresPrograms, startPostgres } from '../test/store/postgres.ts';
import { type FilledPlace, fillKeys, fillSecrets, openFilled, placeIn, world } from './filling.ts';
import { type Full, keySteps, pick, type Step, secretSteps } from './growth-steps.ts';
import { program, removeHomes } from './process.ts';
import { startNode } from './serving.ts';
import { atMost, inTurn, startTable, whole } from './table.ts';
import { touchedBy } from './touched.ts';

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

const tell = (text: string): void => void process.stderr.write(`${text}\n`);

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

const compare = async (
  title: string,
  fulls: readonly Full[],
  steps: readonly Step[],
  touches: boolean,
): Promise<void> => {
  const counts = fulls.map(({ keys, secrets }) => `${whole(keys.ids.length)} keys, ${whole(secrets.length)} secrets`);
  const row = startTable([title, ...counts, 'ratio', 'must reach', ...(touches ? ['pages'] : [])]);
  for (const step of steps) {
    const [name, run, before] = step;
    const pages: string[] = [];
    for (const full of touches ? fulls : []) {
      const { db } = full.served.vault;
      pages.push(
        whole(
          await touchedBy(
            db,
            () => run(full),
            () => before?.(full),
          ),
        ),
      );
    }
    const medians = await inTurn(fulls, run, { rounds, ms: Number(stepMs), warmUps: 3, ...(before && { before }) });
    const [small = 1, large = 1] = medians;
    const ms = medians.map((one) => `${one.toFixed(2)} ms`);
    const cells = [name, ...ms, (large / small).toFixed(2), atMost(large / small, target)];
    row(touches ? [...cells, pages.join(' / ')] : cells);
  }
  process.stdout.write('\n');
};

/** What the server does by itself within a minute; without it it takes the tables for empty. */
const tidyUp = async (address: string): Promise<void> => {
  const client = new pg.Client(address);
  await client.connect();
  await client.query('vacuum analyze');
  await client.end();
};

const fill = async (place: FilledPlace, keyCount: number, secretCount: number): Promise<Full> => {
  tell(`${keyCount} keys and ${secretCount} secrets`);
  const served = await openFilled(place);
  const keys = await fillKeys(served, keyCount);
  const secrets = await fillSecrets(served, secretCount, versions);
  await served.close();
  if (served.vault.file === undefined) await tidyUp(place.path);
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
  await compare(title, fulls, [...keySteps, ...secretSteps], fulls[0]?.served.vault.file === undefined);
  for (const { served } of fulls) await served.close();
  await compare(`${title}, opened`, fulls, openSteps, false);
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
  removeHomes();
  rmSync(root, { recursive: true, force: true });
}
