/**
 * What a terminal or a reader's eye would obey instead of showing: control characters of both sets, marks that turn the
 * direction of writing, and the separators that some programs take for line ends. A name made by somebody else must not
 * move the cursor, set a title or forge a line.
 */
const obeyed = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

const code = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** The text on one line, with nothing in it that a terminal would obey. */
export const visible = (text: string): string =>
  text.replace(obeyed, (character) => short[character] ?? code(character));

/** The same for one field of a line of tab-separated text: it can be turned back. */
export const cell = (text: string): string => visible(text.replaceAll('\\', '\\\\'));

/** For JSON and YAML, whose quoted strings leave these characters as they are: the value stays the same. */
export const quotedControls = (document: string): string =>
  // ASCII but for one character: most documents, and the pattern would be compiled for each of them.
  Buffer.byteLength(document) === document.length && !document.includes('\x7f')
    ? document
    : document.replace(/[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, code);
