import { MobiusError } from '../errors.ts';
import type { Name, Operation } from '../operations.ts';
import * as answers from '../store/answers.ts';
import type { Store } from '../store/table.ts';
import { textOf } from '../utf8.ts';
import type { Actor } from './caller.ts';
import type { Manner } from './manner.ts';

const dayMs = 86_400_000;
const oneTimeMs = 10 * 60_000;

const utf8 = new TextEncoder();

/** A request that its sender may repeat without its being done twice. */
export interface Repeatable {
  name: Name;
  operation: Operation;
  manner: Manner;
  /** All that was asked, in the sender's words. */
  said: object;
  actor: Actor;
  idempotencyKey: string;
}

/** The raw credential and the raw key: only who brings both again gets the answer, and neither is kept. */
const textsOf = ({ actor, idempotencyKey }: Repeatable): string[] => [
  actor.kind === 'bearer' ? actor.text : actor.kind,
  idempotencyKey,
];

const idOf = (store: Store, request: Repeatable): Uint8Array => store.sealer.index('answer', ...textsOf(request));

/** One spelling, whatever order its sender gave the fields in. */
const spelled = (input: object): string =>
  JSON.stringify(input, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );

/** The same words in another contract, or about another organization, are another request. */
const requestOf = (store: Store, { name, manner, said }: Repeatable): Uint8Array => {
  const how = Object.keys(manner).length === 0 ? [] : [spelled(manner)];
  return store.sealer.index('answer.request', name, spelled(said), ...how);
};

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, at) => byte === b[at]);

/** What the same request was answered before. Rejects where the key was used for another one, or it is too late. */
export const answeredBefore = async (
  store: Store,
  request: Repeatable,
  now: number,
): Promise<{ answer: unknown } | undefined> => {
  const row = await answers.find(store, idOf(store, request));
  if (row === undefined) return undefined;
  if (row.expires_at <= now) {
    await answers.remove(store, idOf(store, request));
    return undefined;
  }
  if (!same(row.request, requestOf(store, request))) {
    throw new MobiusError('conflict', 'the Idempotency-Key was used for another request', {
      reason: 'idempotency_key_reused',
    });
  }
  if (row.sealed === null || row.replay_until <= now) {
    const id = row.resource_id;
    const made = id === null ? '' : `: it made "${id}"`;
    throw new MobiusError('conflict', `this was done before, and its answer is not given again${made}`, {
      reason: 'already_done',
      ...(id === null ? {} : { id }),
    });
  }
  const plain = store.sealer.openUnder(textsOf(request), row.sealed);
  if (plain === undefined) throw new MobiusError('damaged', 'a stored answer is damaged', { table: 'answers' });
  const { answer } = JSON.parse(textOf(plain)) as { answer?: unknown };
  return { answer };
};

const resourceOf = (answer: unknown): string | null => {
  const made = (answer ?? {}) as { id?: unknown; credential_id?: unknown; items?: readonly { id?: unknown }[] };
  const ids = [made.id ?? made.credential_id, ...(made.items ?? []).map(({ id }) => id)];
  const texts = ids.filter((id) => typeof id === 'string');
  return texts.length === 0 ? null : texts.join(', ');
};

/** Keeps the answer, in the transaction of what was done. */
export const keepAnswer = async (store: Store, request: Repeatable, answer: unknown, now: number): Promise<void> => {
  const sealed = store.sealer.sealUnder(textsOf(request), utf8.encode(JSON.stringify({ answer })));
  const kept = await answers.insert(store, idOf(store, request), {
    request: requestOf(store, request),
    resource_id: resourceOf(answer),
    replay_until: now + (request.operation.oneTime === true ? oneTimeMs : dayMs),
    expires_at: now + dayMs,
    sealed,
  });
  if (!kept) {
    throw new MobiusError('conflict', 'the same request is being done at this moment', { reason: 'changed_meanwhile' });
  }
};
