import type { Run, World } from './scripts/world.ts';

/** Where scripts run. */
export interface Place {
  name: string;
  /** Makes what a script finds, and gives the variables that lead its commands there. */
  open(world: World, run: Run): Promise<{ env: Record<string, string>; close(): Promise<void> }>;
}

const local: Place = {
  name: 'local',
  async open(world, run) {
    const { code, stderr } = await world.run(run, { argv: ['vault', 'init'] });
    if (code !== 0) throw new Error(`mobius vault init ended with ${code}: ${stderr}`);
    return { env: {}, close: async () => undefined };
  },
};

export const places: readonly Place[] = [local];

/** Places that this machine hasn't, and why. */
export const leftOut: readonly { name: string; reason: string }[] = [];
