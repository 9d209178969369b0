import { hostname } from 'node:os';
import type { Io } from '../io.ts';

/** Who rotates, for whoever finds it held. */
export const holderOf = ({ signals }: Io): string => `process ${signals.pid} on ${hostname()}`;

/** Whether it was a process of this machine that has ended: nobody need wait for it. */
export const isGone = ({ signals }: Io, holder: string): boolean => {
  const [, pid, host] = /^process (\d+) on (.+)$/.exec(holder) ?? [];
  if (pid === undefined || host !== hostname()) return false;
  try {
    return Number(pid) === signals.pid || !signals.send(Number(pid), 0);
  } catch {
    // It is somebody else's, so it is there.
    return false;
  }
};
