/** A script test, taken apart. The format is described at the top of runner.ts. */
export interface Script {
  path: string;
  lines: readonly string[];
  /** The places it runs in; absent: in each. */
  only?: readonly string[];
  /** It finds nothing made: no vault, no server. */
  bare: boolean;
  steps: readonly Step[];
}

export type Step = { line: number } & (
  | { kind: 'command'; text: string; terminal: boolean; color: boolean; expected: Expected }
  | { kind: 'cat'; text: string; expected: Expected }
  | { kind: 'env'; name: string; text: string }
  | { kind: 'unset'; name: string }
  | { kind: 'clock'; ms: number }
  | { kind: 'file'; name: string; content: string }
  | { kind: 'mode'; text: string; mode: string }
);

export type CommandStep = Extract<Step, { kind: 'command' | 'cat' }>;

export interface Expected {
  /** The lines of the file that say it, from the first to the one behind the last, counted from 0. */
  from: number;
  to: number;
  stdout: Stream;
  stderr: Stream;
  code: number;
}

/** Lines, or a part of one JSON text. */
export type Stream = { lines: readonly string[] } | { json: unknown };

export class ScriptError extends Error {}

interface Cursor {
  path: string;
  lines: readonly string[];
  /** The line that is looked at, counted from 0. */
  at: number;
}

const lineAt = ({ lines, at }: Cursor): string => lines[at] ?? '';

const refuse = ({ path, at }: Cursor, problem: string): ScriptError => new ScriptError(`${path}:${at + 1}: ${problem}`);

export const parseScript = (path: string, source: string): Script => {
  const cursor: Cursor = { path, lines: source.split('\n'), at: 0 };
  const head = headOf(cursor);
  const steps: Step[] = [];
  for (skipEmpty(cursor); cursor.at < cursor.lines.length; skipEmpty(cursor)) steps.push(stepHere(cursor));
  if (!steps.some(({ kind }) => kind === 'command')) throw refuse(cursor, 'no command: it would prove nothing');
  return { path, lines: cursor.lines, ...head, steps };
};

const skipEmpty = (cursor: Cursor): void => {
  while (cursor.at < cursor.lines.length && /^($|#$|# )/.test(lineAt(cursor))) cursor.at++;
};

const headOf = (cursor: Cursor): Pick<Script, 'only' | 'bare'> => {
  const head: Pick<Script, 'only' | 'bare'> = { bare: false };
  for (skipEmpty(cursor); ; skipEmpty(cursor)) {
    const line = lineAt(cursor);
    if (line === 'bare') head.bare = true;
    else if (line.startsWith('only ')) {
      const [, places] = /^only ([\w-]+(?: [\w-]+)*): .*\S/.exec(line) ?? [];
      if (places === undefined) throw refuse(cursor, 'say where, and why: only local: <reason>');
      head.only = places.split(' ');
    } else return head;
    cursor.at++;
  }
};

const stepHere = (cursor: Cursor): Step => {
  const line = lineAt(cursor);
  const [, word = '', text = ''] = /^(\S+) *(.*)$/.exec(line) ?? [];
  const kind = kinds[word];
  if (kind === undefined) throw refuse(cursor, `"${line}" is nothing that a script says`);
  return kind(cursor, text, cursor.at + 1);
};

type Parse = (cursor: Cursor, text: string, line: number) => Step;

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Every way a step can begin. Each leaves the cursor behind its last line. */
const kinds: Record<string, Parse> = {
  $: (cursor, text, line) => commandStep(cursor, text, line, { terminal: false, color: false }),
  $tty: (cursor, text, line) => commandStep(cursor, text, line, { terminal: true, color: false }),
  $color: (cursor, text, line) => commandStep(cursor, text, line, { terminal: true, color: true }),
  cat(cursor, text, line) {
    cursor.at++;
    return { kind: 'cat', line, text, expected: expectedHere(cursor) };
  },
  env(cursor, text, line) {
    const [, name, value] = /^(\w+)=(.*)$/.exec(text) ?? [];
    if (name === undefined || value === undefined) throw refuse(cursor, 'say: env NAME=value');
    cursor.at++;
    return { kind: 'env', line, name, text: value };
  },
  unset(cursor, name, line) {
    if (!/^\w+$/.test(name)) throw refuse(cursor, 'say: unset NAME');
    cursor.at++;
    return { kind: 'unset', line, name };
  },
  clock(cursor, text, line) {
    const [, count, unit = ''] = /^\+(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
    if (count === undefined) throw refuse(cursor, 'say: clock +2h');
    cursor.at++;
    return { kind: 'clock', line, ms: Number(count) * (units[unit] ?? 0) };
  },
  mode(cursor, text, line) {
    const [, name, mode] = /^(.+) 0([0-7]{3})$/.exec(text) ?? [];
    if (name === undefined || mode === undefined) throw refuse(cursor, 'say: mode NAME 0600');
    cursor.at++;
    return { kind: 'mode', line, text: name, mode };
  },
  file(cursor, name, line) {
    if (name === '') throw refuse(cursor, 'say: file NAME');
    let content = '';
    for (cursor.at++; lineAt(cursor) !== ''; cursor.at++) {
      if (!lineAt(cursor).startsWith('  ')) throw refuse(cursor, 'two spaces begin each line of a file');
      content += `${lineAt(cursor).slice(2)}\n`;
    }
    return { kind: 'file', line, name, content };
  },
};

const commandStep = (
  cursor: Cursor,
  head: string,
  line: number,
  stream: { terminal: boolean; color: boolean },
): Step => {
  let text = head;
  for (cursor.at++; text.endsWith(' \\'); cursor.at++) text = text.slice(0, -1) + lineAt(cursor).trimStart();
  return { kind: 'command', line, text, ...stream, expected: expectedHere(cursor) };
};

const expectedHere = (cursor: Cursor): Expected => {
  const from = cursor.at;
  const said: { stdout: Said; stderr: Said } = { stdout: { lines: [] }, stderr: { lines: [] } };
  let code = 0;
  for (; lineAt(cursor) !== '' && !/^\$\w* /.test(lineAt(cursor)); cursor.at++) {
    const line = lineAt(cursor);
    const [, stream, rest] = /^(! |!$)?(.*)$/.exec(line) ?? [];
    const to = said[stream === undefined ? 'stdout' : 'stderr'];
    if (/^= \d+$/.test(line)) code = Number(line.slice(2));
    else if (rest?.startsWith('json ')) to.json = jsonFrom(cursor, rest.slice('json '.length));
    else if (!line.startsWith('# ')) to.lines.push(plain(rest ?? ''));
  }
  const streamOf = ({ lines, json }: Said): Stream => {
    if (json !== undefined && lines.length > 0) throw refuse(cursor, 'lines and JSON are expected of one stream');
    return json === undefined ? { lines } : { json };
  };
  return { from, to: cursor.at, stdout: streamOf(said.stdout), stderr: streamOf(said.stderr), code };
};

interface Said {
  lines: string[];
  json?: unknown;
}

/** `\` at the start takes a line's other meaning away; alone it is an empty line. */
const plain = (line: string): string => (line.startsWith('\\') ? line.slice(1) : line);

/** A JSON text that begins here and may go on over the next lines; the cursor is left on its last one. */
const jsonFrom = (cursor: Cursor, head: string): unknown => {
  const begin = cursor.at;
  for (let text = head; ; text += `\n${lineAt(cursor)}`) {
    try {
      return JSON.parse(text);
    } catch {
      cursor.at++;
      if (lineAt(cursor) === '') throw refuse({ ...cursor, at: begin }, 'the JSON has no end, or is none');
    }
  }
};
