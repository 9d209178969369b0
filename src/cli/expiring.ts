import { holds } from '../core/carries.ts';
import type { WhoAmI } from '../generated/types.ts';
import type { Io } from '../io.ts';
import type { Call } from '../operations.ts';
import type { Context, Globals } from './command.ts';
import { quoted } from './page.ts';
import { relative, timeFrom } from './times.ts';

/** How many of a project's keys and secrets end soon, as far as the caller may see them. */
export interface Expiring {
  api_keys?: number;
  secrets?: number;
  /** There are more than were counted. */
  more?: true;
}

export const soon = { said: '14 days', typed: '14d', ms: 14 * 86_400_000 };
/** No more than these are counted: whoever has a hundred to see to needs no exact number. */
const most = 100;
/** It is told beside what was asked for, which must not wait for it. */
const patienceMs = 3_000;

/** Nobody is asked for what isn't shown. */
export const showsExpiring = ({ fields, quiet }: Globals): boolean =>
  !quiet && (fields === undefined || fields.includes('expiring'));

/** A person's permissions differ from project to project: whether they have a part in this one is known. */
const maySee = ({ kind, permissions, projects }: WhoAmI, permission: string, project: string): boolean =>
  kind === 'owner' || holds(permissions, permission) || (kind === 'user' && projects?.includes(project) === true);

/** Asks once a noun, and only for what the caller may see. Nothing where nobody can tell; never rejects. */
export const expiringIn = async (
  call: Call,
  who: WhoAmI,
  project: string,
  now: number,
): Promise<Expiring | undefined> => {
  // Of a token every request counts.
  if (who.kind === 'token') return undefined;
  const input = { project, expires_before: timeFrom(soon.typed, now) ?? '', limit: most };
  const options = { signal: AbortSignal.timeout(patienceMs) };
  const asked = async (
    name: 'api-keys.list' | 'secrets.list',
    permission: string,
  ): Promise<{ count: number; more: boolean } | undefined> => {
    if (!maySee(who, permission, project)) return undefined;
    try {
      const { items, next_cursor: next } = await call(name, input, options);
      return { count: items.length, more: next !== undefined };
    } catch {
      return undefined;
    }
  };
  const [keys, secrets] = await Promise.all([
    asked('api-keys.list', 'mobius.project.view'),
    asked('secrets.list', 'mobius.secrets.view'),
  ]);
  if (keys === undefined && secrets === undefined) return undefined;
  return {
    ...(keys === undefined ? {} : { api_keys: keys.count }),
    ...(secrets === undefined ? {} : { secrets: secrets.count }),
    ...(keys?.more === true || secrets?.more === true ? { more: true } : {}),
  };
};

/** The line that lists them where this one looked: with the same target and project, but for a key. */
const listLine = (io: Io, globals: Globals, noun: string): string => {
  const targets = [
    ['api-url', globals.apiUrl, 'MOBIUS_API_URL'],
    ['profile', globals.profile, 'MOBIUS_PROFILE'],
    ['vault', globals.vault, 'MOBIUS_VAULT'],
    ['project', globals.project, 'MOBIUS_PROJECT'],
  ] as const;
  const flags = targets.flatMap(([name, value, variable]) =>
    value === undefined || io.env[variable] === value ? [] : [`--${name}`, quoted(value)],
  );
  return ['mobius', noun, 'list', '--expiring-within', soon.typed, ...flags].join(' ');
};

const counted = (count: number, noun: string): string =>
  `${count === most ? 'at least ' : ''}${count} ${noun}${count === 1 ? '' : 's'}`;

/** Tells a person what ends soon, and the line that mends it or shows more of it. */
export const warnOfExpiring = (
  { io, globals, warn }: Pick<Context, 'io' | 'globals' | 'warn'>,
  { kind, key_name: name, expires_at: end, retires_at: retires }: WhoAmI,
  { api_keys: keys = 0, secrets = 0 }: Expiring = {},
): void => {
  if (globals.output !== 'pretty' || globals.quiet) return;
  const now = io.now();
  const at = end === undefined ? Number.NaN : Date.parse(end);
  if (kind === 'api-key' && retires !== undefined) {
    warn(
      `another key took the place of the API key "${name ?? ''}", which stops ${relative(Date.parse(retires), now)}`,
    );
  } else if (kind === 'api-key' && at - now < soon.ms) {
    warn(`the API key "${name ?? ''}" expires ${relative(at, now)}: mobius api-keys rotate --self`);
  }
  if (keys > 0) {
    const verb = keys === 1 ? 'expires' : 'expire';
    warn(`${counted(keys, 'API key')} ${verb} within ${soon.said}: ${listLine(io, globals, 'api-keys')}`);
  }
  if (secrets > 0) {
    const verb = secrets === 1 ? 'has expired or expires' : 'have expired or expire';
    warn(`${counted(secrets, 'secret')} ${verb} within ${soon.said}: ${listLine(io, globals, 'secrets')}`);
  }
};
