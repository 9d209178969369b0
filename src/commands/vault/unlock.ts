import { type AgentState, agentOf, askAgent } from '../../cli/agent.ts';
import { ensureAgent } from '../../cli/agent-process.ts';
import type { FlagValues, LocalContext } from '../../cli/command.ts';
import { localCommand } from '../../cli/command.ts';
import { placeOf, worldOf } from '../../cli/profiles.ts';
import { secondsFrom } from '../../cli/times.ts';
import { MobiusError } from '../../errors.ts';
import type { Place } from '../../vault/open.ts';
import type { Handed } from '../../vault/unlock.ts';

const longestSeconds = 365 * 86_400;

const msOf = (flags: FlagValues, name: 'idle' | 'max', absent: string): number => {
  const { [name]: given } = flags;
  const text = typeof given === 'string' ? given : absent;
  const seconds = secondsFrom(text);
  const least = name === 'idle' ? 0 : 1;
  if (seconds !== undefined && seconds >= least && seconds <= longestSeconds) return seconds * 1000;
  const none = name === 'idle' ? ', or 0 for no limit' : '';
  throw new MobiusError('usage', `--${name} must be a duration up to 365d${none}, not "${text}"`, {}, 'such as: 30m');
};

/** What opens the vault, tried out here: who mistyped is told at once, and may try again. */
const opensWith = async ({ io }: LocalContext, place: Place): Promise<Handed> => {
  const { openVault, requireFile } = await import('../../vault/open.ts');
  requireFile(place);
  const { db, unlocked } = await openVault(worldOf(io), place);
  await db.close();
  const { secret, source, keyFile } = unlocked;
  return { secret, source, ...(keyFile === undefined ? {} : { keyFile }) };
};

const present = ({ show, say }: LocalContext, agent: AgentState, began: string): void => {
  show({ state: 'open', agent });
  const idle = agent.idle_until === undefined ? '' : `, or sooner where it is not used: ${agent.idle_until}`;
  say(`${began} until ${agent.locks_at}${idle}`);
};

export default localCommand({
  summary: 'open the local vault for a while, so that commands need no passphrase',
  about:
    'Starts an agent, a process that holds the vault open and answers commands on a socket that only you can reach. It ' +
    'ends at mobius vault lock, after a time without a command, and after a time in any case; the time that the machine ' +
    'sleeps counts. What names a key (--key-file, MOBIUS_VAULT_PASSPHRASE and the like) goes past it. Where one runs ' +
    'already it stays, unless --idle or --max is given: then a new one takes its place.',
  extra: [
    { name: 'idle', value: 'DURATION', description: 'lock when it was not used for so long; 30m when absent, 0 never' },
    { name: 'max', value: 'DURATION', description: 'lock after this time in any case; 8h when absent' },
  ],
  examples: ['mobius vault unlock', 'mobius vault unlock --idle 10m --max 2h'],
  related: ['vault lock', 'vault status'],
  async run(context) {
    const { io, globals, flags } = context;
    const idleMs = msOf(flags, 'idle', '30m');
    const mostMs = msOf(flags, 'max', '8h');
    const place = placeOf(io, globals);
    const renews = flags.idle !== undefined || flags.max !== undefined;
    const running = renews ? undefined : await agentOf(io, place.path);
    if (running !== undefined) {
      present(context, await askAgent(io, running), 'it is unlocked already,');
      return 0;
    }
    const handed = await opensWith(context, place);
    const { agent, isNew } = await ensureAgent(io, place.path, { handed, idleMs, mostMs }, renews);
    present(context, agent, isNew ? 'unlocked' : 'it is unlocked already,');
    return 0;
  },
});
