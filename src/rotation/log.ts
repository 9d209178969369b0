import type { Context } from '../cli/command.ts';
import { tell, withoutKeys } from '../cli/report.ts';
import { quotedControls } from '../cli/visible.ts';
import { MobiusError } from '../errors.ts';
import { traceOf } from '../trace.ts';
import type { Log } from './plan.ts';

type Fields = NonNullable<Parameters<Log>[1]>;
type Level = 'error' | 'warn' | 'info';

/** What is no plain news; all else is. */
const levels: Readonly<Record<string, Level>> = {
  failed: 'error',
  not_put_back: 'warn',
  skipped: 'warn',
};

/** What a person is told of each event; nothing of the others. */
const sentences: Readonly<Record<string, (fields: Fields) => string>> = {
  resumed: () => 'goes on with a rotation that was left',
  output: ({ line }) => `| ${line}`,
  not_put_back: ({ delivery, reason }) => `could not put back ${delivery}: ${reason}`,
  held: ({ holder, since }) => `${holder} is rotating it since ${since}`,
  not_due: ({ reason }) => `not due: ${reason}`,
  skipped: ({ reason }) => `skipped: ${reason}`,
  would_rotate: () => 'would be rotated',
  would_resume: () => 'would be finished or undone',
  failed: ({ message, hint }) => `${message}${hint === undefined ? '' : `; ${hint}`}`,
  nothing_due: () => 'nothing is due',
};

/** Of one among several it is said which. */
const lineFor = (event: string, fields: Fields): string | undefined => {
  const { project, subject } = fields;
  const sentence = event === 'done' && subject !== undefined ? 'rotated' : sentences[event]?.(fields);
  if (sentence === undefined || subject === undefined) return sentence;
  return `${subject}${project === undefined ? '' : ` in project "${project}"`}: ${sentence}`;
};

type Teller = Pick<Context, 'io' | 'globals' | 'note' | 'warn'>;

const forPerson = ({ io, note, warn }: Teller): Log => {
  const by: Readonly<Record<Level, (line: string) => void>> = {
    error: (line) => tell(io, `mobius: error: ${line}`),
    warn,
    info: note,
  };
  return (event, fields = {}) => {
    const line = lineFor(event, fields);
    if (line !== undefined) by[levels[event] ?? 'info'](withoutKeys(line));
  };
};

/** All of it, or what failed alone where --log-level says so. */
const forProgram =
  ({ io, globals }: Teller): Log =>
  (event, fields = {}) => {
    const level = levels[event] ?? 'info';
    if (level !== 'error' && globals.logLevel === 'error') return;
    const line = JSON.stringify({ time: new Date(io.now()).toISOString(), level, event, ...fields });
    try {
      io.stderr.write(withoutKeys(`${quotedControls(line)}\n`));
    } catch {}
  };

/**
 * What is done is told on stderr: in a line of JSON for each event, or in words for a person. Never a value. That nobody
 * can read it is no reason to stop in the middle.
 */
export const openLog = (teller: Teller, format: unknown): Log =>
  format === 'json' ? forProgram(teller) : forPerson(teller);

/** A failure as it is logged. */
export const failureFields = (error: unknown): Fields => {
  if (!(error instanceof MobiusError)) {
    return { code: 'internal', message: `internal error: ${error instanceof Error ? error.message : String(error)}` };
  }
  const { code, message, hint } = error;
  return { code, message, ...(hint === undefined ? {} : { hint }) };
};

/** Does the work. With lines of JSON, what fails is one too, and its exit code is what it would have been. */
export const logged = async (
  { io }: Pick<Context, 'io'>,
  { log, format }: { log: Log; format: unknown },
  work: () => Promise<number>,
): Promise<number> => {
  if (format !== 'json') return work();
  try {
    return await work();
  } catch (error) {
    log('failed', failureFields(error));
    if ((io.env.MOBIUS_DEBUG ?? '') !== '') tell(io, withoutKeys(traceOf(error)));
    return error instanceof MobiusError ? error.kind.exit : 1;
  }
};
