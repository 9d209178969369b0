import { MobiusError } from '../errors.ts';
import { operations } from '../generated/operations.ts';
import type { Call, CallOptions, Input, Name, Operation, Output } from '../operations.ts';
import type { Passwords } from '../passwords.ts';
import type { KeyRow } from '../store/api-keys.ts';
import * as audit from '../store/audit.ts';
import type { Db, Query } from '../store/db.ts';
import type { ProjectRow } from '../store/projects.ts';
import type { Sealer } from '../store/sealer.ts';
import type { Store } from '../store/table.ts';
import { validate } from '../validate.ts';
import { type Actor, addressOf, admits, type Caller, nobody, owner, refused, requirePermission } from './caller.ts';
import { type Change, type Handler, iso, type Metered, type Outside, type ProjectContext } from './context.ts';
import { entryOf } from './entry.ts';
import { handlerOf } from './handlers.ts';
import { type Identified, identify, type Refused } from './identify.ts';
import { idPrefixes, typeId } from './ids.ts';
import { publicKeys, type Signatures } from './jwt.ts';
import { findProject } from './project-book.ts';
import { makeRefusals, type Refusal, type Source } from './refusals.ts';
import { answeredBefore, keepAnswer, type Repeatable } from './replay.ts';
import { makeUses } from './uses.ts';

/** What the core needs of the world. It does no input or output of its own. */
export interface Ports {
  db: Db;
  sealer: Sealer;
  /** Stands in every token as its issuer: a token of one vault is none in another. */
  issuer: string;
  /** Where people reach the server, without a slash at its end; absent where nobody listens. */
  publicUrl?(): string;
  now(): number;
  newUuid(): Uint8Array;
  randomBytes(length: number): Uint8Array;
  sha256(bytes: Uint8Array): Uint8Array;
  signatures: Signatures;
  passwords: Passwords;
}

export interface Core {
  /** The operations as this actor may use them: authorise, validate, then the handler, in one transaction. */
  as(actor: Actor): Call;
  /** Records what happens to the vault itself, outside the operations, in the transaction in which it happens. */
  record(tx: Query, action: string, change: Change): Promise<void>;
  /** What verifies the tokens of this vault, as a JWKS has it. */
  publicKeys(): Promise<Record<string, string>[]>;
  /**
   * Does what may wait until an answer is out: writes when credentials were last used and how often a call was refused,
   * and destroys the versions of secrets whose time is over. A server asks every second for what is `due`, and for the `rest`
   * when it ends; of one command all is done at once.
   */
  settle(which?: 'all' | 'due' | 'rest'): Promise<void>;
}

/** Thrown out of a transaction that met a key whose use must be counted first, in a transaction of its own. */
class NotMetered extends Error {
  readonly key: KeyRow;

  constructor(key: KeyRow) {
    super(`the use of "${key.id}" is not counted yet`);
    this.key = key;
  }
}

/** What one call has with it, through all its transactions. */
interface Running<K extends Name> {
  name: K;
  operation: Operation;
  actor: Actor;
  input: Input<K>;
  metered: Map<string, Metered>;
  idempotencyKey?: string | undefined;
}

const pruneEveryMs = 60_000;

export const makeCore = ({
  db,
  sealer,
  issuer,
  publicUrl,
  now,
  newUuid,
  randomBytes,
  sha256,
  signatures,
  passwords,
}: Ports): Core => {
  const newId = (prefix: string): string => typeId(prefix, newUuid());
  const uses = makeUses();
  const refusals = makeRefusals();
  let secretsTouched = false;
  let pruneAt = now() + pruneEveryMs;

  const storeOf = (tx: Query): Store => ({ db: tx, sealer });

  const requireKnown = (name: Name, identified: Identified, actor: Actor, at: number): Caller => {
    if (identified.fault === undefined) {
      if (identified.caller.kind !== 'nobody') return identified.caller;
      throw new MobiusError('unauthorized', 'this needs a credential', { reason: 'none' });
    }
    const { fault } = identified;
    // A flood of credentials that can't have been issued must not fill the disk with rows about it.
    if (fault !== 'malformed') refusals.note(name, fault, sourceOf(identified, actor), at);
    throw refused(actor.kind === 'bearer' ? actor.text : undefined);
  };

  /** Who acts, and that they may. Every refusal is counted. */
  const admit = async (
    store: Store,
    { name, operation, actor, metered }: Omit<Running<Name>, 'input'>,
    input: object,
    at: number,
  ): Promise<{ caller: Caller; project: ProjectRow | undefined }> => {
    const handle = operation.scope === 'project' ? ((input as { project?: string }).project ?? 'default') : undefined;
    const question = { actor, now: at, signatures, issuer, ...(handle === undefined ? {} : { handle }) };
    // What is for everybody asks nobody who they are: an old credential that is sent along is not looked at.
    const found =
      operation.scope === 'public' ? nobody : requireKnown(name, await identify(store, question), actor, at);
    const caller: Caller = { ...found, ...(actor.from === undefined ? {} : { from: actor.from }) };
    try {
      requirePerson(caller, operation);
      if (caller.key !== undefined) requireUsable(caller.key, actor, metered);
      const project = caller.project ?? (handle === undefined ? undefined : await findProject(store, handle));
      await authorise(store, caller, operation, handle === undefined ? undefined : project);
      const credential = caller.key?.id ?? caller.session?.id;
      if (credential !== undefined) uses.note(credential, at);
      return { caller, project: handle === undefined ? undefined : project };
    } catch (error) {
      noteRefusal(name, error, sourceOf(caller, actor), at);
      throw error;
    }
  };

  const noteRefusal = (name: Name, error: unknown, source: Source, at: number): void => {
    if (!(error instanceof MobiusError)) return;
    if ([401, 403, 429].includes(error.kind.http)) refusals.note(name, error.code, source, at);
  };

  const perform = async <K extends Name>(tx: Query, running: Running<K>, handler: Handler<K>): Promise<Output<K>> => {
    const { name, operation, actor, input, metered, idempotencyKey } = running;
    const at = now();
    secretsTouched ||= name.startsWith('secrets.');
    const store = storeOf(tx);
    const { caller, project } = await admit(store, running, input, at);
    const request: Repeatable | undefined =
      idempotencyKey === undefined || operation.access === 'read' || operation.scope === 'public'
        ? undefined
        : { name, operation, input, actor, idempotencyKey };
    const before = request === undefined ? undefined : await answeredBefore(store, request, at);
    if (before !== undefined) return before.answer as Output<K>;
    const context = {
      ...store,
      now: at,
      caller,
      project,
      signatures,
      issuer,
      publicUrl: publicUrl?.() ?? '',
      newId,
      newUuid,
      randomBytes,
      sha256: (bytes: Uint8Array) => hexOf(sha256(bytes)),
      changed: (change: Change) =>
        audit.append(store, newId(idPrefixes.audit), ...entryOf(name, change, at, caller, project?.id)),
      used: (id: string) => uses.note(id, at),
      meter: (key: KeyRow) => meterOf(key, metered),
    };
    try {
      const answer = await handler(context as ProjectContext, input);
      if (request !== undefined) await keepAnswer(store, request, answer, at);
      return answer;
    } catch (error) {
      noteRefusal(name, error, sourceOf(caller, actor), at);
      throw error;
    }
  };

  const spend = async (key: KeyRow): Promise<Metered> => {
    const { spend: count, startedAt } = await import('../store/rate-windows.ts');
    const { uses: most, seconds } = key.plain.rate_limit ?? { uses: 0, seconds: 0 };
    return db.tx('write', async (tx) => {
      const at = now();
      const remaining = await count(storeOf(tx), key.id, at, { uses: most, windowMs: seconds * 1000 });
      if (remaining !== undefined) return { fits: true, remaining };
      const began = (await startedAt(storeOf(tx), key.id)) ?? at;
      return { fits: false, retryAfterSeconds: Math.max(1, Math.ceil((began + seconds * 1000 - at) / 1000)) };
    });
  };

  /** Repeats a call for each key in it whose use had to be counted first. */
  const metering = async <T>(metered: Map<string, Metered>, attempt: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof NotMetered) || metered.has(error.key.id)) throw error;
        metered.set(error.key.id, await spend(error.key));
      }
    }
  };

  /** Whoever isn't known learns nothing of what was wrong with the rest of the request. */
  const validOrRefused = async <K extends Name>(name: K, actor: Actor, input: unknown): Promise<Input<K>> => {
    try {
      return await validate(name, input);
    } catch (error) {
      if (operations[name].scope === 'public' || actor.kind === 'owner') throw error;
      const question = { actor, now: now(), signatures, issuer };
      const identified = await db.tx('read', (tx) => identify(storeOf(tx), question));
      requireKnown(name, identified, actor, question.now);
      throw error;
    }
  };

  const call = async <K extends Name>(
    actor: Actor,
    name: K,
    input: unknown,
    options: CallOptions | undefined,
  ): Promise<Output<K>> => {
    const operation: Operation = operations[name];
    const running: Running<K> = {
      name,
      operation,
      actor,
      input: await validOrRefused(name, actor, input),
      metered: new Map(),
      idempotencyKey: options?.idempotencyKey,
    };
    const parts = await handlerOf(name);
    if (options?.signal?.aborted) throw new MobiusError('service_unavailable', 'the call was given up');
    let handler: Handler<K>;
    if (typeof parts === 'function') handler = parts;
    else {
      const at = now();
      const { caller } = await metering(running.metered, () =>
        db.tx('read', (tx) => admit(storeOf(tx), running, running.input, at)),
      );
      const outside: Outside = {
        actor,
        caller,
        now: at,
        passwords,
        tx: (mode, body) => db.tx(mode, (query) => body(storeOf(query))),
        changed: (store, change) =>
          audit.append(store, newId(idPrefixes.audit), ...entryOf(name, change, at, caller, undefined)),
      };
      handler = await parts.before(outside, running.input);
    }
    return metering(running.metered, () => db.tx(operation.access, (tx) => perform(tx, running, handler)));
  };

  return {
    as: (actor) => (name, input, options) => call(actor, name, input, options),

    async record(tx, action, change) {
      const entry = entryOf(action, change, now(), owner, undefined);
      await audit.append(storeOf(tx), newId(idPrefixes.audit), ...entry);
    },

    publicKeys: () => db.tx('read', (tx) => publicKeys(storeOf(tx))),

    async settle(which = 'all') {
      const at = now();
      const noted = refusals.take(which === 'due' ? at : undefined);
      const used = uses.take(which === 'due' ? at : undefined);
      const later = secretsTouched ? await import('./due-versions.ts') : undefined;
      const isDue = later !== undefined && (await db.tx('read', (tx) => later.hasDue(storeOf(tx), at)));
      const prunes = which === 'due' && at >= pruneAt;
      secretsTouched = false;
      if (used.length === 0 && noted.length === 0 && !isDue && !prunes) return;
      const [keys, sessions] = [await import('../store/api-keys.ts'), await import('../store/sessions.ts')];
      const { prune } = prunes ? await import('../store/prune.ts') : { prune: undefined };
      if (prunes) pruneAt = at + pruneEveryMs;
      await db.tx('write', async (tx) => {
        const store = storeOf(tx);
        const newAuditId = (): string => newId(idPrefixes.audit);
        if (isDue) await later?.destroyDue(store, at, newAuditId);
        for (const [id, time] of used) {
          if (id.startsWith(idPrefixes.session)) await sessions.touch(store, id, time);
          // Each command is a process of its own: a script that uses a key in a loop writes once a minute too.
          else await keys.touch(store, id, time, which === 'all' ? 60_000 : 1);
        }
        for (const refusal of noted) await appendRefusal(store, newAuditId(), refusal, at);
        await prune?.(store, at);
      });
    },
  };
};

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

const appendRefusal = (
  store: Store,
  id: string,
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
  return audit.append(store, id, columns, {
    ...(source.address === undefined ? {} : { ip_address: source.address }),
    changes,
  });
};

const sourceOf = ({ key, session }: Pick<Refused, 'key' | 'session'>, { from }: Actor): Source => {
  if (key !== undefined) {
    return { projectId: key.clear.project_id, principalId: key.clear.principal_id, credentialId: key.id };
  }
  if (session !== undefined) return { credentialId: session.id };
  return from === undefined ? {} : { address: from.ip };
};

const requirePerson = (caller: Caller, operation: Operation): void => {
  if (operation.interactive === true && caller.kind === 'api-key') {
    throw new MobiusError('forbidden', "this needs a person who is logged in: an API key can't do it", {
      reason: 'interactive',
    });
  }
};

const meterOf = (key: KeyRow, metered: ReadonlyMap<string, Metered>): Metered => {
  if (key.plain.rate_limit === undefined) return { fits: true };
  const known = metered.get(key.id);
  if (known === undefined) throw new NotMetered(key);
  return known;
};

/** What a key's own limits say of this use of it. */
const requireUsable = (key: KeyRow, actor: Actor, metered: ReadonlyMap<string, Metered>): void => {
  const address = addressOf(actor);
  if (!admits(key, address)) {
    throw new MobiusError('forbidden', `the API key may not be used from "${address}"`, { reason: 'address' });
  }
  const use = meterOf(key, metered);
  if (use.fits) return;
  const { uses: most, seconds } = key.plain.rate_limit ?? { uses: 0, seconds: 0 };
  throw new MobiusError('rate_limit_exceeded', `the API key may be used ${most} times in ${seconds} seconds`, {
    retry_after_seconds: use.retryAfterSeconds,
  });
};

const authorise = async (
  store: Store,
  caller: Caller,
  operation: Operation,
  project: ProjectRow | undefined,
): Promise<void> => {
  if (operation.scope === 'vault' && !caller.everywhere) {
    throw new MobiusError('permission_denied', 'only the owner of the vault or an administrator may do this', {
      permission: operation.permission,
    });
  }
  // A user's permissions differ from project to project: where the path names none, the handler asks.
  const asksItself = operation.scope === 'caller' && caller.kind === 'user';
  if (operation.permission !== undefined && !asksItself) {
    await requirePermission(store, caller, operation.permission, project ?? caller.project);
  }
  if (operation.access === 'write' && project !== undefined && project.clear.archived_at !== null) {
    const { handle } = project.plain;
    throw new MobiusError('conflict', `the project "${handle}" is archived`, {
      reason: 'project_archived',
      name: handle,
    });
  }
};
