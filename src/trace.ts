import { readFileSync } from 'node:fs';
import { createRequire, type SourceMap, type SourceMapping } from 'node:module';

const require = createRequire(import.meta.filename);

/** A line of a trace: its indent, a file of the program, its line and its column. */
const frame = /^( +at )(?:.* \()?(.+\.cjs):(\d+):(\d+)\)?$/;
/** What came from elsewhere may stand in a message, in any length. */
const longestFrame = 1000;

/** Read once: whoever asks again may be in greater need. */
const maps = new Map<string, SourceMap | undefined>();

const readMap = (path: string): SourceMap | undefined => {
  try {
    const { SourceMap } = require('node:module') as typeof import('node:module');
    return new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')));
  } catch {
    return undefined;
  }
};

const mapOf = (path: string): SourceMap | undefined => {
  if (!maps.has(path)) maps.set(path, readMap(path));
  return maps.get(path);
};

const told = (line: string): string => {
  const [, at = '', path = '', row, column] = (line.length <= longestFrame && frame.exec(line)) || [];
  const map = path === '' ? undefined : mapOf(path);
  const found: Partial<SourceMapping> = map?.findEntry(Number(row) - 1, Number(column) - 1) ?? {};
  const { originalSource, originalLine } = found;
  return originalSource === undefined || originalLine === undefined
    ? line
    : `${at}${originalSource}:${originalLine + 1}`;
};

/**
 * Where an error comes from. The names in the built program are short ones: its maps tell the lines of the sources. Never
 * fails, whatever was thrown and whatever is in the way.
 */
export const traceOf = (error: unknown): string => {
  const stack =
    error instanceof Error ? (error.stack ?? error.message) : typeof error === 'object' ? '' : String(error);
  return stack.split('\n').map(told).join('\n');
};
