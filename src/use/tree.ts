import { MobiusError } from '../errors.ts';

/** What a JSON or YAML text holds; numbers as they were written, since 1.0 and long ones would not survive a number. */
export type Tree =
  | { kind: 'text'; text: string }
  | { kind: 'number' | 'boolean'; text: string }
  | { kind: 'null' }
  | { kind: 'list'; items: Tree[] }
  | { kind: 'map'; entries: [key: string, value: Tree][] };

/** A file made to be deep would use up the stack. */
export const deepest = 100;

const token =
  /[ \t\r\n]*(?:([{}[\],:"])|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-]))|(true|false|null)(?!\w))/y;

/** Where the text that begins at a quote ends: behind the next quote with an even number of backslashes before it. */
const endOfString = (all: string, start: number): number => {
  for (let at = all.indexOf('"', start + 1); at !== -1; at = all.indexOf('"', at + 1)) {
    let slashes = 0;
    while (all[at - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return at + 1;
  }
  return -1;
};

export const lineAt = (text: string, at: number): number => text.slice(0, at).split('\n').length;

/** Takes the keys of one object in turn: of two equal ones most readers would keep the last and say nothing. */
export const eachOnce = (where: () => string): ((key: string) => void) => {
  const seen = new Set<string>();
  return (key) => {
    if (seen.has(key)) throw new MobiusError('usage', `${where()} has "${key}" for the second time in one object`);
    seen.add(key);
  };
};

/** The JSON texts that stand one after the other. */
export const readJsonTexts = (text: string, said: string): Tree[] => {
  const all = text.replace(/^\uFEFF/, '');
  let at = 0;
  const where = (): string => `line ${lineAt(all, at)} of ${said}`;
  const wrong = (): MobiusError => new MobiusError('usage', `${said} is not valid JSON at line ${lineAt(all, at)}`);
  const next = (): { mark?: string; string?: string; plain?: string } => {
    token.lastIndex = at;
    const found = token.exec(all);
    if (found === null) throw wrong();
    const began = at;
    at = token.lastIndex;
    const [, mark, number, word] = found;
    if (mark !== '"') return mark === undefined ? { plain: number ?? word ?? '' } : { mark };
    const end = endOfString(all, at - 1);
    try {
      if (end === -1) throw wrong();
      const string = JSON.parse(all.slice(at - 1, end)) as string;
      at = end;
      return { string };
    } catch {
      at = began;
      throw wrong();
    }
  };
  const rest = (close: string, one: () => void): void => {
    const before = at;
    if (next().mark === close) return;
    at = before;
    for (;;) {
      one();
      const { mark } = next();
      if (mark === close) return;
      if (mark !== ',') throw wrong();
    }
  };
  const value = (depth: number): Tree => {
    if (depth > deepest) throw new MobiusError('usage', `${where()} is nested too deep`);
    const { mark, string, plain } = next();
    if (string !== undefined) return { kind: 'text', text: string };
    if (plain === 'null') return { kind: 'null' };
    if (plain !== undefined) return { kind: /^[tf]/.test(plain) ? 'boolean' : 'number', text: plain };
    if (mark === '[') {
      const items: Tree[] = [];
      rest(']', () => items.push(value(depth + 1)));
      return { kind: 'list', items };
    }
    if (mark !== '{') throw wrong();
    const entries: [string, Tree][] = [];
    const once = eachOnce(where);
    rest('}', () => {
      const { string: key } = next();
      if (key === undefined) throw wrong();
      once(key);
      if (next().mark !== ':') throw wrong();
      entries.push([key, value(depth + 1)]);
    });
    return { kind: 'map', entries };
  };
  const trees: Tree[] = [];
  while (/\S/.test(all.slice(at))) trees.push(value(0));
  return trees;
};

/** The one JSON text. */
export const readJsonText = (text: string, said: string): Tree => {
  const [tree, second] = readJsonTexts(text, said);
  if (tree === undefined) throw new MobiusError('usage', `${said} is empty`);
  if (second !== undefined) throw new MobiusError('usage', `${said} holds more than one JSON text`);
  return tree;
};
