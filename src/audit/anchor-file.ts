import { closeSync, constants, existsSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { reasonOf } from '../cli/files.ts';
import type { AnchorKeep } from '../core/journal.ts';
import { MobiusError } from '../errors.ts';
import type { AuditAnchor } from '../generated/types.ts';
import type { Anchoring } from '../vault/open.ts';

/** As much of the end of the file as surely holds the last anchor of this vault, where several vaults share it. */
const tailBytes = 65_536;

const failure = (path: string, why: string): MobiusError =>
  new MobiusError('internal', `no anchor can be kept in "${path}": ${why}`);

/** Runs `work` over the open file. Neither a pipe that nobody reads nor a folder holds a vault up. */
const withFile = <T>(path: string, flags: number, work: (handle: number) => T): T => {
  let handle: number | undefined;
  try {
    handle = openSync(path, flags | (constants.O_NONBLOCK ?? 0), 0o600);
    if (!fstatSync(handle).isFile()) throw failure(path, 'it is no ordinary file');
    return work(handle);
  } catch (error) {
    throw error instanceof MobiusError ? error : failure(path, reasonOf(error));
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
};

const isAnchor = (value: unknown): value is AuditAnchor => {
  if (typeof value !== 'object' || value === null) return false;
  const { vault_id, seq, hash, made_at, public_key, signature } = value as Record<string, unknown>;
  const texts = [vault_id, hash, made_at, public_key, signature];
  return texts.every((text) => typeof text === 'string') && Number.isSafeInteger(seq);
};

/** The anchor that a line holds; undefined for one that was torn, or is none. */
export const anchorIn = (line: string): AuditAnchor | undefined => {
  try {
    const value: unknown = JSON.parse(line);
    return isAnchor(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

const tailOf = (path: string): string => {
  if (!existsSync(path)) return '';
  return withFile(path, constants.O_RDONLY, (handle) => {
    const { size } = fstatSync(handle);
    const bytes = Buffer.alloc(Math.min(size, tailBytes));
    const length = readSync(handle, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8', 0, length);
  });
};

/** One line behind all others, on the disk when this returns. A line that was torn before stays one by itself. */
export const appendAnchor = (path: string, anchor: AuditAnchor): void => {
  const before = tailOf(path);
  const line = Buffer.from(`${before === '' || before.endsWith('\n') ? '' : '\n'}${JSON.stringify(anchor)}\n`);
  withFile(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, (handle) => {
    if (writeSync(handle, line) < line.length) throw failure(path, 'there is no space left');
    fsyncSync(handle);
  });
};

/** Where the anchors of one vault are kept. */
export const openAnchorFile = ({ path, every, required, tell }: Anchoring, vaultId: string): AnchorKeep => ({
  place: path,
  every,
  required,
  tell,
  *kept() {
    for (const line of tailOf(path).split('\n').reverse()) {
      const anchor = anchorIn(line);
      if (anchor?.vault_id === vaultId) yield anchor;
    }
  },
  keep: (anchor) => appendAnchor(path, anchor),
});
