import { ScriptError } from './script.ts';

export interface Line {
  /** `NAME=value` before the command, for it alone. */
  env: Record<string, string>;
  words: string[];
  /** What `<<< text` or `< file` gives on stdin. */
  stdin?: { text: string } | { file: string };
}

type Token = { text: string; unquoted: string } | { operator: '<' | '<<<' };
type LookUp = (name: string) => string | undefined;

/** Splits as a POSIX shell would, as far as quotes, backslashes and variables go; refuses what only a shell can do. */
export const splitLine = (text: string, lookUp: LookUp): Line => lineOf(tokensOf(text, lookUp));

const pieces = new RegExp(
  [
    /(?<space>\s+)/,
    /'(?<single>[^']*)'/,
    /"(?<double>(?:[^"\\]|\\.)*)"/,
    /\\(?<escaped>.)/,
    /\$\{(?<braced>\w+)\}|\$(?<named>[A-Za-z_]\w*)/,
    /(?<operator><<<|<)/,
    /(?<shell>\$\(|[|>&;()`])/,
    /(?<open>['"\\])/,
    /(?<plain>.)/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gsu',
);

const needsShell = (what: string): ScriptError => new ScriptError(`"${what}" needs a shell; quote it as text`);

const tokensOf = (text: string, lookUp: LookUp): Token[] => {
  const tokens: Token[] = [];
  let word: { text: string; unquoted: string } | undefined;
  const add = (part: string, unquoted = ''): void => {
    word = { text: (word?.text ?? '') + part, unquoted: (word?.unquoted ?? '') + unquoted };
  };
  const end = (): void => {
    if (word !== undefined) tokens.push(word);
    word = undefined;
  };
  for (const { groups: piece = {} } of text.matchAll(pieces)) {
    const name = piece.braced ?? piece.named;
    if (piece.open !== undefined) throw new ScriptError(`a ${piece.open} has no end`);
    if (piece.shell !== undefined) throw needsShell(piece.shell);
    if (piece.double !== undefined) add(inDoubleQuotes(piece.double, lookUp));
    else if (name !== undefined) add(unquotedValue(name, lookUp));
    else if (piece.plain !== undefined) add(piece.plain, piece.plain);
    else if (piece.space === undefined && piece.operator === undefined) add(piece.single ?? piece.escaped ?? '');
    else end();
    if (piece.operator !== undefined) tokens.push({ operator: piece.operator === '<' ? '<' : '<<<' });
  }
  end();
  return tokens;
};

const known = (name: string, lookUp: LookUp): string => {
  const value = lookUp(name);
  if (value === undefined) throw new ScriptError(`nothing was captured or set as "${name}"; as text it stands in ''`);
  return value;
};

const unquotedValue = (name: string, lookUp: LookUp): string => {
  const value = known(name, lookUp);
  if (/\s/.test(value)) throw new ScriptError(`"${name}" holds white space: put it in ""`);
  return value;
};

const inDoubleQuotes = (text: string, lookUp: LookUp): string =>
  text.replace(
    /\\(?<escaped>[$`"\\])|\$\{(?<braced>\w+)\}|\$(?<named>[A-Za-z_]\w*)|(?<shell>`|\$\()/gu,
    (...args): string => {
      const piece: Partial<Record<string, string>> = args.at(-1);
      const name = piece.braced ?? piece.named;
      if (piece.shell !== undefined) throw needsShell(piece.shell);
      return name === undefined ? (piece.escaped ?? '') : known(name, lookUp);
    },
  );

const lineOf = (tokens: readonly Token[]): Line => {
  const line: Line = { env: {}, words: [] };
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token === undefined) break;
    if ('operator' in token) {
      const value = tokens[++i];
      if (value === undefined || 'operator' in value || line.stdin !== undefined) {
        throw new ScriptError(`"${token.operator}" takes one word, and stdin one of them`);
      }
      line.stdin = token.operator === '<' ? { file: value.text } : { text: `${value.text}\n` };
      continue;
    }
    const [assignment, name] = /^([A-Za-z_]\w*)=/.exec(token.unquoted) ?? [];
    if (line.words.length === 0 && assignment !== undefined && name !== undefined) {
      line.env[name] = token.text.slice(assignment.length);
    } else line.words.push(token.text);
  }
  return line;
};
