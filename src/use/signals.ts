import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Io } from '../io.ts';
import { hasProc, signalsOf } from '../platform.ts';

/** A terminal gives these to its whole foreground process group, so to the program too. */
const ofTerminals: readonly string[] = ['SIGINT', 'SIGQUIT', 'SIGTSTP', 'SIGWINCH'];

/** The process group, and the one that is in the foreground of its terminal: `-1` or `0` where there is none. */
const groupsOf = ({ platform, signals }: Io): (string | undefined)[] => {
  if (hasProc(platform)) {
    // The second field is the program's name, in which anything may stand.
    const [, , group, , , foreground] = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\)\s/s, '')
      .split(' ');
    return [group, foreground];
  }
  const { stdout } = spawnSync('ps', ['-o', 'pgid=,tpgid=', '-p', String(signals.pid)], { encoding: 'utf8' });
  return (stdout ?? '').trim().split(/\s+/);
};

const inForeground = (io: Io): boolean => {
  try {
    const [group, foreground] = groupsOf(io);
    return group !== undefined && group !== '' && group === foreground;
  } catch {
    return false;
  }
};

/** The system may tell of a program's end before it tells of the Ctrl-C that ended it, however close they are. */
const lateMs = 250;

export interface Passing {
  release(): void;
  /** Whether a Ctrl-C in the terminal reached mobius too, or does in a moment. */
  interrupted(): Promise<boolean>;
}

/**
 * Hands the signals that reach mobius on to a program, each once, and lets none of them end mobius, until the returned
 * `release` is called. A signal that somebody sends to mobius alone can't be told from the terminal's own: of those that a
 * terminal can give, one is not handed on while mobius is in its foreground.
 */
export const passSignals = (io: Io, send: (name: NodeJS.Signals) => void): Passing => {
  const { signals } = io;
  const { taken: names, handedOn } = signalsOf(io.platform);
  let interrupt: () => void;
  const interrupted = new Promise<boolean>((done) => {
    interrupt = () => done(true);
  });
  const released = new Map<NodeJS.Signals, () => void>();
  const take = (name: NodeJS.Signals): void => {
    released.set(
      name,
      signals.take(name, () => taken(name)),
    );
  };
  const taken = (name: NodeJS.Signals): void => {
    if (!handedOn) return;
    if (!ofTerminals.includes(name) || !inForeground(io)) send(name);
    else if (name === 'SIGINT') interrupt();
    if (name === 'SIGTSTP') stop();
  };
  /** As without us: the system stops us too, or, where no shell could ever wake us again, does not. */
  const stop = (): void => {
    released.get('SIGTSTP')?.();
    signals.raise('SIGTSTP');
    take('SIGTSTP');
  };
  for (const name of names) take(name);
  return {
    release: () => {
      for (const release of released.values()) release();
    },
    interrupted: () => Promise.race([interrupted, sleep(lateMs, false)]),
  };
};
