import { MobiusError } from '../errors.ts';
import type { Db, Query, Together } from './db.ts';
import { type disturbs, type Memory, NotRemembered, newMemory, withoutSecrets } from './memory.ts';
import { newAround } from './nested.ts';
import type { Connection } from './sqlite-binding.ts';
import { translate } from './sqlite-faults.ts';
import { glancing } from './sqlite-glance.ts';
import { type Go, queryThrough, type Statements, statementsOf } from './sqlite-statements.ts';

/**
 * Repeats what another process's lock stopped, until it is done or the limit has passed. What is attempted must leave
 * nothing behind when it fails: the beginning of a transaction, or one statement outside of any.
 */
export type Patiently = <T>(attempt: () => T) => Promise<T>;

export interface Transactions extends Db {
  /** Has the connection to itself, outside of a transaction. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  /** Within `exclusively`: what is read until `rollBack` is one state. */
  beginRead(): Promise<void>;
  rollBack(): void;
}

interface Transaction {
  open: boolean;
  /** The first statement that failed. As on PostgreSQL nothing is done after it, whatever the body makes of it. */
  failed?: unknown;
}

/** What waits for its turn. */
interface Waiting {
  body: (tx: Query) => Promise<unknown>;
  done: (result: unknown) => void;
  failed: (error: unknown) => void;
  /** The body is of this file, and makes no mistake that would have to be found out. */
  isOurs?: true;
}

/** One that was made or has failed, and waits for the disk. */
interface Made extends Pick<Waiting, 'failed'> {
  tell: () => void;
  /** What has to be made again where the transaction begins anew. Absent of one that has failed. */
  again?: Waiting;
  /** It has failed, and some of it stands. */
  isLeft?: true;
}

/** So many changes share one sync of the disk, as far as they wait already, and no more are made than fit into this time. */
const mostTogether = 256;
const longestMs = 4;

/**
 * What is remembered of the state that the connection sees. A change of another connection shows in a number that SQLite
 * keeps, one of our own in the statement that makes it.
 */
const openMemory = (connection: Connection) => {
  let memory = withoutSecrets(newMemory());
  let version: unknown;
  let isSeen = false;
  /** Since when nothing is committed: something was changed, or even what is remembered. */
  let changing: 'nothing' | 'something' | 'memory' = 'nothing';

  /** Whoever asks before anything else can have arrived gets the same answer. */
  const look = (): void => {
    if (isSeen) return;
    const current = connection.version();
    isSeen = true;
    // `queueMicrotask` would make a thing of its own of it.
    void Promise.resolve().then(() => {
      isSeen = false;
    });
    if (current === version) return;
    version = current;
    memory = withoutSecrets(newMemory());
  };

  return {
    changes(disturbed: ReturnType<typeof disturbs>): void {
      if (disturbed !== undefined) {
        memory = withoutSecrets(disturbed === 'secrets' ? memory : newMemory());
        changing = 'memory';
      } else if (changing === 'nothing') changing = 'something';
    },
    /** What was changed is committed, or undone. */
    settle: () => {
      changing = 'nothing';
    },
    hasAny: () => !memory.isEmpty(),
    /** Outside of any transaction; undefined where there is nothing in it that may be used. */
    now(): Memory | undefined {
      if (memory.isEmpty()) return undefined;
      look();
      return changing === 'memory' ? undefined : memory;
    },
    /** For a transaction that has read nothing yet: it takes the state that the rest of it sees. */
    forRead(): Memory | undefined {
      isSeen = false;
      look();
      return memory;
    },
    /** For those that change something: what nobody may ever see is not remembered. */
    forWrite(): Memory {
      isSeen = false;
      look();
      return {
        get: (name) => (changing === 'memory' ? undefined : memory.get(name)),
        set: (name, made) => {
          if (changing === 'nothing') memory.set(name, made);
        },
      };
    },
  };
};

export const transactionsOver = (connection: Connection, file: string, patiently: Patiently): Transactions => {
  const remembered = openMemory(connection);
  /** Since the body at hand began. */
  let isChanged = false;
  const statements = statementsOf(connection, (disturbed) => {
    isChanged = true;
    remembered.changes(disturbed);
  });
  const around = newAround<Transaction>();
  const waiting: Waiting[] = [];
  const readers: Waiting[] = [];
  let isGathering = false;
  let last: Promise<unknown> = Promise.resolve();
  let closed: Promise<void> | undefined;

  const inTurn = <T>(job: () => Promise<T>): Promise<T> => {
    const turn = last.then(job);
    last = turn.catch(() => undefined);
    return turn;
  };

  /** What waits for its turn inside the transaction that has the turn would wait for ever. */
  const refuseInside = (): void => {
    if (around.getStore()?.open === true) {
      throw new MobiusError('internal', 'inside a transaction only the handle that its body was given can be used');
    }
  };

  const admit = (): void => {
    refuseInside();
    if (closed !== undefined) throw new MobiusError('internal', `"${file}" was closed`);
  };

  const rollBack = (): void => {
    try {
      if (connection.inTransaction) connection.rollback();
    } catch {
      // What made it roll back says more; and a transaction that can't be rolled back is never committed either.
    }
  };

  const within =
    (transaction: Transaction, through: Statements): Go =>
    async (work) => {
      if (!transaction.open) throw new MobiusError('internal', 'the transaction has ended; was an await forgotten?');
      if (transaction.failed !== undefined) throw transaction.failed;
      try {
        return work(through);
      } catch (error) {
        transaction.failed = translate(error, file);
        throw transaction.failed;
      }
    };

  /** What the body gives, once it has ended with no statement having failed. */
  const resultOf = async <T>(
    body: (tx: Query) => Promise<T>,
    through: Statements,
    memory: Memory | undefined,
    { together, isOurs }: { together?: Together; isOurs?: true | undefined } = {},
  ): Promise<T> => {
    const transaction: Transaction = { open: true };
    try {
      const query = { ...queryThrough(within(transaction, through)), memory, together };
      const result = await (isOurs ? body(query) : around.run(transaction, () => body(query)));
      if (transaction.failed !== undefined) throw transaction.failed;
      return result;
    } finally {
      transaction.open = false;
    }
  };

  /** The state that is seen is taken now, so that only this, which can be repeated, ever meets a lock. */
  const beginRead = (): Promise<Memory | undefined> =>
    patiently(() => {
      connection.begin();
      try {
        return remembered.forRead();
      } catch (error) {
        rollBack();
        throw error;
      }
    });

  /**
   * All who wait by now read the same state, one after another, and are told together: whoever writes their answers then
   * wakes those who wait for them once. Who comes later may have to see a later state.
   */
  const readWaiting = async (): Promise<void> => {
    const taken = readers.splice(0);
    const tell: (() => void)[] = [];
    try {
      let memory = await beginRead();
      for (const { body, done, failed, isOurs } of taken) {
        // A fault of the file ends the transaction.
        if (!connection.inTransaction) memory = await beginRead();
        await resultOf(body, statements.read, memory, { isOurs }).then(
          (result) => tell.push(() => done(result)),
          (error) => tell.push(() => failed(error)),
        );
      }
    } catch (error) {
      for (const { failed } of taken.slice(tell.length)) tell.push(() => failed(error));
    } finally {
      rollBack();
    }
    for (const told of tell) told();
  };

  const read = <T>(body: (tx: Query) => Promise<T>, isOurs?: Waiting['isOurs']): Promise<T> =>
    new Promise((done, failed) => {
      readers.push({ body, done: done as Waiting['done'], failed, ...(isOurs && { isOurs }) });
      if (readers.length === 1) void inTurn(readWaiting);
    });

  const glance = <T>(body: (tx: Query) => Promise<T>): Promise<T> => {
    let memory: Memory | undefined;
    try {
      memory = remembered.now();
    } catch {
      // A lock, or a fault: whoever reads finds out.
    }
    if (memory === undefined) throw new NotRemembered();
    return glancing(
      memory,
      async (reading) => {
        admit();
        return read(reading, true);
      },
      body,
    );
  };

  /**
   * One change among others that are committed with it. Throws where none of them can be any more. Where they share no
   * ends it can be undone alone, for which the engine sets aside each page that it changes.
   */
  const make = async (one: Waiting, memory: Memory, together: Together): Promise<Made> => {
    const { body, done, failed } = one;
    const isGuarded = together.ends === undefined;
    isChanged = false;
    if (isGuarded) connection.savepoint();
    try {
      const result = await resultOf(body, statements.write, memory, { together });
      if (isGuarded) connection.release();
      return { tell: () => done(result), failed, again: one };
    } catch (error) {
      if (!connection.inTransaction) {
        failed(error);
        throw error;
      }
      const made = { tell: () => failed(error), failed };
      if (!isGuarded) return isChanged ? { ...made, isLeft: true } : made;
      connection.undo();
      connection.release();
      return made;
    }
  };

  /** Whether what is written once for all of them could be written. */
  const end = async ({ ends = new Map() }: Together, memory: Memory): Promise<boolean> => {
    try {
      for (const { write } of ends.values()) await resultOf(write, statements.write, memory, { isOurs: true });
      return true;
    } catch (error) {
      if (connection.inTransaction) return false;
      throw error;
    }
  };

  const beginWrite = async (): Promise<Memory> => {
    await patiently(() => connection.beginImmediate());
    try {
      return remembered.forWrite();
    } catch (error) {
      rollBack();
      throw error;
    }
  };

  /** Undoes all, and makes again what has not failed, each so that it can be undone alone. */
  const makeAnew = async (made: Made[]): Promise<[Memory | undefined, Together]> => {
    rollBack();
    remembered.settle();
    if (made.every(({ again }) => again === undefined)) return [undefined, { ends: new Map() }];
    const [memory, alone] = [await beginWrite(), {}];
    for (const [at, { again }] of made.entries()) if (again !== undefined) made[at] = await make(again, memory, alone);
    return [memory, alone];
  };

  /**
   * Makes the changes that wait, in their order, and those that come meanwhile; all of them are synced together. Hardly
   * any fails once it has changed something: so none can be undone alone until one did.
   */
  const makeTogether = async (made: Made[]): Promise<void> => {
    // Not of the steadier clock, which is a part of Node that has to be loaded: where this one jumps, more or fewer share.
    const latest = Date.now() + longestMs;
    let [memory, together]: [Memory | undefined, Together] = [undefined, { ends: new Map() }];
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      try {
        memory ??= await beginWrite();
      } catch (error) {
        for (const { failed } of [next, ...waiting.splice(0)]) failed(error);
        break;
      }
      const one = await make(next, memory, together);
      made.push(one);
      if (one.isLeft) [memory, together] = await makeAnew(made);
      if (made.length >= mostTogether || Date.now() >= latest) break;
    }
    if (memory !== undefined && !(await end(together, memory))) [memory] = await makeAnew(made);
    if (memory !== undefined) await patiently(() => connection.commit());
  };

  const commitWaiting = async (): Promise<void> => {
    const made: Made[] = [];
    try {
      await makeTogether(made);
      for (const { tell } of made) tell();
    } catch (error) {
      rollBack();
      for (const { failed } of made) failed(error);
    }
    remembered.settle();
    isGathering = waiting.length > 0;
    if (isGathering) void inTurn(commitWaiting);
  };

  const change = <T>(body: (tx: Query) => Promise<T>): Promise<T> =>
    new Promise((done, failed) => {
      waiting.push({ body, done: done as Waiting['done'], failed });
      if (isGathering) return;
      isGathering = true;
      void inTurn(commitWaiting);
    });

  return {
    async exclusively(work) {
      admit();
      return inTurn(work);
    },
    beginRead: async () => void (await beginRead()),
    rollBack,

    ...queryThrough(async (work) => {
      admit();
      return inTurn(async () => {
        try {
          return await patiently(() => work(statements.write));
        } finally {
          remembered.settle();
        }
      });
    }),
    async tx(mode, body) {
      admit();
      if (mode === 'glance') return glance(body);
      return mode === 'read' ? read(body) : change(body);
    },
    remembers: remembered.hasAny,
    async close() {
      refuseInside();
      closed ??= inTurn(() => patiently(() => void connection.close()));
      return closed;
    },
  };
};
