import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { ended, type Machine, newMachine, withTools } from './machine.ts';
import { teamEnv, teamTools } from './team.ts';

const test = withTools(...teamTools);

/** The example of a team's server, as a person starts it, and as its parts die. */

let machine: Machine;
let root: string;
let folder: string;
let url: string;
let env: Record<string, string>;
let running: ChildProcess | undefined;

beforeAll(async () => {
  machine = newMachine();
  root = realpathSync(mkdtempSync(join(tmpdir(), 'mobius-team-')));
  // Root becomes somebody else here, who has to come this far.
  chmodSync(root, 0o755);
  folder = join(root, 'team');
  const own = await teamEnv(root);
  env = { ...machine.env, ...own };
  url = `http://127.0.0.1:${own.TEAM_PORT}`;
});

afterAll(async () => {
  if (running !== undefined) {
    const gone = ended(running, 20_000);
    running.kill();
    await gone;
  }
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  machine.remove();
});

interface Part {
  pid: number;
  uid: number;
  line: string;
}

/** Every process that works in the folder: each of the parts, and each of a database's own. */
const parts = (): Part[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        if (!readlinkSync(`/proc/${name}/cwd`).startsWith(folder)) return [];
        const line = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return [{ pid: Number(name), uid: statSync(`/proc/${name}`).uid, line }];
      } catch {
        // It ended meanwhile, or is none of ours.
        return [];
      }
    });

const kill = (what: string): void => {
  const part = parts().find(({ line }) => line.includes(what));
  if (part === undefined) throw new Error(`nothing runs that is "${what}"`);
  process.kill(part.pid, 'SIGKILL');
};

const launch = (name: string, variables: Record<string, string> = {}): ChildProcess =>
  spawn(resolve('deploy/team', name), [folder], {
    cwd: '/',
    env: { ...env, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/** Until it says that it is ready. */
const start = async (): Promise<{ stop(): Promise<{ code: number | null; tookMs: number }> }> => {
  const child = launch('start');
  running = child;
  const end = ended(child, 80_000).finally(() => {
    running = undefined;
  });
  let text = '';
  const ready = new Promise<void>((done) =>
    child.stdout?.on('data', (piece: string) => {
      text += piece;
      if (text.includes(`ready at ${url}`)) done();
    }),
  );
  const early = end.then(({ code, stdout, stderr }) => {
    throw new Error(`it ended with ${code}: ${stdout}${stderr}`);
  });
  await Promise.race([ready, early]);
  early.catch(() => undefined);
  return {
    async stop() {
      const begun = Date.now();
      child.kill('SIGTERM');
      const { code } = await end;
      return { code, tookMs: Date.now() - begun };
    },
  };
};

const status = async (path: string, key: string): Promise<number> =>
  (await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } })).status;

const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
  for (const begun = Date.now(); Date.now() - begun < 20_000; ) {
    if (await isSo().catch(() => false)) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`after twenty seconds it is still not so: ${what}`);
};

const make = (name: string) => machine.mobius(['secrets', 'create', name, '--values', '{"a":"b"}']);

test('a node dies and nobody notices; the primary dies and its replica goes on; TERM ends all of it', async () => {
  const first = await start();
  const { email, password } = JSON.parse(readFileSync(join(folder, 'admin.json'), 'utf8'));
  const login = await machine.bash(
    `printf %s "$PASSWORD" | mobius auth login --api-url ${url} --email ${email} >/dev/null`,
    { env: { PASSWORD: password } },
  );
  expect(login).toMatchObject({ code: 0, stdout: '' });
  const { key } = await machine.json('principals', 'create', 'worker', '--role', 'Operator', '--with-key');
  if (key === undefined) throw new Error('there is no key');
  expect(await make('before')).toMatchObject({ code: 0 });

  // Nothing runs as root, and no password stands in a list of processes.
  const lines = parts().map(({ line }) => line);
  expect(parts().filter(({ uid }) => uid === 0)).toEqual([]);
  expect(lines.filter((line) => /haproxy -db|serve --database|postgres -D/.test(line))).toHaveLength(5);
  expect(lines.filter((line) => line.includes(password))).toEqual([]);

  let asking = true;
  const answers: number[] = [];
  const asked = (async () => {
    while (asking) answers.push(await status('/v1/auth/whoami', key));
  })();
  kill(`--listen 127.0.0.1:${env.TEAM_NODE1_PORT}`);
  await new Promise((done) => setTimeout(done, 1500));
  asking = false;
  await asked;
  expect(answers.length).toBeGreaterThan(20);
  expect(answers.filter((answer) => answer !== 200)).toEqual([]);
  expect(await make('with-one-node')).toMatchObject({ code: 0 });

  const tooEarly = await ended(launch('failover'));
  expect(tooEarly).toMatchObject({ code: 1, stdout: '' });
  expect(tooEarly.stderr).toContain('the primary, db1, still runs');
  kill('postgres -D db1');
  await until('no node is ready', async () => (await status('/readyz', key)) === 503);
  expect(await ended(launch('failover'))).toMatchObject({ code: 0, stderr: '' });
  await until('a node is ready', async () => (await status('/readyz', key)) === 200);
  expect(await make('after-the-failover')).toMatchObject({ code: 0 });

  const stopped = await first.stop();
  expect(stopped.code).toBe(143);
  expect(stopped.tookMs).toBeLessThan(15_000);
  expect(parts()).toEqual([]);

  // The next start goes on with it, and gives the new primary a replica.
  const second = await start();
  const { stdout } = await machine.mobius(['secrets', 'list', '-o', 'text', '-F', 'name']);
  expect(stdout.trim().split('\n').sort()).toEqual(['after-the-failover', 'before', 'with-one-node']);
  expect(readdirSync(folder).filter((name) => name.startsWith('db'))).toEqual([
    'db1',
    expect.stringMatching(/^db1\.replaced-\d{8}T\d{6}Z$/),
    'db2',
  ]);
  expect(await make('with-a-replica')).toMatchObject({ code: 0 });

  // Killed, it can say nothing any more: its parts end by themselves.
  running?.kill('SIGKILL');
  await until('nothing is left', async () => parts().length === 0);
  await second.stop();

  const broken = await ended(launch('start', { MOBIUS: '/bin/true' }));
  expect(broken.code).toBe(1);
  expect(broken.stderr).toContain('"node1" ended');
  expect(parts()).toEqual([]);
});
