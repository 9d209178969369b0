import { agentOf, askAgent, namesKey } from '../../cli/agent.ts';
import { localCommand } from '../../cli/command.ts';
import { placeOf, worldOf } from '../../cli/profiles.ts';

/** What is said of a vault that is under way to another place, or was moved there. */
const words = {
  leaving: { state: 'moving', other: 'moving_to' },
  left: { state: 'moved', other: 'moved_to' },
  arriving: { state: 'arriving', other: 'moving_from' },
  arrived: { state: 'arriving', other: 'moving_from' },
} as const;

export default localCommand({
  summary: 'show the local vault: where it is, what opens it, how much it holds',
  about:
    'The exit code is 0 for a vault that opens and 3 for one that is locked, not there or moved away. Where an agent ' +
    'holds it open (mobius vault unlock), that is told too, and no key is needed.',
  examples: ['mobius vault status', 'mobius vault status -o json | jq -r .unlocked_by'],
  related: ['vault check', 'vault keyslots', 'auth status'],
  async run({ io, globals, show }) {
    const { vaultStatus } = await import('../../vault/status.ts');
    const place = placeOf(io, globals);
    const socket = await agentOf(io, place.path);
    const agent = socket && (await askAgent(io, socket));
    const holds = agent !== undefined && !namesKey(io, globals) ? 'the agent' : undefined;
    const status = await vaultStatus(worldOf(io), place, holds);
    const iso = (time: number): string => new Date(time).toISOString().replace('.000Z', 'Z');
    const told = status.move && words[status.move.state];
    const opens = status.unlockedBy === undefined ? 'locked' : 'open';
    show({
      path: status.path,
      id: status.id,
      state: told?.state ?? opens,
      ...(status.move && told ? { [told.other]: status.move.place } : {}),
      ...(status.unlockedBy === undefined ? {} : { unlocked_by: status.unlockedBy }),
      format: status.format,
      created_at: iso(status.createdAt),
      keyslots: status.keyslots.map(({ id, kind, createdAt }) => ({ id, kind, created_at: iso(createdAt) })),
      records: status.records,
      agent: agent ?? null,
    });
    if (status.notHereBecause !== undefined) throw status.notHereBecause;
    if (status.lockedBecause !== undefined) throw status.lockedBecause;
    return 0;
  },
});
