import type { Query } from './db.ts';
import { type Memory, NotRemembered } from './memory.ts';

type Body<T> = (tx: Query) => Promise<T>;

/**
 * Answers from what is remembered, and becomes a `read` where that doesn't do: what it knows by then still stands, or it
 * begins anew.
 */
export const glancing = async <T>(
  memory: Memory,
  read: (body: Body<void>) => Promise<void>,
  body: Body<T>,
): Promise<T> => {
  let end = (): void => undefined;
  let entered: Promise<Query> | undefined;
  let left: Promise<void> | undefined;

  const enter = (): Promise<Query> => {
    entered ??= new Promise((done, failed) => {
      const ended = new Promise<void>((leave) => {
        end = leave;
      });
      left = read(async (tx) => {
        if (tx.memory !== memory) throw new NotRemembered();
        done(tx);
        return ended;
      }).catch(failed);
    });
    return entered;
  };

  try {
    return await body({
      all: async (sql, params) => (await enter()).all(sql, params),
      get: async (sql, params) => (await enter()).get(sql, params),
      run: async (sql, params) => (await enter()).run(sql, params),
      memory,
      leave() {
        end();
        return left;
      },
    });
  } finally {
    end();
  }
};
