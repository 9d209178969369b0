import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { openServed } from '../src/calls/local.ts';
import { fillKeys, world } from './filling.ts';
import { mobius, newHome, type Process, printBesideNode, program, removeHomes, type Timed } from './process.ts';

/** What a person, a cron or a script waits for that calls mobius once: `npm run build && tsx bench/start.ts [runs]`. */
const rounds = Number(process.argv[2] ?? 15);
const records = 10_000;

const outputOf = (home: string, args: readonly string[]): string =>
  spawnSync(process.execPath, [program, ...args], { env: { HOME: home }, encoding: 'utf8' }).stdout;

const fill = async (home: string): Promise<void> => {
  const { id } = JSON.parse(outputOf(home, ['vault', 'status', '-o', 'json'])) as { id: string };
  const served = await openServed(world, {
    path: join(home, '.local', 'share', 'mobius', 'vault.db'),
    keys: { defaultKeyFile: () => join(home, '.config', 'mobius', 'keys', `${id}.key`) },
  });
  await fillKeys(served, records);
  await served.close();
};

try {
  const home = newHome();
  mobius(home, ['vault', 'init']).run();
  const made = outputOf(home, ['principals', 'create', 'worker', '--role', 'Worker', '--with-key', '-o', 'json']);
  const { principal, key } = JSON.parse(made) as { principal: { id: string }; key: string };
  mobius(home, ['secrets', 'create', 'database', '--values', '{"password":"plainly-fake"}']).run();
  await fill(home);

  let next = 0;
  const create = (sodium: string): Process => ({
    run() {
      const args = ['api-keys', 'create', '--name', `new-${next++}`, '--principal-id', principal.id];
      mobius(home, args, undefined, sodium).run();
    },
  });
  const row = (args: readonly string[], most?: number, sodium?: string, input?: string): Timed => ({
    name: `\`${args.join(' ')}\`${sodium === undefined ? '' : `, ${sodium}`}`,
    process: mobius(home, args, undefined, sodium, input),
    ...(most === undefined ? {} : { most }),
  });
  const bindings = [
    { sodium: 'native', most: 1.6 },
    { sodium: 'wasm', most: 2.3 },
  ] as const;
  await printBesideNode(
    `a key file, ${records} keys`,
    [
      row(['--version'], 1.15),
      row(['--help'], 1.15),
      row(['secrets', '--help']),
      ...bindings.flatMap(({ sodium, most }) => [
        row(['api-keys', 'list'], most, sodium),
        row(['secrets', 'get', 'database'], most, sodium),
        row(['api-keys', 'verify'], most, sodium, key),
        row(['run', '--', 'true'], sodium === 'native' ? 2 : undefined, sodium),
        {
          name: `\`api-keys create\`, ${sodium}`,
          process: create(sodium),
          ...(sodium === 'native' ? { most: 2 } : {}),
        },
      ]),
    ],
    rounds,
  );
  mobius(home, ['vault', 'unlock']).run();
  await printBesideNode(
    `through the agent, ${records} keys`,
    [['whoami'], ['api-keys', 'list'], ['secrets', 'get', 'database']].map((args) => row(args, 1.5)),
    rounds,
  );
  mobius(home, ['vault', 'lock']).run();
} finally {
  removeHomes();
}
