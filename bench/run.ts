import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { timed } from './table.ts';

/**
 * Runs each benchmark in a size that takes a minute at the most, or those that are named: `npm run bench [-- NAME...]`.
 * Each of them by itself takes larger sizes: see its file.
 */
interface Benchmark {
  title: string;
  args: readonly string[];
  /** Only where it is named: it asks for more than this machine has. */
  onlyNamed?: true;
}

const benchmarks: Readonly<Record<string, Benchmark>> = {
  start: { title: 'From start to end', args: ['9'] },
  size: { title: 'What an installation takes', args: ['9'] },
  argon2: { title: 'What a person waits for', args: ['9'] },
  core: { title: 'Keys and tokens verified in one process', args: ['1', '3'] },
  http: { title: 'A server over a file', args: ['1', '50000', '3'] },
  nodes: { title: 'Servers over PostgreSQL', args: ['1', '3'] },
  growth: { title: 'A call beside ever more records', args: ['1000,20000', '500,3000', 'both', '400'] },
  match: { title: 'The memory for a page of a long list', args: ['1000,20000'] },
  tokens: { title: 'A token beside ever more tokens', args: ['10000'] },
  verifies: { title: 'Tokens and keys that are counted and verified', args: ['1'] },
  postgres: { title: 'A file and PostgreSQL, one server and two', args: ['0.5'] },
  audit: { title: 'What the audit log costs', args: ['1'] },
  flood: { title: 'A flood of credentials that are none', args: ['10000', '4000'] },
  'audit-verify': { title: 'A log verified from its first entry to its last', args: ['20000'] },
  soak: { title: 'The memory of a server that answers for long', args: ['20000'] },
  peers: { title: 'Beside another product', args: ['2'], onlyNamed: true },
};

const nameOf = (argument: string): string => argument.replace(/^--/, '');

const run = (name: string, { title, args }: Benchmark): void => {
  process.stdout.write(`\n## ${title} (bench/${name}.ts ${args.join(' ')})\n\n`);
  const line = [...process.execArgv, join(import.meta.dirname, `${name}.ts`), ...args];
  const { status } = spawnSync(process.execPath, line, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`bench/${name}.ts ended with ${status}`);
};

const named = process.argv.slice(2).map(nameOf);
const unknown = named.filter((name) => benchmarks[name] === undefined);
if (unknown.length > 0) {
  throw new Error(`no benchmark is named ${unknown.join(', ')}: one of ${Object.keys(benchmarks).join(', ')}`);
}
process.stdout.write(`${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}, ${process.platform}\n`);
for (const [name, benchmark] of Object.entries(benchmarks)) {
  const isWanted = named.length === 0 ? benchmark.onlyNamed !== true : named.includes(name);
  if (!isWanted) continue;
  const ms = await timed(() => run(name, benchmark));
  process.stderr.write(`${name}: ${(ms / 1000).toFixed(0)} s\n`);
}
