import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { benchmark as argon2 } from './argon2.ts';
import { type Benchmark, type Process, removeHomes } from './process.ts';

/** Every benchmark, in the order in which the tables are printed. */
const benchmarks: readonly (() => Benchmark)[] = [argon2];

/** Those that print a table of their own, in sizes that take about a minute together. */
const others: readonly (readonly [title: string, file: string, ...args: string[]])[] = [
  ['what the audit log costs', 'audit.ts', '1'],
  ['a flood of credentials that are none', 'flood.ts', '10000', '4000'],
];

const warmUps = 2;
const runs = 15;

const timed = ({ run }: Process): number => {
  const began = performance.now();
  run();
  return performance.now() - began;
};

const median = (times: readonly number[]): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

/** One after the other in every round, so that what else the machine does slows all of them alike. */
const measure = (processes: readonly Process[]): number[] => {
  for (let i = 0; i < warmUps; i++) for (const process of processes) process.run();
  const times = processes.map((): number[] => []);
  for (let i = 0; i < runs; i++) for (const [at, process] of processes.entries()) times[at]?.push(timed(process));
  return times.map(median);
};

const print = ({ title, floor, rows }: Benchmark): void => {
  const [least = 1, ...medians] = measure([floor, ...rows.map(({ process }) => process)]);
  const table = [
    ['', 'median', 'to bare Node'],
    ['`node -e 0`', `${least.toFixed(0)} ms`, '1.00'],
    ...rows.map(({ name }, i) => [name, `${(medians[i] ?? 0).toFixed(0)} ms`, ((medians[i] ?? 0) / least).toFixed(2)]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  const [head = [], ...body] = table;
  process.stdout.write(`\n${title}, ${runs} runs each\n\n${[line(head), rule, ...body.map(line)].join('\n')}\n`);
};

const runOther = ([title, file, ...args]: (typeof others)[number]): void => {
  process.stdout.write(`\n${title}\n\n`);
  const line = [...process.execArgv, join(import.meta.dirname, file), ...args];
  const { status } = spawnSync(process.execPath, line, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`bench/${file} ended with ${status}`);
};

try {
  process.stdout.write(`${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}, ${process.platform}\n`);
  for (const benchmark of benchmarks) print(benchmark());
  for (const other of others) runOther(other);
} finally {
  removeHomes();
}
