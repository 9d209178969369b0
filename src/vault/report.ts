import { MobiusError } from '../errors.ts';

/** One thing that is wrong: where, what, and what can be done about it. */
export interface Problem {
  table: string;
  /** Absent where it is no single row. */
  id?: string;
  problem: string;
  mend: string;
}

export interface Report {
  ok: boolean;
  /** Rows that were looked at, by table. */
  checked: Readonly<Record<string, number>>;
  problems: readonly Problem[];
  /** What is no fault, but worth knowing. */
  remarks: readonly string[];
}

export interface Findings {
  problem(problem: Problem): void;
  remark(text: string): void;
  count(table: string, rows: number): void;
  /** So far. */
  report(): Report;
}

/** A file that is broken everywhere must not fill the memory, nor the terminal. */
const most = 1_000;

export const makeFindings = (): Findings => {
  const checked: Record<string, number> = {};
  const problems: Problem[] = [];
  const remarks: string[] = [];
  let unlisted = 0;
  return {
    problem(problem) {
      if (problems.length < most) problems.push(problem);
      else unlisted += 1;
    },
    remark: (text) => void remarks.push(text),
    count(table, rows) {
      checked[table] = (checked[table] ?? 0) + rows;
    },
    report: () => ({
      ok: problems.length === 0,
      checked: { ...checked },
      problems: [...problems],
      remarks: unlisted === 0 ? [...remarks] : [...remarks, `${unlisted} more problems are not listed`],
    }),
  };
};

const passedOn = ['locked', 'unsupported', 'service_unavailable', 'not_initialised'];

/** What an error says of the file. One that says nothing of it, such as a lock that was not had, is thrown again. */
export const wordsOf = (error: unknown): string => {
  if (error instanceof MobiusError && passedOn.includes(error.code)) throw error;
  return error instanceof Error ? error.message : String(error);
};
