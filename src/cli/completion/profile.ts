/** The lines that a shell's own file gets, between two that tell them from what a person wrote there. */

const begin = (note: string): string => `# >>> mobius completion${note} >>>`;
const end = '# <<< mobius completion <<<';

/** What the file was before, so that it can become that again to the byte. */
const notes = { open: ' (after an open line)', fresh: ' (in a new file)' } as const;

const block = /^# >>> mobius completion( \([a-z ]+\))? >>>\r?\n[\s\S]*?^# <<< mobius completion <<<(?:\r?\n|$)/m;

export const hasLines = (text: string | undefined): boolean => text !== undefined && block.test(text);

/** The file with these lines, once: undefined stands for a file that is not there. */
export const withLines = (text: string | undefined, lines: readonly string[]): string => {
  const [found, note = ''] = block.exec(text ?? '') ?? [];
  const newline = text?.includes('\r\n') === true ? '\r\n' : '\n';
  const written = (which: string): string => [begin(which), ...lines, end, ''].join(newline);
  if (text !== undefined && found !== undefined) return text.replace(block, () => written(note));
  if (text === undefined) return written(notes.fresh);
  const isOpen = text !== '' && !text.endsWith('\n');
  return isOpen ? `${text}${newline}${written(notes.open)}` : text + written('');
};

/** The file as it was before: undefined where it was none. */
export const withoutLines = (text: string): string | undefined => {
  const [found, note = ''] = block.exec(text) ?? [];
  if (found === undefined) return text;
  const at = text.indexOf(found);
  const before = text.slice(0, at);
  const after = text.slice(at + found.length);
  const left = (note === notes.open && after === '' ? before.replace(/\r?\n$/, '') : before) + after;
  return left === '' && note === notes.fresh ? undefined : left;
};
