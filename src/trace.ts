import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.filename);

/** A line of a trace: its indent, a file of the program, its line and its column. */
const frame = /^( +at )(?:.* \()?(.+\.cjs):(\d+):(\d+)\)?$/;

/** Where an error comes from. The names in the built program are short ones: its maps tell the lines of the sources. */
export const traceOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const { SourceMap } = require('node:module') as typeof import('node:module');
  const maps = new Map<string, InstanceType<typeof SourceMap> | undefined>();
  const mapOf = (path: string): InstanceType<typeof SourceMap> | undefined => {
    const file = `${path}.map`;
    if (!maps.has(file)) {
      maps.set(file, existsSync(file) ? new SourceMap(JSON.parse(readFileSync(file, 'utf8'))) : undefined);
    }
    return maps.get(file);
  };
  const told = (line: string): string => {
    const [, at = '', path = '', row, column] = frame.exec(line) ?? [];
    if (path === '') return line;
    const found = mapOf(path)?.findEntry(Number(row) - 1, Number(column) - 1);
    return found !== undefined && 'originalSource' in found
      ? `${at}${found.originalSource}:${found.originalLine + 1}`
      : line;
  };
  return (error.stack ?? error.message).split('\n').map(told).join('\n');
};
