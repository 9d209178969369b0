import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Context, FlagValues, Globals } from './command.ts';
import type { Reader } from './files.ts';
import type { Flag } from './flags.ts';
import type { Given } from './line.ts';
import { createPrompt } from './prompt.ts';
import { tell } from './report.ts';
import { timeFrom } from './times.ts';

const timeOrRefuse = (text: string, now: number): string => {
  const time = timeFrom(text, now);
  if (time !== undefined) return time;
  const examples = 'a time such as 2027-01-01T00:00:00Z nor a duration such as 90d';
  throw new MobiusError('usage', `"${text}" is neither ${examples}`);
};

export const warn = (io: Io, { logLevel }: Pick<Globals, 'logLevel'>, line: string): void => {
  if (logLevel !== 'error') tell(io, `mobius: warning: ${line}`);
};

export const createContext = (
  io: Io,
  { globals, flags, reader, help }: { globals: Globals; flags: FlagValues; reader: Reader; help: string },
): Context => {
  const warned = new Set<string>();
  return {
    io,
    flags,
    globals,
    text: reader.text,
    exact: reader.exact,
    time: (text) => timeOrRefuse(text, io.now()),
    say: (line) => {
      if (globals.output === 'pretty' && !globals.quiet) tell(io, line);
    },
    note: (line) => {
      if (!globals.quiet && globals.logLevel !== 'error') tell(io, `mobius: ${line}`);
    },
    warn: (line) => {
      if (!warned.has(line)) warn(io, globals, line);
      warned.add(line);
    },
    debug: (line) => {
      if (globals.logLevel === 'debug') tell(io, `mobius: debug: ${line}`);
    },
    prompt: createPrompt(io, globals, help),
  };
};

/** On a terminal somebody is typing, and what they typed stays in the process table and the shell's history. */
export const warnOfSecrets = (io: Io, globals: Globals, given: readonly Given<Flag>[]): void => {
  for (const { flag, value } of given) {
    const isKey = flag.from === 'global' && flag.name === 'api-key';
    if (value === undefined || value.startsWith('@') || !(isKey || flag.field?.secret === true)) continue;
    if (!io.stderr.isTTY) return;
    const instead = isKey ? 'set MOBIUS_API_KEY instead' : 'give @FILE or @- instead';
    warn(io, globals, `--${flag.name} on the command line can be read by other programs; ${instead}`);
  }
};
