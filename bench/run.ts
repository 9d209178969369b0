import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { benchmark as argon2 } from './argon2.ts';
import { print } from './measure.ts';
import { type Benchmark, removeHomes } from './process.ts';

/** Every benchmark, in the order in which the tables are printed. */
const benchmarks: readonly (() => Benchmark)[] = [argon2];

/** Those that print a table of their own, in sizes that take about a minute together. */
const others: readonly (readonly [title: string, file: string, ...args: string[]])[] = [
  ['from start to end', 'start.ts'],
  ['what the audit log costs', 'audit.ts', '1'],
  ['a flood of credentials that are none', 'flood.ts', '10000', '4000'],
];

const runs = 15;

const runOther = ([title, file, ...args]: (typeof others)[number]): void => {
  process.stdout.write(`\n${title}\n\n`);
  const line = [...process.execArgv, join(import.meta.dirname, file), ...args];
  const { status } = spawnSync(process.execPath, line, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`bench/${file} ended with ${status}`);
};

try {
  process.stdout.write(`${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}, ${process.platform}\n`);
  for (const benchmark of benchmarks) print(benchmark(), runs);
  for (const other of others) runOther(other);
} finally {
  removeHomes();
}
