import type { Io } from '../io.ts';
import type { Globals } from './command.ts';

/** A line on stderr that is drawn over as it goes on, and gone at the end; nothing where stderr is no terminal. */
export const progressOn = (io: Io, { quiet }: Pick<Globals, 'quiet'>) => {
  let drawn = '';
  const draw = (line: string): void => {
    if (line === drawn || !io.stderr.isTTY || quiet) return;
    drawn = line;
    try {
      io.stderr.write(`\r\u001b[K${line}`);
    } catch {
      // That nobody can see it is no reason to fail.
    }
  };
  return {
    /** `what` is being done, such as "checking". */
    step:
      (what: string) =>
      (done: number, total: number): void =>
        draw(total === 0 ? what : `${what}: ${Math.min(100, Math.floor((done / total) * 100))} %`),
    end: (): void => draw(''),
  };
};
