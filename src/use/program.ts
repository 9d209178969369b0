import { accessSync, constants, statSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import { namesFolder, programFiles, programStart, type Start } from '../platform.ts';

type Finding = 'here' | 'denied' | 'absent';

const look = (path: string): Finding => {
  try {
    if (!statSync(path).isFile()) return 'denied';
    accessSync(path, constants.X_OK);
    return 'here';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'denied' : 'absent';
  }
};

const notFound = (typed: string): MobiusError =>
  new MobiusError(
    'command_not_found',
    `there is no command "${typed}"`,
    {},
    /\s/.test(typed) ? "a line for a shell needs one: mobius run -- sh -c '...'" : undefined,
  );

export const notExecutable = (typed: string, reason: string): MobiusError =>
  new MobiusError('command_not_executable', `"${typed}" can't be executed: ${reason}`);

/** The file that a command means, in the PATH of mobius itself: what the program gets may be another one, or none. */
export const findProgram = (io: Io, typed: string): string => {
  const paths = typed === '' ? [] : programFiles(io, io.cwd, typed);
  const findings = paths.map((path): [string, Finding] => [path, look(path)]);
  const [path] = findings.find(([, finding]) => finding === 'here') ?? [];
  if (path !== undefined) return path;
  const [denied] = findings.find(([, finding]) => finding === 'denied') ?? [];
  if (denied === undefined) throw notFound(typed);
  const isFolder = statSync(denied, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder && !namesFolder(io.platform, typed)) throw notFound(typed);
  throw notExecutable(typed, isFolder ? 'it is a folder' : 'permission denied');
};

/** How the program that was found is started. */
export const startOf = (
  io: Io,
  { path, typed, args }: { path: string; typed: string; args: readonly string[] },
): Start => {
  const start = programStart(io, path, args);
  if (!('unfit' in start)) return start;
  const which = start.unfit === 0 ? 'its own path' : `its argument ${start.unfit}`;
  const message = `"${typed}" is a batch file, which could read ${which} as more than a word`;
  const hint = 'give it letters, digits, spaces and , . : ; = @ / \\ + _ - alone, or run the program that it starts';
  throw new MobiusError('invalid_input', message, {}, hint);
};

/** Of a file that is there and all the same didn't start. */
export const startFailure = (typed: string, error: unknown): MobiusError => {
  const { code, errno = 0, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return notExecutable(typed, 'what its first line names is not there');
  return notExecutable(typed, getSystemErrorMap().get(errno)?.[1] ?? message);
};
