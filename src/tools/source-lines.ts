import { decode, encode, type SourceMapSegment } from '@jridgewell/sourcemap-codec';

/** Maps of the built program, from the files that are read back to lines of the sources: what a trace is told with. */

/** A text that another was made of, and from which line of which source each of its places is. */
export interface Origin {
  text: string;
  /** As the bundler gives it. */
  map: { sources: readonly string[]; mappings: string };
}

/** A piece of an origin, and where it stands in the text that was made. */
export interface Piece {
  at: number;
  origin: Origin;
  from: number;
  length: number;
}

interface Line {
  source: string;
  line: number;
}

const lastUpTo = <T>(sorted: readonly T[], most: number, placeOf: (one: T) => number): number => {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (placeOf(sorted[middle] as T) <= most) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};

/** From the folder of the project, from wherever it was built. */
const nameOf = (source = ''): string => source.replace(/^(\.\.\/)+/, '');

/** Tells of a place in an origin from which line it is. */
const linesOf = ({ text, map }: Origin): ((at: number) => Line | undefined) => {
  const starts = startsOf(text);
  const rows = decode(map.mappings);
  return (at) => {
    const row = lastUpTo(starts, at, (start) => start);
    const segments = rows[row] ?? [];
    const column = at - (starts[row] ?? 0);
    const [, source, line] = segments[lastUpTo(segments, column, ([one]) => one)] ?? [];
    return source === undefined || line === undefined ? undefined : { source: nameOf(map.sources[source]), line };
  };
};

const startsOf = (text: string): number[] => {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
};

/**
 * The map of a program that was made shorter: `shortened` leads from there to the text of these pieces, behind its head. It
 * tells lines alone, a tenth of what columns would take.
 */
export const mapLines = (head: string, text: string, pieces: readonly Piece[], shortened: string): string => {
  const starts = startsOf(head + text);
  const found = new Map(pieces.map(({ origin }) => [origin, linesOf(origin)]));
  const lineAt = (at: number): Line | undefined => {
    const piece = pieces[lastUpTo(pieces, at, (one) => one.at)];
    if (piece === undefined || at >= piece.at + piece.length) return undefined;
    return found.get(piece.origin)?.(piece.from + at - piece.at);
  };
  const sources: string[] = [];
  const placeOf = (source: string): number => {
    const at = sources.indexOf(source);
    return at === -1 ? sources.push(source) - 1 : at;
  };
  const rows = decode(shortened).map((segments) => {
    const row: SourceMapSegment[] = [];
    for (const [column, , line = 0, at = 0] of segments) {
      const told = lineAt((starts[line] ?? 0) + at - head.length);
      const segment: SourceMapSegment = told === undefined ? [column] : [column, placeOf(told.source), told.line, 0];
      if (row.length === 0 || String(segment.slice(1)) !== String(row.at(-1)?.slice(1))) row.push(segment);
    }
    return row;
  });
  return JSON.stringify({ version: 3, sources, names: [], mappings: encode(rows) });
};
