import { MobiusError } from '../../errors.ts';
import type { Io } from '../../io.ts';
import type { Globals } from '../command.ts';

/** What was looked at, and how it is. */
export interface Finding {
  check: string;
  state: 'ok' | 'warning' | 'error';
  detail: string;
  /** What to type, or to do. */
  mend?: string;
  /** Of an error: what the command ends with where it is the first. */
  exit?: number;
}

/** What every check is given. Nobody is asked anything: `globals` say so. */
export interface Look {
  io: Io;
  globals: Globals;
}

export type Check = (look: Look) => Promise<readonly Finding[]>;

/** All is well, unless there is something to mend. */
export const found = (check: string, detail: string, mend?: string): Finding =>
  mend === undefined ? { check, state: 'ok', detail } : { check, state: 'warning', detail, mend };

/** An error in the words that the command would have told it in that it kept from its work. */
export const failed = (check: string, error: unknown): Finding => {
  if (!(error instanceof MobiusError)) {
    const mend = 'set MOBIUS_DEBUG=1, run the command that fails, and see where it comes from';
    return { check, state: 'error', detail: `internal error: ${(error as Error).message}`, mend, exit: 1 };
  }
  const { message, hint, kind } = error;
  return { check, state: 'error', detail: message, ...(hint === undefined ? {} : { mend: hint }), exit: kind.exit };
};

/** What is wrong with one thing keeps nobody from looking at the others. */
export const guarded = async (check: string, look: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> => {
  try {
    return await look();
  } catch (error) {
    return [failed(check, error)];
  }
};
