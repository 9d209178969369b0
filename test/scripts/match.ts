import { ScriptError, type Stream } from './script.ts';

export type Captured = Readonly<Record<string, string>>;

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

/** `[[name]]`, or with a regular expression after a colon, which may end in a `]` of its own. */
const pattern = /\[\[(?!\[)(?:(?<reference>\w+)\]\]|(?<name>\w*):(?<regex>.*?)\]\](?!\]))/u;

/** What was captured besides, or undefined where the text is another. */
export const matchText = (expected: string, actual: string, captured: Captured): Captured | undefined => {
  if (!expected.includes('[[')) return expected === actual ? captured : undefined;
  const names = new Set<string>();
  let source = '';
  let rest = expected;
  for (let found = pattern.exec(rest); found !== null; found = pattern.exec(rest)) {
    const { reference, name = '', regex = '' } = found.groups ?? {};
    source += escaped(rest.slice(0, found.index));
    rest = rest.slice(found.index + found[0].length);
    if (reference !== undefined) {
      source += escaped(captured[reference] ?? refuse(`"[[${reference}]]" was not captured before`));
      continue;
    }
    if (name in captured || names.has(name)) refuse(`"[[${name}:…]]" was captured before`);
    if (name !== '') names.add(name);
    source += name === '' ? `(?:${regex})` : `(?<${name}>${regex})`;
  }
  if (rest.includes('[[')) refuse(`a "[[" has no "]]", or is no pattern: ${expected}`);
  const groups = new RegExp(`^${source}${escaped(rest)}$`).exec(actual);
  return groups === null ? undefined : { ...captured, ...groups.groups };
};

const refuse = (problem: string): never => {
  throw new ScriptError(problem);
};

/** As matchText, line by line; `...` is any number of lines. */
export const matchLines = (
  expected: readonly string[],
  actual: readonly string[],
  captured: Captured,
): Captured | undefined => {
  const [first, ...rest] = expected;
  if (first === undefined) return actual.length === 0 ? captured : undefined;
  if (first === '...') {
    for (let skipped = 0; skipped <= actual.length; skipped++) {
      const found = matchLines(rest, actual.slice(skipped), captured);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const [line, ...others] = actual;
  const next = line === undefined ? undefined : matchText(first, line, captured);
  return next === undefined ? undefined : matchLines(rest, others, next);
};

/** Where the JSON is another, in words; else what was captured. */
export const matchJson = (
  expected: unknown,
  actual: unknown,
  captured: Captured,
  where = '',
): { captured: Captured } | { problem: string } => {
  const problem = (words: string) => ({ problem: `${where || 'the whole'}: ${words}` });
  const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return problem(`expected a list, got ${shown(actual)}`);
    const open = expected.at(-1) === '...';
    const items = open ? expected.slice(0, -1) : expected;
    if (open ? actual.length < items.length : actual.length !== items.length) {
      return problem(
        `expected ${open ? 'at least ' : ''}${items.length} items, got ${actual.length}: ${shown(actual)}`,
      );
    }
    return items.reduce<ReturnType<typeof matchJson>>(
      (so, item, i) => ('problem' in so ? so : matchJson(item, actual[i], so.captured, `${where}[${i}]`)),
      { captured },
    );
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null || Array.isArray(actual)) {
      return problem(`expected an object, got ${shown(actual)}`);
    }
    const values: Record<string, unknown> = { ...actual };
    return Object.entries(expected).reduce<ReturnType<typeof matchJson>>(
      (so, [name, value]) => {
        if ('problem' in so) return so;
        const there = Object.hasOwn(values, name) ? values[name] : undefined;
        return matchJson(value, there, so.captured, `${where}.${name}`);
      },
      { captured },
    );
  }
  if (expected === '[[absent]]')
    return actual === undefined ? { captured } : problem(`expected none, got ${shown(actual)}`);
  if (typeof expected === 'string' && ['string', 'number'].includes(typeof actual)) {
    const isPattern = expected.includes('[[');
    const found = isPattern || typeof actual === 'string' ? matchText(expected, String(actual), captured) : undefined;
    return found === undefined ? problem(`expected ${shown(expected)}, got ${shown(actual)}`) : { captured: found };
  }
  return expected === actual ? { captured } : problem(`expected ${shown(expected)}, got ${shown(actual)}`);
};

/** What was written, line by line; a last line without its end says so. */
export const linesOf = (text: string): string[] => {
  if (text === '') return [];
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  else lines.push('\\ no newline at the end');
  return lines;
};

const fits = (pattern: string, line: string, captured: Captured): Captured | undefined => {
  try {
    return pattern === '...' ? undefined : matchText(pattern, line, captured);
  } catch {
    return undefined;
  }
};

/** Lines that fit at both ends as they are, and between them what was expected and what came. */
const difference = (expected: readonly string[], actual: readonly string[], captured: Captured): string => {
  const least = Math.min(expected.length, actual.length);
  let known = captured;
  let head = 0;
  for (; head < least; head++) {
    const next = fits(expected[head] ?? '', actual[head] ?? '', known);
    if (next === undefined) break;
    known = next;
  }
  let tail = 0;
  while (tail < least - head && fits(expected.at(-1 - tail) ?? '', actual.at(-1 - tail) ?? '', known) !== undefined)
    tail++;
  return [
    ...actual.slice(0, head).map((line) => `    ${line}`),
    ...expected.slice(head, expected.length - tail).map((line) => `  - ${line}`),
    ...actual.slice(head, actual.length - tail).map((line) => `  + ${line}`),
    ...actual.slice(actual.length - tail).map((line) => `    ${line}`),
  ].join('\n');
};

/** What was captured, or what is wrong with what was written. */
export const matchStream = (
  expected: Stream,
  text: string,
  captured: Captured,
): { captured: Captured } | { problem: string } => {
  if ('lines' in expected) {
    const lines = linesOf(text);
    const found = matchLines(expected.lines, lines, captured);
    return found === undefined ? { problem: difference(expected.lines, lines, captured) } : { captured: found };
  }
  try {
    const found = matchJson(expected.json, JSON.parse(text), captured);
    return 'problem' in found ? { problem: `    ${found.problem}\n${text}` } : found;
  } catch (error) {
    if (error instanceof ScriptError) throw error;
    return {
      problem: `    expected JSON\n${linesOf(text)
        .map((line) => `  + ${line}`)
        .join('\n')}`,
    };
  }
};
