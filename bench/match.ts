import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FilledPlace, fillSecrets, openFilled, placeIn } from './filling.ts';
import { program } from './process.ts';
import { atMost, median, startTable, whole } from './table.ts';

/**
 * The memory that the whole built program takes for a page of secrets, and how long for it, with a pattern of their names and
 * without: `npm run build && tsx bench/match.ts [1000,1000000]`. A million secrets are put in in some six minutes.
 */
/** Of a few rows nothing is collected yet, of many what lies about until it is: that, and no more, may make a difference. */
const target = 2;
const runs = 7;
const counts = (process.argv[2] ?? '1000,20000').split(',').map(Number);

/**
 * Says at its end how much memory it had at the most. What `resourceUsage` tells of a process is at least what its parent had
 * when it was started.
 */
const atExit = `import { readFileSync } from 'node:fs';
  process.on('exit', () => process.stderr.write(/VmHWM:.*/.exec(readFileSync('/proc/self/status', 'utf8'))[0]))`;
const preload = `data:text/javascript,${encodeURIComponent(atExit)}`;

interface Ran {
  ms: number;
  /** Until the first byte of the answer. */
  firstMs: number;
  megabytes: number;
}

const run = async ({ path, keyFile }: FilledPlace, args: readonly string[]): Promise<Ran> => {
  const env = { PATH: process.env.PATH, HOME: tmpdir(), MOBIUS_VAULT: path };
  const line = ['--import', preload, program, 'secrets', 'list', '--key-file', keyFile, '-o', 'json', ...args];
  const began = performance.now();
  const child = spawn(process.execPath, line, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let told = '';
  let firstMs = 0;
  child.stdout.on('data', () => {
    firstMs ||= performance.now() - began;
  });
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    told += part;
  });
  const [code] = await once(child, 'close');
  const peak = /VmHWM:\s+(\d+) kB/.exec(told)?.[1];
  if (code !== 0 || peak === undefined) throw new Error(`secrets list ${args.join(' ')} ended with ${code}: ${told}`);
  return { ms: performance.now() - began, firstMs, megabytes: Number(peak) / 1024 };
};

const steps: readonly [name: string, ...args: string[]][] = [
  ['`secrets list`'],
  ['`--limit 100`', '--limit', '100'],
  ["`--match 'db/*'`, which is all of them", '--match', 'db/*'],
  ["`--match '*-9*'`, which is many", '--match', '*-9*'],
  ["`--match 'db/secret-99'`, which is one", '--match', 'db/secret-99'],
  ["`--match 'mail/*'`, which is none", '--match', 'mail/*'],
];

const root = mkdtempSync(join(tmpdir(), 'mobius-bench-'));
try {
  const places: FilledPlace[] = [];
  for (const count of counts) {
    const folder = join(root, String(count));
    mkdirSync(folder);
    const place = placeIn(folder);
    const served = await openFilled(place);
    await fillSecrets(served, count, 1);
    await served.close();
    places.push(place);
  }
  const head = counts.flatMap((count) => [`${whole(count)} secrets`, 'first byte', 'end']);
  const row = startTable(['memory of the process', ...head, 'ratio', 'must reach']);
  for (const [name, ...args] of steps) {
    const found = places.map((): Ran[] => []);
    for (let i = 0; i < runs; i++) {
      for (const [at, place] of places.entries()) found[at]?.push(await run(place, args));
    }
    const medians = found.map((all) => median(all.map(({ megabytes }) => megabytes)));
    const [small = 1, large = 1] = medians;
    const cells = found.flatMap((all, at) => [
      `${(medians[at] ?? 0).toFixed(0)} MB`,
      `${median(all.map(({ firstMs }) => firstMs)).toFixed(0)} ms`,
      `${median(all.map(({ ms }) => ms)).toFixed(0)} ms`,
    ]);
    row([name, ...cells, (large / small).toFixed(2), atMost(large / small, target)]);
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
