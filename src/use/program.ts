import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';

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

const namesOf = ({ platform }: Io, typed: string): string[] =>
  platform === 'win32' && !/\.\w+$/.test(typed) ? [`${typed}.exe`, `${typed}.com`] : [typed];

/** Where a shell without PATH looks too. */
const fallback = '/usr/bin:/bin';

const pathOf = ({ env, platform }: Io): string => {
  const name = platform === 'win32' ? Object.keys(env).find((one) => one.toUpperCase() === 'PATH') : 'PATH';
  return env[name ?? 'PATH'] ?? fallback;
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
  const isPath = typed.includes('/') || (io.platform === 'win32' && typed.includes('\\'));
  const folders = isPath ? [''] : pathOf(io).split(delimiter);
  const paths = namesOf(io, typed).flatMap((name) => folders.map((folder) => resolve(io.cwd, join(folder, name))));
  const findings = typed === '' ? [] : paths.map((path): [string, Finding] => [path, look(path)]);
  const [path] = findings.find(([, finding]) => finding === 'here') ?? [];
  if (path !== undefined) return path;
  const [denied] = findings.find(([, finding]) => finding === 'denied') ?? [];
  if (denied === undefined) throw notFound(typed);
  const isFolder = statSync(denied, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder && !isPath) throw notFound(typed);
  throw notExecutable(typed, isFolder ? 'it is a folder' : 'permission denied');
};

/** Of a file that is there and all the same didn't start. */
export const startFailure = (typed: string, error: unknown): MobiusError => {
  const { code, errno = 0, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return notExecutable(typed, 'what its first line names is not there');
  return notExecutable(typed, getSystemErrorMap().get(errno)?.[1] ?? message);
};
