import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml';
import { MobiusError } from '../errors.ts';

/** What a JSON or YAML text holds; numbers as they were written, since 1.0 and long ones would not survive a number. */
export type Tree =
  | { kind: 'text'; text: string }
  | { kind: 'number' | 'boolean'; text: string }
  | { kind: 'null' }
  | { kind: 'list'; items: Tree[] }
  | { kind: 'map'; entries: [key: string, value: Tree][] };

/** A file made to be deep would use up the stack. */
const deepest = 100;

const token =
  /[ \t\r\n]*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-]))|(true|false|null)(?!\w))/y;

const lineAt = (text: string, at: number): number => text.slice(0, at).split('\n').length;

/** Takes the keys of one object in turn: of two equal ones most readers would keep the last and say nothing. */
const eachOnce = (where: () => string): ((key: string) => void) => {
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
    at = token.lastIndex;
    const [, mark, string, number, word] = found;
    if (mark !== undefined) return { mark };
    return string === undefined ? { plain: number ?? word ?? '' } : { string: JSON.parse(string) as string };
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

/** Aliases and tags are refused: a file that uses them was written by hand, and may grow without end. */
export const readYamlText = (text: string, said: string): Tree => {
  const document = parseDocument(text, { prettyErrors: true, stringKeys: true, uniqueKeys: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const [start] = error.linePos ?? [];
    throw new MobiusError('usage', `${said} is not valid YAML${start === undefined ? '' : ` at line ${start.line}`}`);
  }
  const convert = (node: Node | null, depth: number): Tree => {
    const where = (): string => `line ${lineAt(text, node?.range?.[0] ?? 0)} of ${said}`;
    if (depth > deepest) throw new MobiusError('usage', `${where()} is nested too deep`);
    if (node === null) return { kind: 'null' };
    if (isAlias(node)) throw new MobiusError('usage', `${where()} has a YAML alias`);
    if (node.tag !== undefined) throw new MobiusError('usage', `${where()} has a YAML tag`);
    if (isSeq<Node>(node)) return { kind: 'list', items: node.items.map((item) => convert(item, depth + 1)) };
    if (isMap<Node, Node | null>(node)) {
      const entries: [string, Tree][] = [];
      const once = eachOnce(where);
      for (const { key, value } of node.items) {
        const name = isScalar(key) ? String(key.value) : '';
        once(name);
        entries.push([name, convert(value, depth + 1)]);
      }
      return { kind: 'map', entries };
    }
    if (!isScalar(node) || node.value === null) return { kind: 'null' };
    if (typeof node.value === 'string') return { kind: 'text', text: node.value };
    return { kind: typeof node.value === 'boolean' ? 'boolean' : 'number', text: node.source ?? String(node.value) };
  };
  return convert(document.contents, 0);
};
