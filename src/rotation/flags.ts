import type { Context, ExtraFlag } from '../cli/command.ts';
import { secondsFrom } from '../cli/times.ts';
import { MobiusError } from '../errors.ts';
import type { Input } from '../operations.ts';

/** Flags of every command that rotates. */
export const rotationFlags: readonly ExtraFlag[] = [
  {
    name: 'verify',
    value: 'CMD',
    description: 'a line for the shell that must end with 0 before the old one gives way',
  },
  { name: 'timeout', value: 'DURATION', description: 'how long a command may take; 10m when absent' },
  { name: 'if-older-than', value: 'DURATION', description: 'only if it is older than this; of several one will do' },
  { name: 'if-expires-within', value: 'DURATION', description: 'only if it ends within this time' },
  {
    name: 'log-format',
    value: 'FORMAT',
    choices: ['text', 'json'],
    description: 'how what is done is told on stderr: text, or json for one line an event',
  },
];

const durationFlag = ({ flags }: Context, name: string): number | undefined => {
  const text = flags[name];
  if (typeof text !== 'string') return undefined;
  const seconds = secondsFrom(text);
  if (seconds !== undefined && seconds > 0) return seconds;
  throw new MobiusError('usage', `--${name} must be a duration such as 30d, 12h or 90s`);
};

type Conditions = Pick<
  Input<'rotations.start'>,
  'if_older_than_seconds' | 'if_expires_within_seconds' | 'if_unused_for_seconds'
>;

/** When it is to be rotated at all, as the line says. */
export const conditionsIn = (context: Context): Conditions => {
  const [older, expires, unused] = ['if-older-than', 'if-expires-within', 'if-unused-for'].map((name) =>
    durationFlag(context, name),
  );
  return {
    ...(older === undefined ? {} : { if_older_than_seconds: older }),
    ...(expires === undefined ? {} : { if_expires_within_seconds: expires }),
    ...(unused === undefined ? {} : { if_unused_for_seconds: unused }),
  };
};

/** How long to wait for something, in seconds. */
export const waitOf = (text: string, said: string): number => {
  const seconds = secondsFrom(text);
  if (seconds !== undefined && seconds > 0 && seconds <= 86_400) return seconds;
  throw new MobiusError('usage', `${said} must be a duration up to 24h such as 10m, not "${text}"`);
};

/** How long a command may take, in seconds. */
export const timeoutOf = ({ flags: { timeout } }: Context): number =>
  typeof timeout === 'string' ? waitOf(timeout, '--timeout') : 600;

/** How long the new key may take to be seen in use, where the line says so. */
export const waitForUse = ({ flags }: Context): { useWithinSeconds?: number } => {
  const text = flags['wait-for-use'];
  return typeof text === 'string' ? { useWithinSeconds: waitOf(text, '--wait-for-use') } : {};
};

export const isVariable = (name: string): boolean => /^[A-Za-z_]\w*$/.test(name);

/** Of a flag that may be given more than once. */
export const listFlag = ({ flags }: Context, name: string): readonly string[] =>
  (flags[name] ?? []) as readonly string[];

/** A property where the flag was given. */
export const textFlag = <K extends string>({ flags }: Context, name: string, as: K): { [P in K]?: string } => {
  const value = flags[name];
  return (typeof value === 'string' ? { [as]: value } : {}) as { [P in K]?: string };
};
