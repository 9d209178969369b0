import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkedAgainstContract } from './scripts/contract.ts';
import { makeAdministrator, serve } from './scripts/serving.ts';
import { createWorld, type Run, type World } from './scripts/world.ts';

/** Where scripts run. */
export interface Place {
  name: string;
  /** Makes what a script finds, and gives the variables that lead its commands there. */
  open(world: World, run: Run): Promise<{ env: Record<string, string>; close(): Promise<void> }>;
}

const initVault = async (world: World, run: Run): Promise<void> => {
  const { code, stderr } = await world.run(run, { argv: ['vault', 'init'] });
  if (code !== 0) throw new Error(`mobius vault init ended with ${code}: ${stderr}`);
};

const local: Place = {
  name: 'local',
  async open(world, run) {
    await initVault(world, run);
    return { env: {}, close: async () => undefined };
  },
};

interface Template {
  world: World;
  token: string;
}

let template: Promise<Template> | undefined;

/** A vault with an administrator, whose password takes a second to hash: made once, and copied for each script. */
const makeTemplate = async (run: Run): Promise<Template> => {
  const world = createWorld();
  process.on('exit', world.remove);
  await initVault(world, run);
  return { world, token: await makeAdministrator(world) };
};

/** A server process over a vault of its own. Who types is signed in to it as an administrator. */
const server: Place = {
  name: 'server',
  async open(world, run) {
    template ??= makeTemplate(run);
    const { world: origin, token } = await template;
    cpSync(origin.home, world.home, { recursive: true });
    const served = await serve(world);
    const checked = await checkedAgainstContract(served.url);
    const path = join(world.root, 'credentials');
    const profile = ['[team]', `api_url = "${checked.url}"`, `token = "${token}"`];
    writeFileSync(path, `${['default = "team"', '', ...profile].join('\n')}\n`, { mode: 0o600 });
    return {
      env: { MOBIUS_CREDENTIALS_FILE: path, SERVER_URL: checked.url, SERVER_TOKEN: token },
      async close() {
        try {
          await checked.close();
        } finally {
          await served.stop();
        }
      },
    };
  },
};

export const places: readonly Place[] = [local, server];

/** Places that this machine hasn't, and why. */
export const leftOut: readonly { name: string; reason: string }[] = [];
