import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DialectName } from '../src/dialects/names.ts';
import type { Credentials } from './scripts/administrator.ts';
import { checkedAgainstContract } from './scripts/contract.ts';
import { prepare, serve, type Where } from './scripts/serving.ts';
import { createWorld, type Run, type World } from './scripts/world.ts';
import { dropDatabase } from './store/postgres-shared.ts';

/** Where scripts run. */
export interface Place {
  /** What a script's `only` calls it. */
  kind: 'local' | 'server' | DialectName;
  /** Makes what a script finds, and gives the variables that lead its commands there. */
  open(world: World, run: Run): Promise<{ env: Record<string, string>; close(): Promise<void> }>;
}

const initVault = async (world: World, run: Run, ...where: string[]): Promise<void> => {
  const { code, stderr } = await world.run(run, { argv: ['vault', 'init', ...where] });
  if (code !== 0) throw new Error(`mobius vault init ended with ${code}: ${stderr}`);
};

export const local: Place = {
  kind: 'local',
  async open(world, run) {
    await initVault(world, run);
    return { env: {}, close: async () => undefined };
  },
};

/** A vault with an administrator, whose password takes a second to hash: made once, and copied for each script. */
interface Template extends Where {
  world: World;
  credentials: Credentials;
}

const makeTemplate = async (run: Run, where: Where): Promise<Template> => {
  const world = createWorld();
  process.on('exit', world.remove);
  await initVault(world, run, ...(where.address === undefined ? [] : ['--vault', where.address]));
  return { world, credentials: await prepare(world, where), ...where };
};

type NewAddress = (like?: string) => Promise<string>;

/** Makes servers, each over a copy of one vault, in the home's file or in a new database. */
const servers = (newAddress: NewAddress | undefined, forOthers: boolean) => {
  let template: Promise<Template> | undefined;
  return async (world: World, run: Run) => {
    template ??= Promise.resolve(newAddress?.()).then((address) => makeTemplate(run, { address, forOthers }));
    const { world: origin, credentials, address } = await template;
    cpSync(origin.home, world.home, { recursive: true });
    const own = address === undefined ? undefined : await newAddress?.(address);
    const { url, stop } = await serve(world, { address: own, forOthers });
    return {
      url,
      credentials,
      async stop() {
        await stop();
        if (own !== undefined) await dropDatabase(own);
      },
    };
  };
};

type Table = Readonly<Record<string, string | undefined>>;

/** Writes the file of profiles; gives the variable that leads there. */
const saveProfiles = (
  { root }: World,
  chosen: string,
  profiles: Readonly<Record<string, Table>>,
): Record<string, string> => {
  const tables = Object.entries(profiles).map(([name, table]) => {
    const lines = Object.entries(table).flatMap(([key, value]) => (value === undefined ? [] : [`${key} = "${value}"`]));
    return [`[${name}]`, ...lines, ''].join('\n');
  });
  const path = join(root, 'credentials');
  writeFileSync(path, [`default = "${chosen}"`, '', ...tables].join('\n'), { mode: 0o600 });
  return { MOBIUS_CREDENTIALS_FILE: path };
};

/** A server over a vault of its own. Who types is signed in to it as an administrator. */
export const served = (newAddress?: NewAddress): Place => {
  const start = servers(newAddress, false);
  return {
    kind: 'server',
    async open(world, run) {
      const { url, credentials, stop } = await start(world, run);
      const { token } = credentials;
      const checked = await checkedAgainstContract(url);
      const saved = saveProfiles(world, 'team', { team: { api_url: checked.url, token } });
      return {
        env: { ...saved, SERVER_URL: checked.url, SERVER_TOKEN: token },
        async close() {
          try {
            await checked.close();
          } finally {
            await stop();
          }
        },
      };
    },
  };
};

/**
 * The same in another system's contract: as an administrator with a session, or with a key where only keys are known. The
 * profile `ours` leads to the same server in our own contract.
 */
export const speaking = (dialect: DialectName, newAddress?: NewAddress): Place => {
  const start = servers(newAddress, true);
  return {
    kind: dialect,
    async open(world, run) {
      const { url, credentials, stop } = await start(world, run);
      const { token, session, key } = credentials;
      const saved = saveProfiles(world, dialect, {
        [dialect]: { api_url: url, dialect, token: dialect === 'mobula' ? key : session },
        ours: { api_url: url, token },
      });
      return { env: { ...saved, SERVER_URL: url }, close: stop };
    },
  };
};
