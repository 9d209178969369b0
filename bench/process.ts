import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atMost, inTurn, startTable } from './table.ts';

/** One whole process: `run` starts it and waits for its end, and fails where it does not end with 0. */
export interface Process {
  run(): void;
}

export const program = join(import.meta.dirname, '..', 'bin', 'mobius.js');

const processOf = (args: readonly string[], env: Readonly<Record<string, string>>, input?: string): Process => ({
  run() {
    // Nothing else of the environment: NODE_EXTRA_CA_CERTS alone makes a bare start several times as long.
    const { status, stderr } = spawnSync(process.execPath, args, {
      env: { PATH: process.env.PATH, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'ignore', 'pipe'],
      ...(input === undefined ? {} : { input }),
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  },
});

/** Node itself, with this text as its program. */
export const script = (text: string): Process => processOf(['-e', text], {});
export const bare = script('0');

const homes: string[] = [];
export const newHome = (): string => {
  const home = mkdtempSync(join(tmpdir(), 'mobius-bench-'));
  homes.push(home);
  return home;
};
export const removeHomes = (): void => {
  for (const home of homes) rmSync(home, { recursive: true, force: true });
};

/** The built program in a home of its own. A passphrase that is given is put where `--passphrase-file` says. */
export const mobius = (
  home: string,
  args: readonly string[],
  passphrase?: string,
  sodium?: string,
  input?: string,
): Process => {
  if (!existsSync(join(program, '..', '..', 'dist', 'start.cjs'))) throw new Error('not built: npm run build');
  const at = args.indexOf('--passphrase-file');
  if (passphrase !== undefined) writeFileSync(args[at + 1] ?? '', `${passphrase}\n`, { mode: 0o600 });
  return processOf(
    [program, ...args],
    { HOME: home, ...(sodium === undefined ? {} : { MOBIUS_SODIUM: sodium }) },
    input,
  );
};

export interface Timed {
  name: string;
  process: Process;
  /** How many times what a bare Node takes it may take. */
  most?: number;
}

/** A table of what whole processes take, from the start to the exit, in turn with a bare Node. */
export const printBesideNode = async (title: string, rows: readonly Timed[], rounds: number): Promise<void> => {
  const all: readonly Timed[] = [{ name: '`node -e 0`', process: bare }, ...rows];
  const medians = await inTurn(all, ({ process }) => process.run(), { rounds, warmUps: 2 });
  const row = startTable([title, 'median', 'to bare Node', 'target']);
  const [least = 1] = medians;
  for (const [at, { name, most }] of all.entries()) {
    const ratio = (medians[at] ?? 0) / least;
    row([name, `${(medians[at] ?? 0).toFixed(0)} ms`, ratio.toFixed(2), most === undefined ? '' : atMost(ratio, most)]);
  }
  process.stdout.write('\n');
};
