import { parseKey } from '../core/key-format.ts';
import { inUtf16 } from './encoding.ts';
import { type LeftOut, type Needle, type Pattern, patternsFor, type Spelling } from './needles.ts';

/** Where something was found. Lines and columns count from 1, columns in bytes. */
export interface Found {
  path: string;
  line: number;
  column: number;
  kind: 'secret' | 'key';
  /** Of the needle. */
  name?: string;
  spelling?: Spelling;
  /** The API key itself, so that it can be asked for; never to be shown whole. */
  key?: string;
}

export interface Scanner {
  /** The needles that are not looked for. */
  leftOut: readonly LeftOut[];
  /**
   * Reads the pieces once, in memory bounded by the longest needle, and gives what is in them in order of its place; in
   * a text that says it is in UTF-16, in two orders, of its bytes and of its characters.
   */
  scan(path: string, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Found>;
}

/** A find by its place in the whole text. */
interface Hit {
  start: number;
  end: number;
  line: number;
  column: number;
  what: Pick<Found, 'kind' | 'name' | 'spelling' | 'key'>;
}

/** Four bytes of a pattern that few others have, by which it is noticed. */
interface Anchored extends Pattern {
  at: number;
}

const anchorLength = 4;
const mostLookedAt = 1024;
const filterBits = 18;

const slotOf = (word: number): number => Math.imul(word, 0x9e3779b1) >>> (32 - filterBits);

/** The windows of a pattern among which its anchor is chosen. */
const windowsOf = ({ bytes }: Pattern): number[] => {
  const last = Math.min(bytes.length, mostLookedAt) - anchorLength;
  return Array.from({ length: last + 1 }, (_, at) => bytes.readInt32BE(at));
};

/** Two patterns that begin alike, as all PEM files do, are noticed by what tells them apart. */
const anchored = (patterns: readonly Pattern[]): Map<number, Anchored[]> => {
  const having = new Map<number, number>();
  for (const pattern of patterns) {
    for (const word of new Set(windowsOf(pattern))) having.set(word, (having.get(word) ?? 0) + 1);
  }
  const anchors = new Map<number, Anchored[]>();
  for (const pattern of patterns) {
    const windows = windowsOf(pattern);
    let at = 0;
    for (const [candidate, word] of windows.entries()) {
      if ((having.get(word) ?? 0) < (having.get(windows[at] ?? 0) ?? 0)) at = candidate;
    }
    const word = windows[at] ?? 0;
    anchors.set(word, [...(anchors.get(word) ?? []), { ...pattern, at }]);
  }
  return anchors;
};

const underscore = 0x5f;
const newline = 0x0a;
const afterPrefix = 49;
const longestPrefix = 11;
const longestKey = 60;

const isLowerOrDigit = (byte: number): boolean => (byte >= 97 && byte <= 122) || (byte >= 48 && byte <= 57);
const isBase62 = (byte: number): boolean => isLowerOrDigit(byte) || (byte >= 65 && byte <= 90);

/**
 * The key whose prefix ends with the underscore at this place. The checksum, not what stands around it, tells that it is
 * one: `\nmbx_...` inside of JSON has a letter before it, and is a key all the same.
 */
const keyAt = (bytes: Buffer, at: number, end: number): { start: number; key: string } | undefined => {
  const stop = at + 1 + afterPrefix;
  if (stop > end || at === 0 || !isLowerOrDigit(bytes[at - 1] ?? 0)) return undefined;
  // A checksum is below 5 × 62⁵: of what only looks like a key, most is refused here.
  if ((bytes[stop - 6] ?? 0) > 0x34) return undefined;
  for (let i = at + 1; i < stop; i++) if (!isBase62(bytes[i] ?? 0)) return undefined;
  const text = bytes.toString('latin1', Math.max(0, at + 1 - longestPrefix), stop);
  for (let length = text.length; length > afterPrefix + 1; length--) {
    const parsed = parseKey(text.slice(-length));
    if (parsed.ok) return { start: stop - length, key: parsed.key };
  }
  return undefined;
};

type Search = (
  bytes: Buffer,
  fresh: number,
  end: number,
  tell: (start: number, end: number, what: Hit['what']) => void,
) => void;

/** Finds the values that end behind `fresh`; the others were found, or taken for a part of a longer one, before. */
const searchFor = (patterns: readonly Pattern[]): Search => {
  const anchors = anchored(patterns);
  const filter = new Uint8Array(1 << filterBits);
  for (const word of anchors.keys()) filter[slotOf(word)] = 1;
  return (bytes, fresh, end, tell) => {
    const compare = (word: number, place: number): void => {
      for (const { bytes: wanted, at, name, spelling } of anchors.get(word) ?? []) {
        const start = place - at;
        const stop = start + wanted.length;
        if (start < 0 || stop <= fresh || stop > end) continue;
        if (wanted.compare(bytes, start, stop) === 0) tell(start, stop, { kind: 'secret', name, spelling });
      }
    };
    let word = 0;
    for (let i = 0; i < end; i++) {
      const byte = bytes[i] as number;
      word = (word << 8) | byte;
      if (filter[slotOf(word)] === 1) compare(word, i + 1 - anchorLength);
      if (byte !== underscore) continue;
      const found = keyAt(bytes, i, end);
      if (found !== undefined) tell(found.start, i + 1 + afterPrefix, { kind: 'key', key: found.key });
    }
  };
};

/** A place in the text, and the line that it is in. */
interface Position {
  place: number;
  line: number;
  lineStart: number;
}

/** From one position to a later one; `bytes` begin at `origin`. */
const advanced = (from: Position, bytes: Buffer, origin: number, place: number): Position => {
  let { line, lineStart } = from;
  const stop = place - origin;
  for (let i = bytes.indexOf(newline, from.place - origin); i !== -1 && i < stop; i = bytes.indexOf(newline, i + 1)) {
    line++;
    lineStart = origin + i + 1;
  }
  return { place, line, lineStart };
};

/** A value within another find of the same name is no second one: a line of a text that is there as a whole. */
const sifted = (hits: readonly Hit[]): Hit[] => {
  const kept = new Map<string, Hit>();
  return [...hits]
    .sort((a, b) => a.start - b.start || b.end - a.end)
    .filter((hit) => {
      const key = hit.what.name ?? hit.what.key ?? '';
      const before = kept.get(key);
      if (before !== undefined && hit.start < before.end) return false;
      kept.set(key, hit);
      return true;
    });
};

/** What is found as a text is not told as bytes too. */
function* notOfText(found: Iterable<Found>, isText: boolean): Generator<Found> {
  for (const one of found) if (!isText || one.spelling !== 'utf-16') yield one;
}

const pieceLength = 1 << 18;

/** Looks for the values of these needles and for API keys. */
export const makeScanner = (needles: readonly Needle[]): Scanner => {
  const { patterns, leftOut } = patternsFor(needles);
  const search = searchFor(patterns);
  const longest = patterns.reduce((most, { bytes }) => Math.max(most, bytes.length), longestKey);
  const overlap = longest - 1;
  const windowLength = overlap + Math.max(pieceLength, overlap);

  /** One reading of a text, from its first piece to its end. */
  const reading = (path: string) => {
    const window = Buffer.allocUnsafe(windowLength);
    // Where the window begins in the text, how much of it is filled, and how much of that was seen before.
    let origin: Position = { place: 0, line: 1, lineStart: 0 };
    let [filled, seen] = [0, 0];
    let held: Hit[] = [];

    const look = (): void => {
      const hits: Omit<Hit, 'line' | 'column'>[] = [];
      const first = origin.place;
      search(window, seen, filled, (start, end, what) => hits.push({ start: first + start, end: first + end, what }));
      hits.sort((a, b) => a.start - b.start);
      let at = origin;
      for (const hit of hits) {
        at = advanced(at, window, first, hit.start);
        held.push({ ...hit, line: at.line, column: hit.start - at.lineStart + 1 });
      }
    };
    /** What may still turn out to lie within a longer find is held back. */
    const settled = (limit: number): Found[] => {
      const all = sifted(held);
      held = all.filter(({ start }) => start + longest > limit);
      return all
        .filter(({ start }) => start + longest <= limit)
        .map(({ line, column, what }) => ({ path, line, column, ...what }));
    };
    const slide = (): void => {
      const dropped = filled - overlap;
      origin = advanced(origin, window, origin.place, origin.place + dropped);
      window.copyWithin(0, dropped, filled);
      [filled, seen] = [overlap, overlap];
    };

    return {
      *push(piece: Uint8Array): Generator<Found> {
        for (let at = 0; at < piece.length; ) {
          const taken = piece.subarray(at, at + window.length - filled);
          window.set(taken, filled);
          filled += taken.length;
          at += taken.length;
          if (filled < window.length) continue;
          look();
          slide();
          yield* settled(origin.place + filled);
        }
      },
      end(): Found[] {
        look();
        return settled(Number.POSITIVE_INFINITY);
      },
    };
  };

  async function* scan(path: string, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Found> {
    const bytes = reading(path);
    // Of a text that says it is in UTF-16 the bytes are read as well: it need not be true.
    const utf16 = inUtf16();
    let text: ReturnType<typeof reading> | undefined;
    for await (const piece of pieces) {
      const decoded = utf16.decode(piece);
      if (decoded !== undefined) text ??= reading(path);
      yield* notOfText(bytes.push(piece), text !== undefined);
      if (decoded !== undefined && text !== undefined) yield* text.push(decoded);
    }
    yield* notOfText(bytes.end(), text !== undefined);
    if (text !== undefined) yield* text.end();
  }
  return { leftOut, scan };
};
