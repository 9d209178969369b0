/**
 * Second readers, written from the rules of the programs and not from ours, for programs that can't be started here.
 */

/** Every one of them opens and closes a literal, and two of them in a row inside one are the first of the two. */
const quotes = "'\u2018\u2019\u201a\u201b";

const powershellValue = (code: string, start: number): { value: string; end: number } => {
  let at = start;
  const literal = (): string => {
    if (!quotes.includes(code[at] ?? ' ')) throw new Error(`no literal at ${at}`);
    let text = '';
    for (at++; ; at++) {
      const char = code[at];
      if (char === undefined) throw new Error('a literal is open at the end');
      if (!quotes.includes(char)) text += char;
      else if (quotes.includes(code[at + 1] ?? ' ')) text += code[at++];
      else {
        at++;
        return text;
      }
    }
  };
  const part = (): string => {
    const [whole, number] = /^\[char\](\d+)/.exec(code.slice(at, at + 20)) ?? [];
    if (whole === undefined) return literal();
    at += whole.length;
    return String.fromCharCode(Number(number));
  };
  if (!code.startsWith('-join @(', at)) return { value: literal(), end: at };
  at += '-join @('.length;
  let value = part();
  for (; code[at] === ','; value += part()) at++;
  if (code[at] !== ')') throw new Error(`no bracket at ${at}`);
  return { value, end: at + 1 };
};

/** As Invoke-Expression would take it, which had the lines of a program joined by the system's line end. */
export const readPowershell = (text: string): Record<string, string> => {
  const code = text.split(/\r\n|\r|\n/).join('\r\n');
  const found: [string, string][] = [];
  for (let at = 0; at < code.length; ) {
    const [head, name = ''] = /^\$env:(\w+) = /.exec(code.slice(at, at + 100)) ?? [];
    if (head === undefined) throw new Error(`no statement at ${at}`);
    const { value, end } = powershellValue(code, at + head.length);
    if (!code.startsWith('\r\n', end)) throw new Error(`the statement goes on at ${end}`);
    found.push([name, value]);
    at = end + 2;
  }
  return Object.fromEntries(found);
};

/** The file that a runner reads after each step: on Linux a line ends at LF, on Windows at CRLF too. */
const readGithubLines = (text: string, lineEnd: RegExp): Record<string, string> => {
  const found: [string, string][] = [];
  let rest = text;
  const line = (): string => {
    const { index, 0: end } = lineEnd.exec(rest) ?? { index: rest.length, 0: '' };
    const taken = rest.slice(0, index);
    if (rest === '') throw new Error('the delimiter is missing');
    rest = rest.slice(index + end.length);
    return taken;
  };
  while (rest !== '') {
    const head = line();
    if (head === '') continue;
    const [, name = '', delimiter = ''] = /^([^=<]+)<<(.+)$/.exec(head) ?? [];
    if (delimiter === '') throw new Error('a line is no NAME<<DELIMITER');
    const begun = rest;
    let length = 0;
    for (let one = rest; line() !== delimiter; one = rest) {
      const consumed = begun.length - rest.length;
      const end = lineEnd.exec(one)?.[0].length ?? 0;
      length = consumed - end;
    }
    found.push([name, begun.slice(0, length)]);
  }
  return Object.fromEntries(found);
};

export const readGithub = (text: string): Record<string, string> => {
  const linux = readGithubLines(text, /\n/);
  const windows = readGithubLines(text, /\r?\n/);
  if (JSON.stringify(linux) !== JSON.stringify(windows)) throw new Error('the two kinds of runner differ');
  return linux;
};

/** A file for `docker run --env-file`, taken no further than every version of docker takes it. */
export const readDocker = (text: string): Record<string, string> => {
  const found: [string, string][] = [];
  for (const ended of text.match(/[^\n]*\n/g) ?? []) {
    if (Buffer.byteLength(ended) > 65_536) throw new Error('a line is too long');
    const line = ended.replace(/\r?\n$/, '').trimStart();
    if (line === '' || line.startsWith('#')) continue;
    const [name = '', ...rest] = line.split('=');
    if (name === '' || /[ \t]/.test(name) || rest.length === 0) throw new Error('a line is no NAME=value');
    const value = rest.join('=');
    if (/^(['"]).*\1$/s.test(value) && value.length > 1) throw new Error('versions differ in quotes');
    found.push([name, value]);
  }
  return Object.fromEntries(found);
};
