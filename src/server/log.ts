import type { Io } from '../io.ts';

/** In the order of what they leave out. */
export const levels = ['error', 'warn', 'info', 'debug'] as const;
export type Level = (typeof levels)[number];

type Tell = (message: string, fields?: Readonly<Record<string, unknown>>) => void;
export type Log = Readonly<Record<'error' | 'info', Tell>>;

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
export const openLog = ({ stderr, now }: Pick<Io, 'stderr' | 'now'>, most: Level): Log => {
  const stampNow = stamps(now);
  const write = gathering((text) => stderr.write(text));
  const telling = (level: Level): Tell => {
    if (levels.indexOf(level) > levels.indexOf(most)) return () => undefined;
    return (message, fields = {}) => {
      const told = JSON.stringify({ ...fields, message });
      write(`{"level":"${level}"${stampNow()},${told.slice(1)}\n`);
    };
  };
  return { error: telling('error'), info: telling('info') };
};
