import { resolve } from 'node:path';
import type { Globals } from '../cli/command.ts';
import { destinationOf, keyOf } from '../cli/destination.ts';
import { configFolder, vaultPath } from '../cli/places.ts';
import { parseAddress } from '../database-url.ts';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import { isAddress } from '../vault-place.ts';

/** A line that needs nothing but itself: a scheduler gives a job hardly any environment and a folder of its own choice. */
export interface Job {
  /** By name, in their order; none of them is secret. */
  variables: Readonly<Record<string, string>>;
  program: readonly string[];
  /** What is needed and can't stand in a file that others may read: a sentence each. */
  missing: readonly string[];
}

const secretVariables: Readonly<Record<string, string>> = {
  MOBIUS_VAULT_KEY: 'write it to a file of mode 0600 and name that in MOBIUS_VAULT_KEY_FILE',
  MOBIUS_VAULT_PASSPHRASE: 'write it to a file of mode 0600 and name that in MOBIUS_VAULT_PASSPHRASE_FILE',
  PGPASSWORD: 'write it to a password file of mode 0600 and name that in PGPASSFILE',
};

/** Files and folders, named from the root whatever they were named from. */
const pathVariables = ['MOBIUS_CREDENTIALS_FILE', 'MOBIUS_CA_FILE', 'NODE_EXTRA_CA_CERTS', 'PGPASSFILE'];
const plainVariables = ['MOBIUS_SODIUM', 'NO_PROXY', 'no_proxy'];
const proxyVariables = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'];

const withPassword = (address: string): boolean =>
  isAddress(address) ? parseAddress(address).password !== undefined : /\/\/[^/]*@/.test(address);

const placeVariables = async (io: Io, globals: Globals): Promise<Record<string, string>> => {
  const destination = await destinationOf(io, globals);
  if (destination.kind === 'vault') return { MOBIUS_VAULT: vaultPath(io, destination.vault ?? globals.vault) };
  const { saved, url } = destination;
  return globals.apiUrl === undefined && saved !== undefined ? { MOBIUS_PROFILE: saved.name } : { MOBIUS_API_URL: url };
};

const chosen = ({ env, cwd }: Io, { keyFile, passphraseFile, keyCommand }: Globals): Record<string, string> => {
  const found: Record<string, string> = {};
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') found[name] = value;
  };
  const path = (value: string | undefined): string | undefined => (value ? resolve(cwd, value) : undefined);
  add('MOBIUS_VAULT_KEY_FILE', path(keyFile));
  add('MOBIUS_VAULT_PASSPHRASE_FILE', path(passphraseFile));
  add('MOBIUS_VAULT_KEY_COMMAND', keyCommand);
  for (const name of pathVariables) add(name, path(env[name]));
  for (const name of [...plainVariables, ...proxyVariables.filter((one) => !withPassword(env[one] ?? ''))]) {
    add(name, env[name]);
  }
  return found;
};

/** The line that rotates what is due, as the present one reaches its target. */
export const jobOf = async (io: Io, globals: Globals): Promise<Job> => {
  const place = await placeVariables(io, globals);
  const missing = Object.entries(secretVariables).flatMap(([name, instead]) =>
    io.env[name] ? [`${name} is secret, so it is not in the line; ${instead}`] : [],
  );
  if (keyOf(globals) !== undefined) {
    const instead =
      place.MOBIUS_VAULT === undefined
        ? 'save the key in a profile instead: mobius auth login --with-token'
        : 'without it the line acts as the owner of the vault';
    missing.unshift(`MOBIUS_API_KEY is secret, so it is not in the line; ${instead}`);
  }
  if (globals.passphraseFd !== undefined) {
    missing.push('nobody gives it a descriptor; name a file of mode 0600 in MOBIUS_VAULT_PASSPHRASE_FILE');
  }
  for (const name of proxyVariables.filter((one) => withPassword(io.env[one] ?? ''))) {
    missing.push(`${name} holds a password, so it is not in the line; set it where only you read it`);
  }
  if (place.MOBIUS_VAULT !== undefined && withPassword(place.MOBIUS_VAULT)) {
    throw new MobiusError(
      'usage',
      'the address of the vault holds a password, which others could read in a crontab',
      {},
      'put it into a password file, name that in PGPASSFILE, and leave it out of the address',
    );
  }
  const variables = { MOBIUS_CONFIG_DIR: configFolder(io), ...place, ...chosen(io, globals) };
  const all = [...Object.values(variables), io.execPath, ...io.program];
  if (all.some((text) => /[\p{Cc}]/u.test(text))) {
    throw new MobiusError('usage', 'a path with control characters in it fits into no line');
  }
  const line = ['rotations', 'run', '--all', '--no-input', '--log-format', 'json'];
  return { variables, program: [io.execPath, ...io.program, ...line], missing };
};

/**
 * A word for the shell that means the same in a crontab, where a per cent sign outside of a backslash ends the line: it
 * stands outside of the quotes, for a shell takes the backslash away there and nowhere else.
 */
export const shellWord = (text: string): string => {
  if (/^[\w@+=:,./-]+$/.test(text)) return text;
  if (text === '') return "''";
  return text
    .split(/([%'])/)
    .filter((part) => part !== '')
    .map((part) => (part === '%' || part === "'" ? `\\${part}` : `'${part}'`))
    .join('');
};

const assignments = ({ variables }: Job): string[] =>
  Object.entries(variables).map(([name, value]) => `${name}=${shellWord(value)}`);

/** The same line for a shell as for a crontab. */
export const lineOf = (job: Job): string => [...assignments(job), ...job.program.map(shellWord)].join(' ');

/** How often, in hours, as both schedulers say it. The minute is one at which not everything else begins. */
export const rhythms = {
  '1h': { cron: '17 * * * *', calendar: 'hourly' },
  '6h': { cron: '17 */6 * * *', calendar: '*-*-* 00/6:17:00' },
  '12h': { cron: '17 */12 * * *', calendar: '*-*-* 00/12:17:00' },
  '1d': { cron: '17 4 * * *', calendar: '*-*-* 04:17:00' },
  '7d': { cron: '17 4 * * 1', calendar: 'Mon *-*-* 04:17:00' },
} as const;

export type Rhythm = keyof typeof rhythms;

const comments = (lines: readonly string[]): string[] => lines.map((line) => `# ${line}`);

const mails = 'cron mails what it tells: with --log-level error at its end, failures alone';

export const cronText = (job: Job, rhythm: Rhythm): string =>
  [
    ...comments(['add this line by: crontab -e', mails, ...job.missing]),
    `${rhythms[rhythm].cron} ${lineOf(job)}`,
    '',
  ].join('\n');

/** In the words of systemd, to which a per cent sign and a dollar mean something even inside quotes. */
const unitWord = (text: string, isCommand: boolean): string => {
  const plain = text.replaceAll('%', '%%').replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  const word = isCommand ? plain.replaceAll('$', '$$$$') : plain;
  return /^[\w@+=:,./%-]+$/.test(word) ? word : `"${word}"`;
};

const service = ({ variables, program }: Job): string[] => [
  '[Unit]',
  'Description=Rotates the API keys and secrets that are due',
  'Wants=network-online.target',
  'After=network-online.target',
  '',
  '[Service]',
  'Type=oneshot',
  ...Object.entries(variables).map(([name, value]) => `Environment=${unitWord(`${name}=${value}`, false)}`),
  `ExecStart=${program.map((word) => unitWord(word, true)).join(' ')}`,
];

const timer = (rhythm: Rhythm): string[] => [
  '[Unit]',
  'Description=Rotates what is due, time and again',
  '',
  '[Timer]',
  `OnCalendar=${rhythms[rhythm].calendar}`,
  'RandomizedDelaySec=5m',
  'Persistent=true',
  '',
  '[Install]',
  'WantedBy=timers.target',
];

const unitFolder = '~/.config/systemd/user';

export const systemdText = (job: Job, rhythm: Rhythm): string =>
  [
    ...comments([`${unitFolder}/mobius-rotations.service`, ...job.missing]),
    ...service(job),
    '',
    ...comments([`${unitFolder}/mobius-rotations.timer`]),
    ...timer(rhythm),
    '',
    ...comments([
      'then: systemctl --user enable --now mobius-rotations.timer',
      'and, so that it runs while you are not there: loginctl enable-linger',
    ]),
    '',
  ].join('\n');
