import { type Logger, pino } from 'pino';
import type { Io } from '../io.ts';

export type Log = Pick<Logger, 'error' | 'warn' | 'info' | 'debug'>;
export const levels = ['error', 'warn', 'info', 'debug'] as const;
export type Level = (typeof levels)[number];

/** Nothing that is logged should hold one; a system's words about a failure might. */
const withoutCredentials = (text: string): string =>
  text.replace(/\b([a-z][a-z0-9_]{0,9}_)[0-9A-Za-z]{43,49}\b/g, '$1…').replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, 'eyJ…');

/** Lines of one turn of the event loop go out together, but for those that tell of trouble: after them it may be over. */
const gathering = (write: (text: string) => void): ((line: string) => void) => {
  let held = '';
  const flush = (): void => {
    const text = held;
    held = '';
    if (text === '') return;
    try {
      write(withoutCredentials(text));
    } catch {}
  };
  return (line) => {
    if (held === '') setImmediate(flush);
    held += line;
    if (!line.startsWith('{"level":"info"')) flush();
  };
};

/** Many lines are of one millisecond. */
const stamps = (now: () => number): (() => string) => {
  let last = Number.NaN;
  let stamp = '';
  return () => {
    const at = now();
    if (at !== last) {
      last = at;
      stamp = `,"time":"${new Date(at).toISOString()}"`;
    }
    return stamp;
  };
};

/** A line of JSON for each thing that happened, on stderr. That nobody can read it is no reason to stop serving. */
export const openLog = ({ stderr, now }: Pick<Io, 'stderr' | 'now'>, level: Level): Log =>
  pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: stamps(now),
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: gathering((text) => stderr.write(text)) },
  );
