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

/** Without the table that stands at this place; what a person wrote above it and in the others stays. */
const cut = (text: string, at: number): string => {
  const lines = text.split('\n');
  const heads = lines.flatMap((line, number) => (isHead(line) ? [number] : []));
  const [from = lines.length, end = lines.length] = [heads[at], heads[at + 1]];
  let to = end;
  // The comment right above the next table is about that one.
  while (to > from + 1 && end < lines.length && /^\s*(#.*)?$/.test(lines[to - 1] ?? '')) to--;
  return [...lines.slice(0, from), ...lines.slice(to)].join('\n');
};

/** The file with an entry in the place of what stood under its name, or with none there. */
export const changedText = (text: string, path: string, about: About, entry: Entry | undefined): string => {
  const before = entriesIn(text, path);
  const at = before.findIndex((one) => isAbout(one, about));
  const wanted = [...before.filter((_, place) => place !== at), ...(entry === undefined ? [] : [entry])];
  const rest = (at === -1 ? text : cut(text, at)).trim();
  const next = [...(rest === '' ? [] : [`${rest}\n`]), ...(entry === undefined ? [] : [tableOf(entry)])].join('\n');
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
