import { MobiusError } from '../errors.ts';

export interface DotenvEntry {
  name: string;
  value: string;
  /** Where it begins, from 1. */
  line: number;
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', '"': '"' };

const expanded = (text: string): string => text.replace(/\\([\s\S])/g, (whole, one: string) => escapes[one] ?? whole);

// A byte order mark is white space here.
const start = /[^\S\n]*(?:export[^\S\n]+)?([\w.-]+)[^\S\n]*(?:=|:(?=[ \t]))[^\S\n]*/y;
const nothing = /[^\S\n]*(?:#[^\n]*)?(?:\n|$)/y;
const quoted: Readonly<Record<string, RegExp>> = {
  "'": /'([^']*)'/y,
  '"': /"((?:\\[\s\S]|[^"\\])*)"/y,
  '`': /`([^`]*)`/y,
};

/** What stands at an offset, or undefined. */
const match = (pattern: RegExp, text: string, at: number): RegExpExecArray | undefined => {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
};

const bare = (text: string, at: number): { value: string; end: number } => {
  const newline = text.indexOf('\n', at);
  const end = newline === -1 ? text.length : newline;
  // The white space before it may be what stands after the equals sign.
  const line = text.slice(at - 1, end);
  const comment = line.search(/\s#/);
  return { value: line.slice(1, comment === -1 ? undefined : Math.max(1, comment)).trim(), end: end + 1 };
};

/**
 * The variables of a dotenv file in their order, one that is there twice included; `said` is how the file is called in
 * an error. `export NAME=value`, comments, values without quotes, in '...' and `...` as they stand, and in "..." with
 * \n \r \t \\ \" as escapes; quoted ones may have many lines. Line ends become LF. `$` means nothing.
 *
 * Where it differs from the npm package: that one leaves \t \\ \" as they stand, takes a `#` without white space before
 * it for a comment, lets a backslash keep any quote from closing, and passes over a line that it can't read. What
 * renderVariables writes, both read alike.
 */
export const parseDotenv = (text: string, said: string): DotenvEntry[] => {
  const all = text.replace(/\r\n?/g, '\n');
  const entries: DotenvEntry[] = [];
  let line = 1;
  let at = 0;
  const malformed = (problem: string): MobiusError =>
    new MobiusError('usage', `line ${line} of ${said} ${problem}`, { line });
  const moveTo = (end: number): void => {
    line += all.slice(at, end).split('\n').length - 1;
    at = end;
  };
  if (all.includes('\0')) {
    moveTo(all.indexOf('\0'));
    throw malformed('holds a NUL');
  }
  while (at < all.length) {
    const blank = match(nothing, all, at);
    if (blank !== undefined) {
      moveTo(at + Math.max(1, blank[0].length));
      continue;
    }
    const begun = match(start, all, at);
    if (begun === undefined) throw malformed('is not NAME=value');
    const [head, name = ''] = begun;
    const from = at + head.length;
    const pattern = quoted[all[from] ?? ''];
    if (pattern === undefined) {
      const { value, end } = bare(all, from);
      entries.push({ name, value, line });
      moveTo(end);
      continue;
    }
    const literal = match(pattern, all, from);
    if (literal === undefined) throw malformed('opens a quote that nothing closes');
    const rest = match(nothing, all, from + literal[0].length);
    if (rest === undefined) throw malformed('has text after the closing quote');
    const [, inner = ''] = literal;
    entries.push({ name, value: all[from] === '"' ? expanded(inner) : inner, line });
    moveTo(from + literal[0].length + rest[0].length);
  }
  return entries;
};
