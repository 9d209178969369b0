import { type LocalContext, localCommand } from '../cli/command.ts';
import { destinationOf, projectOf } from '../cli/destination.ts';
import { expiringIn, soon } from '../cli/expiring.ts';
import { letGo, openTarget, type Target } from '../cli/profiles.ts';
import { speechAt } from '../cli/speech.ts';
import { MobiusError } from '../errors.ts';
import type { WhoAmI } from '../generated/types.ts';
import type { Call } from '../operations.ts';

interface Finding {
  check: string;
  state: 'ok' | 'warning' | 'error';
  detail: string;
  /** What to type. */
  mend?: string;
}

const found = (check: string, detail: string, mend?: string): Finding =>
  mend === undefined ? { check, state: 'ok', detail } : { check, state: 'warning', detail, mend };

const failed = (check: string, error: unknown): Finding => {
  if (!(error instanceof MobiusError)) throw error;
  const { message, hint } = error;
  return { check, state: 'error', detail: message, ...(hint === undefined ? {} : { mend: hint }) };
};

const credential = ({ kind, name, key_name, expires_at: end, retires_at: retires }: WhoAmI, now: number): Finding => {
  const who = kind === 'api-key' ? `the API key "${key_name ?? ''}" of ${name}` : name;
  if (retires !== undefined) {
    return found('credential', `${who}, which another key replaced`, `put that in its place before ${retires}`);
  }
  const isLate = end !== undefined && Date.parse(end) - now < soon.ms;
  return isLate && kind === 'api-key'
    ? found('credential', `${who}, which expires at ${end}`, 'mobius api-keys rotate --self')
    : found('credential', who);
};

const count = (number: number, what: string): string => `${number === 0 ? 'none' : number} ${what}`;

/** What ends soon and what is to be rotated, as far as the caller may see it. */
const ahead = async (call: Call, who: WhoAmI, project: string, now: number): Promise<Finding[]> => {
  const findings: Finding[] = [];
  const { api_keys: keys, secrets } = (await expiringIn(call, who, project, now)) ?? {};
  const tell = (check: string, number: number | undefined, what: string, mend: string): void => {
    if (number !== undefined) findings.push(found(check, count(number, what), number > 0 ? mend : undefined));
  };
  tell('api-keys', keys, `within ${soon.said} of the end`, `mobius api-keys list --expiring-within ${soon.typed}`);
  tell('secrets', secrets, `within ${soon.said} of the end`, `mobius secrets list --expiring-within ${soon.typed}`);
  try {
    const due = await call('rotations.due', { project, limit: 100 });
    tell('rotations', due.items.length, 'due', 'mobius rotations run');
    const { items } = await call('rotations.list', { project, limit: 100 });
    const left = items.filter(({ holder }) => holder === undefined);
    tell('rotations', left.length, 'left by a run that was ended', 'mobius rotations run, or resume or abort each');
  } catch (error) {
    if (!(error instanceof MobiusError) || error.code !== 'permission_denied') throw error;
  }
  return findings;
};

const lookAround = async (context: LocalContext, target: Target): Promise<Finding[]> => {
  const { io, globals } = context;
  const reached = found('target', target.about);
  const speech = await speechAt(io, await destinationOf(io, globals));
  if (speech !== undefined) {
    await target.call(speech.probe, {});
    return [reached];
  }
  const who = await target.call('auth.whoami', {});
  const project = who.project ?? (await projectOf(io, globals));
  return [reached, credential(who, io.now()), ...(await ahead(target.call, who, project, io.now()))];
};

export default localCommand({
  summary: 'look whether everything is as it should be, and say how to mend what is not',
  about:
    'Looks whether the vault or server is reached and the credential accepted, what expires within 14 days, and which ' +
    'rotations are due or were left. The exit code is that of what is wrong, and 0 where there are warnings alone.',
  examples: ['mobius doctor', 'mobius doctor -o json | jq -r ".items[] | select(.state != \\"ok\\") | .mend"'],
  related: ['auth status', 'vault check', 'help targets'],
  async run(context) {
    const { io, globals, show, warn } = context;
    let target: Target | undefined;
    try {
      target = await openTarget(io, globals);
      show({ items: await lookAround(context, target) });
      return 0;
    } catch (error) {
      show({ items: [failed('target', error)] });
      return (error as MobiusError).kind.exit;
    } finally {
      if (target !== undefined) await letGo(target, warn);
    }
  },
});
