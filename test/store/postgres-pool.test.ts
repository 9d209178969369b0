import { describe, expect, test } from 'vitest';
import { makePool, type PoolOptions } from '../../src/store/postgres-pool.ts';

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const makeNumbers = (options: Partial<PoolOptions<number>> = {}) => {
  const closed: number[] = [];
  let count = 0;
  const pool = makePool<number>({
    most: 2,
    waitMs: 5_000,
    idleMs: 5_000,
    open: async () => ++count,
    close: async (one) => void closed.push(one),
    ...options,
  });
  return { pool, closed };
};

describe('what is costly to open', () => {
  test('is used again, the last one first', async () => {
    const { pool, closed } = makeNumbers();
    const [a, b] = [await pool.take(), await pool.take()];
    pool.give(a, true);
    pool.give(b, true);
    expect([await pool.take(), await pool.take()]).toEqual([2, 1]);
    expect(closed).toEqual([]);
  });

  test('is waited for in turn where all are in use', async () => {
    const { pool } = makeNumbers({ most: 1 });
    const first = await pool.take();
    const turns: string[] = [];
    const waiting = ['a', 'b'].map(async (name) => {
      const one = await pool.take();
      turns.push(`${name}${one}`);
      pool.give(one, name === 'b');
    });
    await pause(5);
    expect(turns).toEqual([]);
    pool.give(first, true);
    await Promise.all(waiting);
    // The first of them did not keep it.
    expect(turns).toEqual(['a1', 'b2']);
  });

  test('is not waited for for ever', async () => {
    const { pool } = makeNumbers({ most: 1, waitMs: 10 });
    const one = await pool.take();
    await expect(pool.take()).rejects.toMatchObject({
      code: 'service_unavailable',
      details: { reason: 'database_busy' },
    });
    pool.give(one, true);
    expect(await pool.take()).toBe(one);
  });

  test('makes room where it can not be opened', async () => {
    let tries = 0;
    const open = async (): Promise<number> => {
      await pause(5);
      if (++tries < 3) throw new Error(`no ${tries}`);
      return tries;
    };
    const { pool } = makeNumbers({ most: 1, open });
    const all = await Promise.allSettled([pool.take(), pool.take(), pool.take()]);
    expect(all.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.message))).toEqual([
      'no 1',
      'no 2',
      3,
    ]);
  });

  test('is closed when nobody used it for long, when it is meant, and at the end', async () => {
    const { pool, closed } = makeNumbers({ most: 4, idleMs: 20 });
    const [a, b, c, d] = [await pool.take(), await pool.take(), await pool.take(), await pool.take()];
    pool.give(a, true);
    await pause(60);
    expect(closed).toEqual([1]);
    pool.give(b, true);
    pool.give(c, true);
    pool.drop((one) => one === 2);
    expect(closed).toEqual([1, 2]);
    await pool.end();
    expect(closed).toEqual([1, 2, 3]);
    pool.give(d, true);
    expect(closed).toEqual([1, 2, 3, 4]);
  });
});
