import type { Db } from '../store/db.ts';
import type { Sealer } from '../store/sealer.ts';
import type { Store } from '../store/table.ts';
import { idPrefixes, isId } from './ids.ts';
import { iso } from './iso.ts';
import type { Journal } from './journal.ts';
import type { makeRefusals, Refusal } from './refusals.ts';
import type { makeUses } from './uses.ts';

const pruneEveryMs = 60_000;
/** Each command is a process of its own: a script that uses a key in a loop writes once a minute too. */
const gapOfCommandsMs = 60_000;

const appendRefusal = (
  journal: Journal,
  store: Store,
  { operation, reason, source, count, minute }: Refusal,
  at: number,
): Promise<void> => {
  const columns = {
    project_id: source.projectId ?? null,
    action: operation,
    resource_type: 'refusal',
    resource_id: source.credentialId ?? '',
    principal_id: source.principalId ?? null,
    credential_id: source.credentialId ?? null,
    created_at: at,
  };
  const changes = { reason, count, minute: iso(minute) };
  const plain = { ...(source.address === undefined ? {} : { ip_address: source.address }), changes };
  // What was refused is noted whatever else can't be done.
  return journal.append(store, [columns, plain], { mayRefuse: false });
};

interface Unsettled {
  db: Db;
  sealer: Sealer;
  now(): number;
  journal: Journal;
  /** A name for one of any number of processes over the same database. Asked for once, where there is a use for it. */
  newNode(): string;
  uses: ReturnType<typeof makeUses>;
  refusals: ReturnType<typeof makeRefusals>;
}

const touchAll = async (store: Store, used: readonly [id: string, at: number][], gapMs: number): Promise<void> => {
  if (used.length === 0) return;
  const [keys, sessions] = [await import('../store/api-keys.ts'), await import('../store/sessions.ts')];
  for (const [id, at] of used) {
    if (isId(id, idPrefixes.session)) await sessions.touch(store, id, at);
    else await keys.touch(store, id, at, gapMs);
  }
};

/** So many times a second, with a pause for others in between, uses that are due are written. */
const mostWrites = 20;
const pauseMs = 10;

const pause = (): Promise<void> => new Promise((done) => setTimeout(done, pauseMs));

/** Does what could wait until answers were out; `secretsTouched` where a version may have come to its end. */
export const makeSettling = ({ db, sealer, now, journal, newNode, uses, refusals }: Unsettled) => {
  let node: string | undefined;
  let pruneAt = now() + pruneEveryMs;

  /** Of many keys that are used at once, the last are written some seconds later. */
  const writeUses = async (): Promise<void> => {
    for (let writes = 1; ; writes++) {
      const { taken, hasMore } = uses.take(now());
      if (taken.length > 0) await db.tx('count', (tx) => touchAll({ db: tx, sealer }, taken, 1));
      if (!hasMore || writes === mostWrites) return;
      await pause();
    }
  };

  return async (which: 'all' | 'due' | 'rest', secretsTouched: boolean): Promise<void> => {
    const at = now();
    const until = which === 'due' ? at : undefined;
    const prunes = which === 'due' && at >= pruneAt;
    const pruning = prunes ? await import('../store/prune.ts') : undefined;
    if (which === 'due') await writeUses();
    const [noted, used] = [refusals.take(until), which === 'due' ? [] : uses.takeAll()];
    if (used.length > 0 || noted.length > 0 || prunes) {
      // When something was last used is one statement each, and the greater time stands.
      const written = db.tx(noted.length > 0 || prunes ? 'write' : 'count', async (tx) => {
        const store = { db: tx, sealer };
        await touchAll(store, used, which === 'all' ? gapOfCommandsMs : 1);
        for (const refusal of noted) await appendRefusal(journal, store, refusal, at);
        // What is left is for the next second, not for the next minute.
        if (pruning === undefined) return;
        node ??= newNode();
        if ((await pruning.prune(store, at, node)).isDone) pruneAt = at + pruneEveryMs;
      });
      await written.catch((error: unknown) => {
        refusals.giveBack(noted);
        throw error;
      });
    }
    if (!secretsTouched && !prunes) return;
    const versions = await import('./due-versions.ts');
    // By itself: where nothing may be changed just now, what was refused is told all the same.
    if (!(await db.tx('read', (tx) => versions.hasDue({ db: tx, sealer }, at)))) return;
    await db.tx('write', (tx) => versions.destroyDue({ db: tx, sealer }, at, journal));
  };
};
