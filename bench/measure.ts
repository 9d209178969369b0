import type { Benchmark, Process } from './process.ts';

const warmUps = 2;

const timed = ({ run }: Process): number => {
  const began = performance.now();
  run();
  return performance.now() - began;
};

const median = (times: readonly number[]): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

/** One after the other in every round, so that what else the machine does slows all of them alike. */
const measure = (processes: readonly Process[], runs: number): number[] => {
  for (let i = 0; i < warmUps; i++) for (const process of processes) process.run();
  const times = processes.map((): number[] => []);
  for (let i = 0; i < runs; i++) for (const [at, process] of processes.entries()) times[at]?.push(timed(process));
  return times.map(median);
};

/** Prints what each takes, and how many times what the floor takes. */
export const print = ({ title, floor, rows }: Benchmark, runs: number): void => {
  const processes = [floor, ...rows.map(({ process }) => process)];
  const [least = 1, ...medians] = measure(processes, runs);
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
