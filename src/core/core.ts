import { MobiusError } from '../errors.ts';
import { operations } from '../generated/operations.ts';
import type { Call, CallOptions, Input, Name, Operation, Output } from '../operations.ts';
import type { Passwords } from '../passwords.ts';
import type { KeyRow } from '../store/api-keys.ts';
import type { Db, Mode, Query } from '../store/db.ts';
import { NotRemembered } from '../store/memory.ts';
import type { Sealer } from '../store/sealer.ts';
import type { Store } from '../store/table.ts';
import * as tokens from '../store/tokens.ts';
import { validate } from '../validate.ts';
import { type Actor, type Bound, owner } from './caller.ts';
import type { Change, Handler, Outside, ProjectContext, TwoPart } from './context.ts';
import { entryOf } from './entry.ts';
import { makeGate } from './gate.ts';
import { handlerOf } from './handlers.ts';
import { hexOf, idPrefixes, typeId } from './ids.ts';
import { type AnchorKeep, makeJournal } from './journal.ts';
import { publicKeys, type Signatures } from './jwt.ts';
import type { Manner } from './manner.ts';
import { type Meters, makeMetering, meterOf } from './metering.ts';
import { makeRefusals } from './refusals.ts';
import { answeredBefore, keepAnswer, type Repeatable } from './replay.ts';
import { makeSettling } from './settle.ts';
import type { Soon } from './soon.ts';
import { countRequest, MustCount, makeSpending } from './spending.ts';
import { makeUses } from './uses.ts';

/** What the core needs of the world. It does no input or output of its own. */
export interface Ports {
  db: Db;
  sealer: Sealer;
  /** Stands in every token as its issuer: a token of one vault is none in another. */
  issuer: string;
  /** Where people reach the server, without a slash at its end; absent where nobody listens. */
  publicUrl?(): string;
  /** Whoever asks may make themselves an account. */
  openRegistration?: boolean;
  now(): number;
  newUuid(): Uint8Array;
  randomBytes(length: number): Uint8Array;
  sha256(bytes: Uint8Array): Uint8Array;
  signatures: Signatures;
  passwords: Passwords;
  /** Absent where the end of the audit log is kept nowhere else. */
  anchors?(): Promise<AnchorKeep | undefined>;
}

export interface Core {
  /**
   * The operations as this actor may use them: validate, authorise, then the handler, in one transaction. Whoever isn't
   * accepted learns nothing of what was wrong with the rest of what they asked. `manner`: as another system's contract
   * wants it done.
   */
  as(actor: Actor, manner?: Manner): Call;
  /**
   * Refuses whoever can't call this at all, before anything of what they ask was read: by their credential, where it is
   * used from, and what it may, as far as that is known without a project. Counts no use.
   */
  screen(actor: Actor, name: Name, manner?: Manner): Promise<void>;
  /** Records what happens to the vault itself, outside the operations, in the transaction in which it happens. */
  record(tx: Query, action: string, change: Change): Promise<void>;
  /** What verifies the tokens of this vault, as a JWKS has it. */
  publicKeys(): Promise<Record<string, string>[]>;
  /**
   * Does what may wait until an answer is out: writes when credentials were last used and how often a call was refused,
   * and destroys the versions of secrets whose time is over. A server asks every second for what is `due`, and for the
   * `rest` when it ends; of one command all is done at once.
   */
  settle(which?: 'all' | 'due' | 'rest'): Promise<void>;
  /** What comes within this time, as numbers: for whoever watches the vault as a whole. */
  soon(withinMs: number): Promise<Soon>;
}

/** Whether an answer is kept for who repeats the request. */
const isKept = ({ access, scope, repeatable }: Operation): boolean =>
  access === 'write' && scope !== 'public' && repeatable !== true;

/** What one call has with it, through all its transactions. */
interface Running<K extends Name> {
  name: K;
  operation: Operation;
  actor: Actor;
  manner: Manner;
  input: Input<K>;
  metered: Meters;
  idempotencyKey?: string | undefined;
  said?: object | undefined;
}

/** What asks for nothing that isn't remembered. */
const isRemembered = new Set<Name>(['api-keys.verify', 'tokens.verify', 'secrets.get']);

export const makeCore = ({
  db,
  sealer,
  issuer,
  publicUrl,
  openRegistration = false,
  now,
  newUuid,
  randomBytes,
  sha256,
  signatures,
  passwords,
  anchors,
}: Ports): Core => {
  const newId = (prefix: string): string => typeId(prefix, newUuid());
  const uses = makeUses();
  const refusals = makeRefusals();
  let secretsTouched = false;

  const sha256Hex = (bytes: Uint8Array): string => hexOf(sha256(bytes));

  const storeOf = (tx: Query): Store => ({ db: tx, sealer });
  const newAuditId = (): string => newId(idPrefixes.audit);
  const journal = makeJournal({ db, sealer, signatures, issuer, now, newAuditId, anchors });
  const gate = makeGate({ signatures, issuer, uses, refusals });
  const metering = makeMetering(db, sealer, now);
  const spend = makeSpending(db, sealer, now);
  const settleNow = makeSettling({ db, sealer, now, journal, newNode: () => hexOf(randomBytes(16)), uses, refusals });

  const perform = async <K extends Name>(
    tx: Query,
    mode: Mode,
    running: Running<K>,
    handler: Handler<K>,
  ): Promise<Output<K>> => {
    const { name, operation, actor, manner, input, metered, idempotencyKey, said = input } = running;
    const at = now();
    secretsTouched ||= name.startsWith('secrets.');
    const store = storeOf(tx);
    const { caller, project } = await gate.admit(store, running, input, at);
    if (caller.token !== undefined && (mode === 'read' || mode === 'glance')) throw new MustCount();
    const request: Repeatable | undefined =
      idempotencyKey === undefined || !isKept(operation)
        ? undefined
        : { name, operation, manner, said, actor, idempotencyKey };
    const before = request === undefined ? undefined : await answeredBefore(store, request, at);
    if (before !== undefined) return before.answer as Output<K>;
    const context = {
      db: tx,
      sealer,
      now: at,
      caller,
      manner,
      project,
      signatures,
      issuer,
      publicUrl: publicUrl?.() ?? '',
      newId,
      newUuid,
      randomBytes,
      sha256: sha256Hex,
      changed: (change: Change) => journal.append(store, entryOf(name, change, at, caller, project?.id)),
      used: (bound: Bound) => {
        bound.use ??= uses.of(bound.key.id);
        uses.note(bound.use, at);
      },
      meter: (key: KeyRow) => meterOf(key, metered),
      spend: (token: tokens.TokenRow) => {
        if (mode !== 'glance') return tokens.spend(store, token, at);
        const left = tx.leave?.();
        return left === undefined ? spend(token) : left.then(() => spend(token));
      },
    };
    try {
      if (caller.token !== undefined) await countRequest(store, caller.token, at);
      const answer = await handler(context as ProjectContext, input);
      if (request !== undefined) await keepAnswer(store, request, answer, at);
      return answer;
    } catch (error) {
      gate.noteRefusal(name, error, { caller, actor }, at);
      throw error;
    }
  };

  const screen = async (name: Name, actor: Actor, manner: Manner, metered?: Meters): Promise<void> => {
    const operation = operations[name];
    if (operation.scope === 'public' || actor.kind === 'owner') return;
    await db.tx('read', (tx) => gate.screen(storeOf(tx), { name, operation, actor, manner, metered }, now()));
  };

  const call = async <K extends Name>(
    actor: Actor,
    manner: Manner,
    name: K,
    input: unknown,
    options: CallOptions | undefined,
  ): Promise<Output<K>> => {
    const operation: Operation = operations[name];
    const metered: Meters = new Map();
    let valid: Input<K>;
    try {
      valid = await validate(name, input);
    } catch (error) {
      // A use of a key with a rate limit is one, whatever was wrong with what it asked.
      await metering(metered, () => screen(name, actor, manner, metered));
      throw error;
    }
    const running: Running<K> = {
      name,
      operation,
      actor,
      manner,
      input: valid,
      metered,
      idempotencyKey: options?.idempotencyKey,
      said: options?.said,
    };
    const found = handlerOf(name);
    const parts = found instanceof Promise ? await found : found;
    if (options?.signal?.aborted) throw new MobiusError('service_unavailable', 'the call was given up');
    const afterBefore = async ({ before }: TwoPart<K>): Promise<Handler<K>> => {
      const at = now();
      const { caller, project } = await metering(running.metered, () =>
        db.tx('read', (tx) => gate.admit(storeOf(tx), running, running.input, at)),
      );
      const outside: Outside = {
        actor,
        caller,
        project,
        now: at,
        passwords,
        openRegistration,
        tx: (mode, body) => db.tx(mode, (query) => body(storeOf(query))),
        changed: (store, change) => journal.append(store, entryOf(name, change, at, caller, undefined)),
      };
      return before(outside, running.input);
    };
    const handler = typeof parts === 'function' ? parts : (parts.alone?.(running.input) ?? (await afterBefore(parts)));
    const within = (mode: Mode): Promise<Output<K>> =>
      metering(running.metered, () => db.tx(mode, (tx) => perform(tx, mode, running, handler)));
    const inFull = async (): Promise<Output<K>> => {
      try {
        return await within(operation.access);
      } catch (error) {
        if (error instanceof MustCount) return within('count');
        throw error;
      }
    };
    if (!isRemembered.has(name) || db.remembers?.() === false) return inFull();
    try {
      return await within('glance');
    } catch (error) {
      if (error instanceof MustCount) return within('count');
      if (error instanceof NotRemembered) return inFull();
      throw error;
    }
  };

  return {
    as:
      (actor, manner = {}) =>
      (name, input, options) =>
        call(actor, manner, name, input, options),

    screen: (actor, name, manner = {}) => screen(name, actor, manner),

    async record(tx, action, change) {
      await journal.append(storeOf(tx), entryOf(action, change, now(), owner, undefined));
    },

    publicKeys: () => db.tx('read', (tx) => publicKeys(storeOf(tx))),

    async settle(which = 'all') {
      const touched = secretsTouched;
      secretsTouched = false;
      await settleNow(which, touched);
      await journal.anchor();
    },

    async soon(withinMs) {
      const { lookAhead } = await import('./soon.ts');
      return db.tx('read', (tx) => lookAhead(storeOf(tx), now(), withinMs));
    },
  };
};
