/** What every benchmark does with its figures: the middle of them, and a table that Markdown shows too. */
export const quantile = (times: readonly number[], share: number): number =>
  [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;

export const median = (times: readonly number[]): number => quantile(times, 0.5);

export const timed = async (run: () => unknown): Promise<number> => {
  const began = performance.now();
  await run();
  return performance.now() - began;
};

/**
 * The median time of each, one after the other in every round, so that what else the machine does slows all of them alike.
 * Rounds end after so many, or after the time, which never makes them fewer than nine; what comes
 * before each is not counted.
 */
export const inTurn = async <S>(
  subjects: readonly S[],
  run: (subject: S) => unknown,
  {
    rounds,
    ms = Number.POSITIVE_INFINITY,
    warmUps = 0,
    before = () => undefined,
  }: { rounds: number; ms?: number; warmUps?: number; before?: (subject: S) => unknown },
): Promise<number[]> => {
  const found = subjects.map((): number[] => []);
  for (let i = 0; i < warmUps; i++) for (const subject of subjects) await run(subject);
  const end = performance.now() + ms;
  for (let i = 0; i < rounds && (i < 9 || performance.now() < end); i++) {
    for (const [at, subject] of subjects.entries()) {
      await before(subject);
      found[at]?.push(await timed(() => run(subject)));
    }
  }
  return found.map(median);
};

const lineOf = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |\n`;

/** Printed row by row as they are found: the head now, each row when it is given. */
export const startTable = (head: readonly string[]): ((cells: readonly (string | number)[]) => void) => {
  process.stdout.write(lineOf(head) + lineOf(head.map((_, i) => (i === 0 ? '-' : '-:'))));
  return (cells) => void process.stdout.write(lineOf(cells));
};

/** What a figure must reach, and whether it did. */
export const atMost = (found: number, most: number): string => `${found <= most ? 'yes' : 'NO'}, at most ${most}`;
export const atLeast = (found: number, least: number): string => `${found >= least ? 'yes' : 'NO'}, at least ${least}`;

export const whole = (count: number): string => Math.round(count).toLocaleString('en');
