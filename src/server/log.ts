import type { Io } from '../io.ts';
import { spelled } from '../spelled.ts';

/** In the order of what they leave out. */
export const levels = ['error', 'warn', 'info', 'debug'] as const;
export type Level = (typeof levels)[number];

type Tell = (message: string, fields?: Readonly<Record<string, unknown>>) => void;
export interface Log {
  error: Tell;
  info: Tell;
  /** One line a request; nothing in it is of the request's own words but its method and address. */
  answered(id: string, about: object, status: number, durationMs: number): void;
}

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
      write(text);
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

/** `told`: its fields as JSON, without what stands around them. */
const lineOf = (level: Level, stamp: string, message: string, told: string): string =>
  `{"level":"${level}"${stamp}${told === '' ? '' : ','}${told},"message":${message}}\n`;

const inner = (text: string): string => text.slice(1, -1);

const silence = (): void => undefined;

/** A line of JSON for each thing that happened, on stderr. That nobody can read it is no reason to stop serving. */
export const openLog = ({ stderr, now }: Pick<Io, 'stderr' | 'now'>, most: Level): Log => {
  const stampNow = stamps(now);
  const write = gathering((text) => stderr.write(text));
  const telling = (level: Level): Tell => {
    if (levels.indexOf(level) > levels.indexOf(most)) return silence;
    return (message, fields = {}) => {
      const line = lineOf(level, stampNow(), JSON.stringify(message), inner(JSON.stringify(fields)));
      write(withoutCredentials(line));
    };
  };
  const answered: Log['answered'] = (id, about, status, durationMs) => {
    const told = `"request_id":"${id}",${inner(spelled(about).text)},"status":${status},"duration_ms":${durationMs}`;
    write(lineOf('info', stampNow(), '"answered"', told));
  };
  const info = telling('info');
  return {
    error: telling('error'),
    info,
    answered: info === silence ? silence : answered,
  };
};
