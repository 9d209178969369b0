import { MobiusError } from '../errors.ts';

export interface PoolOptions<T> {
  /** How many there are at once; who comes when all are in use waits for a turn, but not for ever. */
  most: number;
  waitMs: number;
  /** What nobody has used for so long is closed. */
  idleMs: number;
  open: () => Promise<T>;
  close: (one: T) => Promise<void>;
}

export interface Pool<T> {
  take(): Promise<T>;
  /** Back again; one that is not kept is closed, and makes room for another. */
  give(one: T, keep: boolean): void;
  /** Closes those that nobody uses now and that are meant. */
  drop(meant: (one: T) => boolean): void;
  /** Closes those that nobody uses; what is in use is closed when it is given back. */
  end(): Promise<void>;
}

interface Waiter<T> {
  resolve: (one: T) => void;
  reject: (error: unknown) => void;
  timer: NodeJS.Timeout;
}

interface Idle<T> {
  one: T;
  timer: NodeJS.Timeout;
}

const tooBusy = (): MobiusError =>
  new MobiusError('service_unavailable', 'the database is too busy', { reason: 'database_busy' });

/**
 * Keeps what is costly to open. The pool of `pg` knows one host, hands out what lies idle without a way to call it
 * back, and counts the wait for a turn as a server that does not answer.
 */
export const makePool = <T>({ most, waitMs, idleMs, open, close }: PoolOptions<T>): Pool<T> => {
  const idle: Idle<T>[] = [];
  const waiting: Waiter<T>[] = [];
  const closing = new Set<Promise<void>>();
  let count = 0;
  let ended = false;

  const shut = (one: T): void => {
    const done = close(one)
      .catch(() => undefined)
      .finally(() => closing.delete(done));
    closing.add(done);
  };

  const openOne = async (): Promise<T> => {
    count++;
    try {
      return await open();
    } catch (error) {
      leave();
      throw error;
    }
  };

  const nextWaiter = (): Waiter<T> | undefined => {
    const waiter = waiting.shift();
    clearTimeout(waiter?.timer);
    return waiter;
  };

  /** One is gone for good: whoever waited longest gets a new one. */
  const leave = (): void => {
    count--;
    const waiter = nextWaiter();
    if (waiter !== undefined) openOne().then(waiter.resolve, waiter.reject);
  };

  const rest = (one: T): void => {
    const timer = setTimeout(() => drop((other) => other === one), idleMs);
    idle.push({ one, timer });
  };

  const drop = (meant: (one: T) => boolean): void => {
    for (const found of idle.filter(({ one }) => meant(one))) {
      idle.splice(idle.indexOf(found), 1);
      clearTimeout(found.timer);
      shut(found.one);
      leave();
    }
  };

  return {
    async take() {
      // The one that was used last, so that what a quiet hour does not need is closed.
      const found = idle.pop();
      if (found !== undefined) {
        clearTimeout(found.timer);
        return found.one;
      }
      if (count < most) return openOne();
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(waiter), 1);
          reject(tooBusy());
        }, waitMs);
        const waiter = { resolve, reject, timer };
        waiting.push(waiter);
      });
    },

    give(one, keep) {
      if (!keep || ended) {
        shut(one);
        leave();
        return;
      }
      const waiter = nextWaiter();
      if (waiter === undefined) rest(one);
      else waiter.resolve(one);
    },

    drop,

    async end() {
      ended = true;
      drop(() => true);
      await Promise.all(closing);
    },
  };
};
