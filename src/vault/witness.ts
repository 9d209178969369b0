import type { Db, Query, Row, Value } from '../store/db.ts';
import { disturbs, type Memory, newMemory } from '../store/memory.ts';

/** What every transaction asks of the vault before anything else. */
export interface State extends Row {
  epoch: number;
  /** Of a move that is under way, or was made. */
  state: string | null;
}

const stateColumns = 'abs(epoch) as epoch, (select max(state) from moves) as state';

export const readState = (query: Query): Promise<State | undefined> =>
  query.get<State>(`select ${stateColumns} from vault`);

/** Entries of the audit log that tell of nothing that is remembered. */
const harmless = /^(secrets\..*|tokens\.create|api-keys\.create)$/;

/** More of them than this are not looked through. */
const mostEntries = 500;

export interface Seen {
  state: State | undefined;
  memory: Memory;
}

export interface Witness {
  /** In a transaction, before it has read anything. */
  look(query: Query): Promise<Seen>;
  /** Outside of any: who asks in the same moment shares one question, which is sent when all of them have asked. */
  glance(): Promise<Seen>;
}

/**
 * Remembers over a database server, which other programs change at the same time. Every change of what is remembered is
 * entered in the audit log in its own transaction, whichever program makes it: while the log has not grown, or only by
 * what says nothing of it, everything stands.
 */
export const openWitness = (db: Db): Witness => {
  let memory = newMemory();
  let last = -1;
  let asking: Promise<Seen> | undefined;

  const isHarmless = async (query: Query, from: number, to: number): Promise<boolean> => {
    if (from < 0 || to - from > mostEntries) return false;
    const entries = await query.all<{ action: string }>(
      `select action from audit_log where seq > $1 and seq <= $2 and resource_type <> 'refusal'`,
      [from, to],
    );
    return entries.every(({ action }) => harmless.test(action));
  };

  const look = async (query: Query): Promise<Seen> => {
    const row = await query.get<State & { seq: number | null }>(
      `select ${stateColumns}, (select max(seq) from audit_log) as seq from vault`,
    );
    const seq = row?.seq ?? 0;
    const from = last;
    if (seq > from && !(await isHarmless(query, from, seq))) {
      // What another saw meanwhile may be newer still.
      if (last > seq) return { state: row, memory: newMemory() };
      memory = newMemory();
    }
    // A transaction that began before the last change sees less than what is remembered.
    if (seq < last) return { state: row, memory: newMemory() };
    last = seq;
    return { state: row, memory };
  };

  return {
    look,
    glance() {
      asking ??= new Promise<void>((done) => setImmediate(done)).then(() => {
        asking = undefined;
        return look(db);
      });
      return asking;
    },
  };
};

const known = new Map<string, boolean | undefined>();

/** Undefined of a statement that only reads. What was told of secrets is not remembered here. */
const disturbing = (sql: string): boolean | undefined => {
  if (!known.has(sql)) known.set(sql, /^\s*(select|with)\b/i.test(sql) ? undefined : disturbs(sql) === 'all');
  return known.get(sql);
};

/** A transaction that reads what is remembered until it changes that itself, and adds to it until it changes anything. */
export const remembering = (query: Query, memory: Memory): Query => {
  let [isChanged, isDisturbed] = [false, false];
  const noting = (sql: string): void => {
    const found = disturbing(sql);
    if (found === undefined) return;
    isChanged = true;
    isDisturbed ||= found;
  };
  return {
    all: <R extends Row>(sql: string, params?: readonly Value[]) => {
      noting(sql);
      return query.all<R>(sql, params);
    },
    get: <R extends Row>(sql: string, params?: readonly Value[]) => {
      noting(sql);
      return query.get<R>(sql, params);
    },
    run: (sql, params) => {
      noting(sql);
      return query.run(sql, params);
    },
    memory: {
      get: (name) => (isDisturbed ? undefined : memory.get(name)),
      set: (name, made) => {
        if (!isChanged) memory.set(name, made);
      },
    },
  };
};
