import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { stringify } from 'smol-toml';
import { replaceFile } from '../cli/credentials.ts';
import { reasonOf } from '../cli/files.ts';
import { withLock } from '../cli/lock.ts';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import { type About, deliveriesPath, type Entry, entriesIn, isAbout, readDeliveriesText } from './deliveries.ts';

const tableOf = ({ subject, project, target, deliver, ...others }: Entry): string =>
  `[[delivery]]\n${stringify({ subject, project, target, ...(deliver.length === 0 ? {} : { deliver }), ...others }).trim()}\n`;

const isHead = (line: string): boolean => /^\s*\[\[\s*delivery\s*\]\]/.test(line);

const same = (one: readonly Entry[], other: readonly Entry[]): boolean =>
  JSON.stringify(one.map((entry) => Object.entries(entry).sort())) ===
  JSON.stringify(other.map((entry) => Object.entries(entry).sort()));

/** With another table, or none, in the place of this one; what a person wrote above it and in the others stays. */
const exchanged = (text: string, at: number, table: string): string => {
  const lines = text.split('\n');
  const heads = lines.flatMap((line, number) => (isHead(line) ? [number] : []));
  const [from = lines.length, end = lines.length] = [heads[at], heads[at + 1]];
  let to = end;
  // The comment right above the next table is about that one.
  while (to > from + 1 && end < lines.length && /^\s*(#.*)?$/.test(lines[to - 1] ?? '')) to--;
  const [above, below] = [lines.slice(0, from), lines.slice(to)].map((part) => part.join('\n').trim());
  return `${[above, table].filter(Boolean).join('\n')}\n${below}`;
};

/** The file with an entry in the place of what stood under its name, or with none there. */
export const changedText = (text: string, path: string, about: About, entry: Entry | undefined): string => {
  const before = entriesIn(text, path);
  const found = before.findIndex((one) => isAbout(one, about));
  const at = found === -1 ? before.length : found;
  const wanted = [...before.slice(0, at), ...(entry === undefined ? [] : [entry]), ...before.slice(at + 1)];
  const table = entry === undefined ? '' : tableOf(entry);
  const next = `${(found === -1 ? `${text.trim()}\n\n${table}` : exchanged(text, at, table)).trim()}\n`;
  try {
    if (same(entriesIn(next, path), wanted)) return next;
  } catch {}
  // Written in a way that can't be cut: what it says is kept, how it was said is not.
  const plain = wanted.map(tableOf).join('\n');
  // What a server calls it may be no name: the file must be one that can be read again.
  entriesIn(plain, path);
  return plain;
};

/** Changes the file while nobody else does. True where there was something to change. */
export const changeDeliveries = async (io: Io, about: About, entry: Entry | undefined): Promise<boolean> => {
  const path = deliveriesPath(io);
  if (entry === undefined && !entriesIn(readDeliveriesText(io), path).some((one) => isAbout(one, about))) return false;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new MobiusError('internal', `could not make "${dirname(path)}": ${reasonOf(error)}`);
  }
  return withLock(io, `${path}.lock`, async () => {
    const before = readDeliveriesText(io);
    const next = changedText(before, path, about, entry);
    if (next !== before) replaceFile(io, path, next);
    return next !== before;
  });
};
