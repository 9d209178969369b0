/** A value that must not be found. */
export interface Needle {
  /** Such as `openai.api_key`; the only thing of it that is ever told. */
  name: string;
  value: string;
}

/** How the value was written where it was found. `line` is one line of a value of several. */
export type Spelling = 'plain' | 'line' | 'base64' | 'percent' | 'json' | 'utf-16';

/** One text that is looked for, as bytes. */
export interface Pattern {
  bytes: Buffer;
  name: string;
  spelling: Spelling;
}

/** A needle that is not looked for: it would be found everywhere. */
export interface LeftOut {
  name: string;
  why: string;
}

const shortest = 6;
const shortestNumber = 8;

/** What people put beside secrets and everywhere else. */
const words = new Set([
  ...['localhost', '127.0.0.1', 'password', 'changeme', 'postgres', 'postgresql', 'username', 'administrator'],
  ...['production', 'development', 'staging', 'disabled', 'undefined', 'us-east-1', 'eu-west-1', 'eu-central-1'],
]);

const reasonToLeaveOut = (text: string): string | undefined => {
  if (Buffer.byteLength(text) < shortest) return `shorter than ${shortest} bytes`;
  if (text.length < shortestNumber && /^\d+$/.test(text)) return `a number of fewer than ${shortestNumber} digits`;
  if (words.has(text.toLowerCase())) return 'an ordinary word';
  return /^(.)\1*$/su.test(text) ? 'one character repeated' : undefined;
};

const alphabets = ['base64', 'base64url'] as const;
const paddings = [0, 1, 2] as const;

/**
 * What is in the base64 of any text that holds this one: how it comes out depends on how many bytes of a group of three
 * stand before it, and the characters that neighbours have a part in are left out.
 */
const inBase64 = (value: Buffer): Buffer[] =>
  alphabets.flatMap((alphabet) =>
    paddings.map((before) => {
      const text = Buffer.concat([Buffer.alloc(before), value]).toString(alphabet);
      return Buffer.from(text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + value.length) * 8) / 6)));
    }),
  );

const withLowerHex = (text: string): string => text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());

const hex = (character: string): string => character.charCodeAt(0).toString(16).toUpperCase();

const inPercent = (value: string): string[] => {
  const lax = encodeURIComponent(value);
  const strict = lax.replace(/[!'()*]/g, (mark) => `%${hex(mark)}`);
  const path = encodeURI(value);
  const form = new URLSearchParams({ '': value }).toString().slice(1);
  const spelled = [lax, strict, path, form, lax.replaceAll('%20', '+')];
  return [...spelled, ...spelled.map(withLowerHex)];
};

const escaped = (text: string, which: RegExp): string =>
  text.replace(which, (unit) => `\\u${hex(unit).toLowerCase().padStart(4, '0')}`);

/** As JavaScript, PHP (slashes, and all but ASCII) and Go (what HTML minds) write it. */
const inJson = (value: string): string[] => {
  const plain = JSON.stringify(value).slice(1, -1);
  const ascii = escaped(plain, /[\u0080-\uffff]/g);
  return [plain, ascii].flatMap((text) => [text, text.replaceAll('/', '\\/'), escaped(text, /[<>&]/g)]);
};

const run = /[A-Za-z0-9+/=_-]{20,}/g;
const looksRandom = (text: string): boolean =>
  /\d/.test(text) && ((/[a-z]/.test(text) && /[A-Z]/.test(text)) || /[0-9a-f]{20}|[0-9A-Z]{20}/.test(text));

/** Of a value of several lines those that say something by themselves: not `-----BEGIN ...`, not `"type": "x",`. */
const tellingLines = (value: string): string[] => {
  const lines = value.split(/[\r\n]+/).map((line) => line.trim());
  if (lines.length < 2) return [];
  return lines.filter((line) => (line.match(run) ?? []).some(looksRandom));
};

const spellingsOf = (value: string): [Spelling, (string | Buffer)[]][] => [
  ['plain', [value]],
  ['line', tellingLines(value)],
  ['json', inJson(value)],
  ['percent', inPercent(value)],
  ['base64', inBase64(Buffer.from(value))],
  ['utf-16', [Buffer.from(value, 'utf16le')]],
];

const patternsOf = ({ name, value }: Needle): Pattern[] => {
  const known = new Set<string>();
  return spellingsOf(value).flatMap(([spelling, texts]) =>
    texts.flatMap((text) => {
      const bytes = typeof text === 'string' ? Buffer.from(text) : text;
      const key = bytes.toString('latin1');
      if (known.has(key)) return [];
      known.add(key);
      return [{ bytes, name, spelling }];
    }),
  );
};

/** All that is looked for, and the names of the needles that are not. */
export const patternsFor = (needles: readonly Needle[]): { patterns: Pattern[]; leftOut: LeftOut[] } => {
  const patterns: Pattern[] = [];
  const leftOut: LeftOut[] = [];
  for (const { name, value } of needles) {
    // Through bytes and back: half a surrogate pair has no bytes of its own and no percent spelling.
    const text = Buffer.from(value).toString().trim();
    const why = reasonToLeaveOut(text);
    if (why === undefined) patterns.push(...patternsOf({ name, value: text }));
    else leftOut.push({ name, why });
  }
  return { patterns, leftOut };
};
