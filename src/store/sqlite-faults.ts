import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import { type Code, MobiusError } from '../errors.ts';

export const codeOf = (error: unknown): string | undefined => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && !(error instanceof MobiusError) ? code : undefined;
};

/** LOCKED is another connection of this process, PROTOCOL is SQLite giving up in a crowd that opens and closes. */
export const isBusy = (error: unknown): boolean => /^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(codeOf(error) ?? '');

const faults: readonly [RegExp, Code, (file: string, words: string) => string][] = [
  [
    /^SQLITE_(BUSY|LOCKED|PROTOCOL)/,
    'service_unavailable',
    (file) => `the vault is busy: another process holds "${file}"`,
  ],
  [
    /^(SQLITE_FULL|SQLITE_IOERR_SHMSIZE|ENOSPC|EDQUOT)/,
    'internal',
    (file) => `the disk is full: nothing was written to "${file}"`,
  ],
  [/^SQLITE_(CORRUPT|NOTADB|FORMAT)/, 'damaged', (file, words) => `"${file}" is no sound database: ${words}`],
  [
    /^(SQLITE_(READONLY|CANTOPEN|PERM)|EACCES|EPERM|EROFS)/,
    'internal',
    (file, words) => `can't use "${file}": ${missingRight(file) ?? words}`,
  ],
  [/^(ENOENT|ENOTDIR)/, 'internal', (file) => `can't make "${file}": there is no folder "${dirname(file)}"`],
  [/^(SQLITE_|E[A-Z])/, 'internal', (file, words) => `the database "${file}" failed: ${words}`],
];

export const translate = (error: unknown, file: string): unknown => {
  const engine = codeOf(error);
  const fault = engine === undefined ? undefined : faults.find(([pattern]) => pattern.test(engine));
  if (fault === undefined || !(error instanceof Error)) return error;
  const [, code, sentence] = fault;
  return because(new MobiusError(code, sentence(file, error.message)), error);
};

export const because = (error: MobiusError, cause: unknown): MobiusError => {
  error.cause = cause;
  return error;
};

const missingRight = (file: string): string | undefined => {
  const needed: [string, number, string][] = [
    [dirname(file), constants.R_OK | constants.X_OK, 'open its folder'],
    [file, constants.R_OK, 'read it'],
    [file, constants.W_OK, 'write to it'],
    [dirname(file), constants.W_OK, 'write in its folder'],
  ];
  for (const [path, right, words] of needed) {
    try {
      accessSync(path, right);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EROFS') return 'the file system is read-only';
      if (code === 'EACCES' || code === 'EPERM') return `no right to ${words}`;
    }
  }
  return undefined;
};
