import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkedAgainstContract } from './scripts/contract.ts';
import { makeAdministrator, serve } from './scripts/serving.ts';
import { createWorld, type Run, type World } from './scripts/world.ts';
import { dropDatabase } from './store/postgres-shared.ts';

/** Where scripts run. */
export interface Place {
  /** What a script's `only` calls it. */
  kind: 'local' | 'server';
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
interface Template {
  world: World;
  token: string;
  /** The address of its database, where it is in none of the world's files. */
  address?: string;
}

const makeTemplate = async (run: Run, address?: string): Promise<Template> => {
  const world = createWorld();
  process.on('exit', world.remove);
  await initVault(world, run, ...(address === undefined ? [] : ['--vault', address]));
  return { world, token: await makeAdministrator(world, address), ...(address === undefined ? {} : { address }) };
};

/**
 * A server over a vault of its own, in the home's file or in a new database. Who types is signed in to it as an
 * administrator.
 */
export const served = (newAddress?: (like?: string) => Promise<string>): Place => {
  let template: Promise<Template> | undefined;
  return {
    kind: 'server',
    async open(world, run) {
      template ??= Promise.resolve(newAddress?.()).then((address) => makeTemplate(run, address));
      const { world: origin, token, address } = await template;
      cpSync(origin.home, world.home, { recursive: true });
      const own = address === undefined ? undefined : await newAddress?.(address);
      const { url, stop } = await serve(world, own);
      const checked = await checkedAgainstContract(url);
      const path = join(world.root, 'credentials');
      const profile = ['[team]', `api_url = "${checked.url}"`, `token = "${token}"`];
      writeFileSync(path, `${['default = "team"', '', ...profile].join('\n')}\n`, { mode: 0o600 });
      return {
        env: { MOBIUS_CREDENTIALS_FILE: path, SERVER_URL: checked.url, SERVER_TOKEN: token },
        async close() {
          try {
            await checked.close();
          } finally {
            await stop();
            if (own !== undefined) await dropDatabase(own);
          }
        },
      };
    },
  };
};
