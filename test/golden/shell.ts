import { splitLine } from '../scripts/line.ts';

/** One `mobius` of a line for a shell. A word may be what another one prints. */
export interface Invocation {
  argv: readonly (string | Invocation)[];
  /** The file that `<` names. */
  stdin?: string;
  /** Something else's output is its standard input. */
  piped: boolean;
}

const parts = /(?:'[^']*'|"[^"]*"|[^'"|&])+|[|&]+/g;
const substitution = /"?[$<]\(([^()]*)\)"?/;

/** Every `mobius` of the line that isn't inside another one; as much of a shell's grammar as examples need. */
export const invocationsOf = (line: string): Invocation[] => {
  const inner: Invocation[] = [];
  let flat = line;
  for (let found = substitution.exec(flat); found !== null; found = substitution.exec(flat)) {
    const nested = invocationsOf(found[1] ?? '');
    flat = flat.replace(found[0], nested.map((one) => `@@${inner.push(one) - 1}`).join(' '));
  }
  const used = new Set<Invocation>();
  const wordOf = (word: string): string | Invocation => {
    const one = inner[Number(/^@@(\d+)$/.exec(word)?.[1] ?? Number.NaN)];
    if (one === undefined) return word;
    used.add(one);
    return one;
  };
  const outer: Invocation[] = [];
  let operator = '';
  for (const [part] of flat.matchAll(parts)) {
    if (/^[|&]/.test(part)) {
      operator = part;
      continue;
    }
    if (!/^\s*mobius\s/.test(part)) continue;
    const { words, stdin } = splitLine(part.replace(/\s>>?\s.*$/, ''), () => undefined);
    outer.push({
      argv: words.slice(1).map(wordOf),
      ...(stdin !== undefined && 'file' in stdin ? { stdin: stdin.file } : {}),
      piped: operator === '|',
    });
  }
  return [...outer, ...inner.filter((one) => !used.has(one))];
};
