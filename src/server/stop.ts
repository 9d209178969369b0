import type { Io } from '../io.ts';

/** Calls `stop` at the first of these signals. The second one does what it always does, and ends the process at once. */
export const stopAt = ({ signals }: Pick<Io, 'signals'>, names: readonly NodeJS.Signals[], stop: () => void): void => {
  const takings = names.map((name) =>
    signals.take(name, () => {
      for (const letGo of takings) letGo();
      stop();
    }),
  );
};
