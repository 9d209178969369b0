import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { openServed } from '../src/calls/local.ts';
import { uuidSource } from '../src/uuid.ts';
import { print } from './measure.ts';
import { type Benchmark, bare, mobius, newHome, type Process, program, removeHomes } from './process.ts';

/** What a person, a cron or a script waits for that calls mobius once: `tsx bench/start.ts [runs]`. */
const records = 10_000;

const outputOf = (home: string, args: readonly string[]): string =>
  spawnSync(process.execPath, [program, ...args], { env: { HOME: home }, encoding: 'utf8' }).stdout;

/** Through the core of this process, which is some thousand times quicker than as many of the program. */
const fill = async (home: string, principal: string): Promise<void> => {
  const world = {
    now: Date.now,
    newUuid: uuidSource(Date.now, (bytes) => crypto.getRandomValues(bytes)),
  };
  const id = JSON.parse(outputOf(home, ['vault', 'status', '-o', 'json'])).id as string;
  const place = {
    path: join(home, '.local', 'share', 'mobius', 'vault.db'),
    keys: { defaultKeyFile: () => join(home, '.config', 'mobius', 'keys', `${id}.key`) },
  };
  const { core, close } = await openServed(world, place);
  const call = core.as({ kind: 'owner' });
  for (let i = 0; i < records; i++) await call('api-keys.create', { name: `key-${i}`, principal_id: principal });
  await close();
};

const benchmarks = async (): Promise<[string, Benchmark, Benchmark]> => {
  const home = newHome();
  mobius(home, ['vault', 'init']).run();
  const made = outputOf(home, ['principals', 'create', 'worker', '--role', 'Worker', '--with-key', '-o', 'json']);
  const { principal, key } = JSON.parse(made) as { principal: { id: string }; key: string };
  mobius(home, ['secrets', 'create', 'database', '--values', '{"password":"plainly-fake"}']).run();
  await fill(home, principal.id);

  let next = 0;
  const create = (sodium: string): Process => ({
    run() {
      const args = ['api-keys', 'create', '--name', `new-${next++}`, '--principal-id', principal.id];
      mobius(home, args, undefined, sodium).run();
    },
  });
  const row = (args: readonly string[], sodium?: string, input?: string) => ({
    name: `\`${args.slice(0, 2).join(' ')}\`${sodium === undefined ? '' : `, ${sodium}`}`,
    process: mobius(home, args, undefined, sodium, input),
  });
  const rows = [
    row(['--version']),
    row(['--help']),
    row(['secrets', '--help']),
    ...(['native', 'wasm'] as const).flatMap((sodium) => [
      row(['whoami'], sodium),
      row(['api-keys', 'list'], sodium),
      row(['secrets', 'get', 'database'], sodium),
      row(['api-keys', 'verify'], sodium, key),
      { name: `\`api-keys create\`, ${sodium}`, process: create(sodium) },
      row(['run', '--', 'true'], sodium),
    ]),
  ];
  const throughAgent = [row(['whoami']), row(['api-keys', 'list']), row(['secrets', 'get', 'database'])];
  const title = `a vault with ${records} keys, opened by its key file`;
  return [
    home,
    { title: `From start to end, ${title}`, floor: bare, rows },
    { title: `Through the agent, ${title}`, floor: bare, rows: throughAgent },
  ];
};

const runs = Number(process.argv[2] ?? 15);
try {
  const [home, alone, throughAgent] = await benchmarks();
  print(alone, runs);
  mobius(home, ['vault', 'unlock']).run();
  print(throughAgent, runs);
  mobius(home, ['vault', 'lock']).run();
} finally {
  removeHomes();
}
