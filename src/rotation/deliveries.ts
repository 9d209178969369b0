import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { parse } from 'smol-toml';
import { reasonOf } from '../cli/files.ts';
import { configFolder } from '../cli/places.ts';
import { MobiusError } from '../errors.ts';
import { formats } from '../formats.ts';
import type { Io } from '../io.ts';
import { modesTell } from '../platform.ts';
import { waitOf } from './flags.ts';
import { isSameTarget } from './target.ts';

/**
 * How this machine delivers what it rotates. It stands in a file of whoever rotates and nowhere else, so that nobody who
 * can write to a server or a vault runs commands on somebody's machine.
 */
export interface Entry {
  /** `api-keys/NAME` or `secrets/NAME`. */
  subject: string;
  project: string;
  /** The server or vault that it is for: another one with a thing of the same name gets nothing of it. */
  target: string;
  /** Each is `file:PATH` or `exec:COMMAND`; files come first. Of a secret it is one command, or none. */
  deliver: readonly string[];
  verify?: string;
  /** As it was written, such as 10m. */
  wait_for_use?: string;
  /** Of a secret: what is made at random, each `KEY`, `KEY:LENGTH` or `KEY:LENGTH:ALPHABET`. */
  generate?: readonly string[];
  /** Of a secret: a command that writes the new values, where they are not made at random. */
  exec?: string;
}

export type Way = { kind: 'file'; path: string } | { kind: 'exec'; line: string };

/** What an entry is found by. */
export type About = Pick<Entry, 'subject' | 'project' | 'target'>;

export const deliveriesPath = (io: Io): string => join(configFolder(io), 'rotations.toml');

const usage = (message: string, hint?: string): MobiusError => new MobiusError('usage', message, {}, hint);

/** A run of cron works in a folder of its own choice, so a file is named from the root. */
export const wayOf = (text: string, said: string): Way => {
  const [, kind, rest = ''] = /^(file|exec):(.+)$/s.exec(text) ?? [];
  if (kind === undefined) throw usage(`${said} must be file:PATH or exec:COMMAND, not "${text}"`);
  if (kind === 'exec') return { kind, line: rest };
  if (!isAbsolute(rest)) throw usage(`${said} must name its file from the root, not "${rest}"`);
  return { kind: 'file', path: rest };
};

/** Whoever else could change it could run commands as its owner. */
const refuseUnsafe = (io: Io, path: string, of: { uid: number; mode: number }, what: 'file' | 'folder'): void => {
  if (!modesTell(io.platform)) return;
  const isFolder = what === 'folder';
  if (of.uid !== io.uid && !(isFolder && of.uid === 0)) {
    throw usage(
      `"${path}" belongs to another user, who could run commands by it`,
      `make one of your own: mobius rotations set --help`,
    );
  }
  const open = isFolder ? (of.mode & 0o1000) === 0 && (of.mode & 0o022) !== 0 : (of.mode & 0o077) !== 0;
  if (!open) return;
  throw usage(
    isFolder
      ? `others could put another "rotations.toml" into "${path}"`
      : `"${path}" can be read or changed by others`,
    `make it yours alone: chmod ${isFolder ? 700 : 600} ${path}`,
  );
};

const broken = (path: string, why: string): MobiusError => usage(`"${path}" ${why}`, 'mend it by hand');

/** What is looked at is what is read: nothing else can be put in its place in between. */
const textIn = (io: Io, path: string): string => {
  const target = realpathSync(path);
  for (const folder of new Set([dirname(path), dirname(target)])) refuseUnsafe(io, folder, statSync(folder), 'folder');
  // A named pipe would be waited for without an end.
  const handle = openSync(target, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const found = fstatSync(handle);
    if (!found.isFile()) throw usage(`"${path}" is no ordinary file`);
    refuseUnsafe(io, path, found, 'file');
    return readFileSync(handle, 'utf8');
  } finally {
    closeSync(handle);
  }
};

const texts = ['subject', 'project', 'target', 'verify', 'wait_for_use', 'exec'] as const;
const lists = ['deliver', 'generate'] as const;

/** Why the parts of an entry don't go together; undefined where they do. */
export const whyUnfit = ({ subject, deliver, generate, exec, wait_for_use: wait }: Entry): string | undefined => {
  if (new Set(deliver).size < deliver.length) return 'it is delivered to one place twice';
  if (!subject.startsWith('secrets/')) {
    if (generate !== undefined || exec !== undefined) return 'generate and exec make the values of secrets, not keys';
    return deliver.length === 0 ? 'nothing says where the new key is delivered to' : undefined;
  }
  if (wait !== undefined) return 'nobody sees a secret in use, so there is nothing to wait for';
  if ((generate === undefined) === (exec === undefined)) return 'either generate or exec makes the values of a secret';
  if (deliver.length > 1 || deliver.some((way) => !way.startsWith('exec:'))) {
    return 'a secret is put into force by one exec:COMMAND, or by nothing';
  }
  return undefined;
};

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length > 0 && value.every((text) => typeof text === 'string' && text !== '');

/** One table as an entry; everything in it is known, and of the right kind. */
const entryFrom = (table: object, path: string, at: number): Entry => {
  const fail = (why: string): MobiusError => broken(path, `is wrong in delivery ${at}: ${why}`);
  const found: Record<string, unknown> = { project: 'default', deliver: [] };
  for (const [name, value] of Object.entries(table)) {
    if (texts.some((known) => known === name)) {
      if (typeof value !== 'string' || value === '') throw fail(`"${name}" must be a text`);
    } else if (lists.some((known) => known === name)) {
      if (!isTexts(value)) throw fail(`"${name}" must be a list of texts`);
    } else throw fail(`there is no "${name}" in a delivery`);
    found[name] = value;
  }
  for (const name of ['subject', 'target']) {
    if (found[name] === undefined) throw fail(`"${name}" is missing`);
  }
  const entry = found as unknown as Entry;
  if (formats['rotation-subject']?.(entry.subject) !== undefined) {
    throw fail('"subject" must be api-keys/NAME or secrets/NAME');
  }
  const unfit = whyUnfit(entry);
  if (unfit !== undefined) throw fail(unfit);
  try {
    for (const text of entry.deliver) wayOf(text, '"deliver"');
    if (entry.wait_for_use !== undefined) waitOf(entry.wait_for_use, '"wait_for_use"');
  } catch (error) {
    throw fail((error as Error).message);
  }
  return entry;
};

const parsed = (text: string, path: string): Record<string, unknown> => {
  try {
    return parse(text);
  } catch (error) {
    // The parser's own message quotes the line, which may be a command with something secret in it.
    const { line } = error as { line?: number };
    throw broken(path, `is not valid TOML${line === undefined ? '' : `, see line ${line}`}`);
  }
};

/** The entries of a text, in its order. Two for one thing would be a question of which counts. */
export const entriesIn = (text: string, path: string): readonly Entry[] => {
  const { delivery = [], ...others } = parsed(text, path);
  const [other] = Object.keys(others);
  if (other !== undefined) throw broken(path, `holds [[delivery]] and nothing else, not "${other}"`);
  if (!Array.isArray(delivery)) throw broken(path, 'must say [[delivery]], in two brackets each');
  const entries = delivery.map((table: object, at) => entryFrom(table, path, at + 1));
  for (const [at, entry] of entries.entries()) {
    const before = entries.findIndex((one) => isAbout(one, entry));
    if (before < at) throw broken(path, `has "${entry.subject}" twice: in delivery ${before + 1} and ${at + 1}`);
  }
  return entries;
};

/** The whole text; empty where there is no file. */
export const readDeliveriesText = (io: Io): string => {
  const path = deliveriesPath(io);
  if (!existsSync(path)) return '';
  try {
    return textIn(io, path);
  } catch (error) {
    throw error instanceof MobiusError ? error : usage(`could not read "${path}": ${reasonOf(error)}`);
  }
};

export const readDeliveries = (io: Io): readonly Entry[] => entriesIn(readDeliveriesText(io), deliveriesPath(io));

/** Whether anything is said of it; what can't be read may say it. */
export const isDelivered = (io: Io, about: About): boolean => {
  try {
    return readDeliveries(io).some((entry) => isAbout(entry, about));
  } catch {
    return true;
  }
};

export const isAbout = (entry: About, { subject, project, target }: About): boolean =>
  entry.subject === subject && entry.project === project && isSameTarget(entry.target, target);
