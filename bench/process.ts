import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One whole process: `run` starts it and waits for its end, and fails where it does not end with 0. */
export interface Process {
  run(): void;
}

export interface Benchmark {
  title: string;
  /** What every row is a ratio to, measured in the same run and in turn with the rows. */
  floor: Process;
  rows: readonly { name: string; process: Process }[];
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
