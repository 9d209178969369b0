import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml';
import { MobiusError } from '../errors.ts';
import { deepest, eachOnce, lineAt, type Tree } from './tree.ts';

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
