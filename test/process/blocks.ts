import { readdirSync, readFileSync } from 'node:fs';

export interface Block {
  language: string;
  text: string;
  /** Of its first line in the document. */
  line: number;
  /** The headings that it stands under, the document's own first. */
  under: readonly string[];
}

/** Each document that has something to type in it. */
export const documents: readonly string[] = [
  'README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  'deploy/team/README.md',
];

/** The fenced blocks of a text, in their order, in lists too; one that never ends is a mistake. */
export const blocksIn = (text: string): Block[] => {
  const blocks: Block[] = [];
  const under: string[] = [];
  let open: { indent: string; language: string; lines: string[]; line: number } | undefined;
  for (const [at, line] of text.split('\n').entries()) {
    const [, indent = '', language = ''] = /^( *)```(\S*)\s*$/.exec(line) ?? [];
    if (open !== undefined && line.trim() === '```') {
      blocks.push({ language: open.language, text: open.lines.join('\n'), line: open.line, under: [...under] });
      open = undefined;
    } else if (open !== undefined)
      open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line);
    else if (/^ *```/.test(line)) open = { indent, language, lines: [], line: at + 2 };
    const [, depth, heading] = (open === undefined && /^(#+) (.*)$/.exec(line)) || [];
    if (depth !== undefined && heading !== undefined) under.splice(depth.length - 1, under.length, heading);
  }
  if (open !== undefined) throw new Error(`the block of line ${open.line} has no end`);
  return blocks;
};

/** What a person types before they press return: a continued line is one, and so is one with the document behind it. */
export const linesOf = (text: string): string[] => {
  const lines: string[] = [];
  let end: string | undefined;
  let goesOn = false;
  for (const line of text.split('\n')) {
    if (end === undefined && !goesOn) lines.push(line);
    else lines.push(`${lines.pop()}\n${line}`);
    if (line === end) end = undefined;
    else end ??= /<<'?(\w+)'?/.exec(line)?.[1];
    goesOn = line.endsWith('\\');
  }
  return lines.filter((line) => line.trim() !== '' && !line.startsWith('#'));
};

export const documentOf = (path: string): Block[] => blocksIn(readFileSync(path, 'utf8'));
