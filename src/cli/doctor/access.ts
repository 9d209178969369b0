import { MobiusError } from '../../errors.ts';
import type { WhoAmI } from '../../generated/types.ts';
import type { Call } from '../../operations.ts';
import type { Context } from '../command.ts';
import { type Destination, destinationOf, projectOf } from '../destination.ts';
import { expiringIn, soon } from '../expiring.ts';
import { letGo, openTarget } from '../profiles.ts';
import { speechAt } from '../speech.ts';
import { type Finding, failed, found, type Look } from './finding.ts';
import { otherServers, reach } from './servers.ts';

const day = 86_400_000;
/** A key that nobody missed for so long is most likely one that nobody needs. */
const unusedMs = 90 * day;
const backupMs = 30 * day;
const mostNamed = 3;

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

/** What the caller may not see, or the server has not, is nothing to tell. */
const asFarAsSeen = async (look: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> => {
  try {
    return await look();
  } catch (error) {
    if (error instanceof MobiusError && ['permission_denied', 'unsupported'].includes(error.code)) return [];
    throw error;
  }
};

interface Seen {
  call: Call;
  who: WhoAmI;
  project: string;
  now: number;
}

const ending = async ({ call, who, project, now }: Seen): Promise<readonly Finding[]> => {
  const { api_keys: keys, secrets } = (await expiringIn(call, who, project, now)) ?? {};
  const tell = (check: string, number: number | undefined, mend: string): Finding[] =>
    number === undefined
      ? []
      : [found(check, count(number, `within ${soon.said} of the end`), number > 0 ? mend : undefined)];
  return [
    ...tell('api-keys', keys, `mobius api-keys list --expiring-within ${soon.typed}`),
    ...tell('secrets', secrets, `mobius secrets list --expiring-within ${soon.typed}`),
  ];
};

const rotations = ({ call, project }: Seen): Promise<readonly Finding[]> =>
  asFarAsSeen(async () => {
    const tell = (number: number, what: string, mend: string): Finding =>
      found('rotations', count(number, what), number > 0 ? mend : undefined);
    const due = await call('rotations.due', { project, limit: 100 });
    const { items } = await call('rotations.list', { project, limit: 100 });
    const left = items.filter(({ holder }) => holder === undefined);
    return [
      tell(due.items.length, 'due', 'mobius rotations run'),
      tell(left.length, 'left by a run that was ended', 'mobius rotations run, or resume or abort each'),
    ];
  });

/** Those that were never used since they were made, or not for long. */
const unused = ({ call, who, project, now }: Seen): Promise<readonly Finding[]> =>
  asFarAsSeen(async () => {
    if (who.kind === 'token') return [];
    const { items } = await call('api-keys.list', { project, state: 'active', limit: 200 });
    const idle = items.filter(({ last_used_at: used, created_at: made }) => now - Date.parse(used ?? made) > unusedMs);
    if (idle.length === 0) return [found('unused-keys', 'every API key was made or used within 90 days')];
    const names = idle.slice(0, mostNamed).map(({ name }) => `"${name}"`);
    const more = idle.length > names.length ? ` and ${idle.length - names.length} more` : '';
    const mend = `if nobody needs it any more: mobius api-keys revoke ${idle[0]?.id ?? 'ID'}`;
    return [found('unused-keys', `${idle.length} not used for 90 days: ${names.join(', ')}${more}`, mend)];
  });

/** When the vault was last copied, as its audit log has it. */
const backup = ({ call, who, now }: Seen): Promise<readonly Finding[]> =>
  asFarAsSeen(async () => {
    if (who.kind !== 'owner') return [];
    const { items } = await call('audit-logs.list-all', { action: 'vault.backup', limit: 1 });
    const [last] = items;
    const mend = 'mobius vault backup FILE';
    if (last === undefined) {
      const { items: first } = await call('audit-logs.list-all', { action: 'vault.init', limit: 1 });
      const age = now - Date.parse(first[0]?.created_at ?? new Date(now).toISOString());
      return [found('backup', 'none was made yet', age > 7 * day ? mend : undefined)];
    }
    const age = now - Date.parse(last.created_at);
    const said = age < day ? 'today' : `${Math.floor(age / day)} days ago`;
    return [found('backup', `the last one was made ${said}`, age > backupMs ? mend : undefined)];
  });

const lookThrough = async (
  look: Look,
  destination: Destination,
  warn: Context['warn'],
): Promise<readonly Finding[]> => {
  const { io, globals } = look;
  const target = await openTarget(io, globals);
  try {
    const reached = found('target', target.about);
    const speech = await speechAt(io, destination);
    if (speech !== undefined) {
      await target.call(speech.probe, {});
      return [reached];
    }
    const who = await target.call('auth.whoami', {});
    const project = who.project ?? (await projectOf(io, globals));
    const seen: Seen = { call: target.call, who, project, now: io.now() };
    const known = destination.kind === 'vault' ? await backup(seen) : [];
    const [ends, idle, turns] = [await ending(seen), await unused(seen), await rotations(seen)];
    return [reached, credential(who, io.now()), ...ends, ...turns, ...idle, ...known];
  } finally {
    await letGo(target, warn);
  }
};

/** Where commands lead to, whether they are let in there, and what is to be seen to; then the other servers. */
export const access = async (
  look: Look,
  { isBehind, warn }: { isBehind: boolean; warn: Context['warn'] },
): Promise<readonly Finding[]> => {
  const { io } = look;
  let url: string | undefined;
  const findings: Finding[] = [];
  try {
    const destination = await destinationOf(io, look.globals);
    if (destination.kind === 'vault' && isBehind) {
      findings.push(
        found('target', 'the vault was not opened, which would bring it up to date', 'mobius projects list'),
      );
    } else if (destination.kind === 'vault') findings.push(...(await lookThrough(look, destination, warn)));
    else {
      url = destination.url;
      const server = { url, caFile: destination.saved?.profile.ca_file };
      const { findings: reached, answers } = await reach(io, server);
      if (answers) {
        try {
          findings.push(...(await lookThrough(look, destination, warn)));
        } catch (error) {
          findings.push(failed('target', error));
        }
      }
      findings.push(...reached);
    }
  } catch (error) {
    findings.push(failed('target', error));
  }
  // What is wrong with the file that names them is told where profiles are looked at.
  return [...findings, ...(await otherServers(io, url).catch(() => []))];
};
