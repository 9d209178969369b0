import { MobiusError } from '../errors.ts';
import { operations } from '../generated/operations.ts';
import type { Call, Input, Name, Operation, Output } from '../operations.ts';
import * as keys from '../store/api-keys.ts';
import * as audit from '../store/audit.ts';
import type { Db, Query } from '../store/db.ts';
import type { ProjectRow } from '../store/projects.ts';
import type { Sealer } from '../store/sealer.ts';
import type { Store } from '../store/table.ts';
import { validate } from '../validate.ts';
import { type Actor, type Caller, identify, refused, requirePermission } from './caller.ts';
import { type Change, type Handler, iso, type ProjectContext } from './context.ts';
import { destroyDue, hasDue } from './due-versions.ts';
import { handlerOf } from './handlers.ts';
import { idPrefixes, typeId } from './ids.ts';
import { findProject } from './project-book.ts';
import { makeRefusals, type Source } from './refusals.ts';

/** What the core needs of the world. It does no input or output of its own. */
export interface Ports {
  db: Db;
  sealer: Sealer;
  now(): number;
  newUuid(): Uint8Array;
  randomBytes(length: number): Uint8Array;
  sha256(bytes: Uint8Array): Uint8Array;
}

export interface Core {
  /** The operations as this actor may use them: validate, authorise, then the handler, in one transaction. */
  as(actor: Actor): Call;
  /** Records what happens to the vault itself, outside the operations, in the transaction in which it happens. */
  record(tx: Query, action: string, change: Change): Promise<void>;
  /**
   * Does what may wait until an answer is out: writes when keys were last used and how often a call was refused, and
   * destroys the versions of secrets whose time is over.
   */
  settle(): Promise<void>;
}

export const makeCore = ({ db, sealer, now, newUuid, randomBytes, sha256 }: Ports): Core => {
  const newId = (prefix: string): string => typeId(prefix, newUuid());
  const lastUse = new Map<string, number>();
  let secretsTouched = false;
  const refusals = makeRefusals();

  const perform = async <K extends Name>(
    tx: Query,
    actor: Actor,
    name: K,
    handler: Handler<K>,
    input: Input<K>,
  ): Promise<Output<K>> => {
    const operation: Operation = operations[name];
    const at = now();
    secretsTouched ||= name.startsWith('secrets.');
    const store: Store = { db: tx, sealer };
    const identified = await identify(store, actor, at);
    if (identified.fault !== undefined) {
      // A flood of keys that can't have been issued must not fill the disk with rows about it.
      if (identified.fault !== 'malformed') refusals.note(name, identified.fault, sourceOf(identified.key), at);
      throw refused();
    }
    const { caller } = identified;
    try {
      const project = await projectOf(store, caller, operation, input);
      await authorise(store, caller, operation, project);
      if (caller.bound !== undefined) lastUse.set(caller.bound.key.id, at);
      const context = {
        ...store,
        now: at,
        caller,
        project,
        newId,
        newUuid,
        randomBytes,
        sha256: (bytes: Uint8Array) => hexOf(sha256(bytes)),
        changed: (change: Change) =>
          audit.append(store, newId(idPrefixes.audit), ...entryOf(name, change, at, caller, project)),
        used: (keyId: string) => void lastUse.set(keyId, at),
      };
      return await handler(context as ProjectContext, input);
    } catch (error) {
      if (error instanceof MobiusError && (error.kind.http === 401 || error.kind.http === 403)) {
        refusals.note(name, error.code, sourceOf(caller.bound?.key), at);
      }
      throw error;
    }
  };

  return {
    as(actor) {
      const call: Call = async (name, input, options) => {
        const valid = await validate(name, input);
        const handler = await handlerOf(name);
        if (options?.signal?.aborted) throw new MobiusError('service_unavailable', 'the call was given up');
        return db.tx(operations[name].access, (tx) => perform(tx, actor, name, handler, valid));
      };
      return call;
    },

    async record(tx, action, change) {
      const [columns, plain] = entryOf(action, change, now(), { name: 'owner', permissions: [] }, undefined);
      await audit.append({ db: tx, sealer }, newId(idPrefixes.audit), columns, plain);
    },

    async settle() {
      const noted = refusals.take();
      const uses = [...lastUse];
      lastUse.clear();
      const isDue = secretsTouched && (await db.tx('read', (tx) => hasDue({ db: tx, sealer }, now())));
      secretsTouched = false;
      if (uses.length === 0 && noted.length === 0 && !isDue) return;
      await db.tx('write', async (tx) => {
        const store: Store = { db: tx, sealer };
        if (isDue) await destroyDue(store, now(), () => newId(idPrefixes.audit));
        for (const [id, at] of uses) await keys.touch(store, id, at);
        for (const { operation, reason, source, count, minute } of noted) {
          const columns = {
            project_id: source.projectId ?? null,
            action: operation,
            resource_type: 'refusal',
            resource_id: source.keyId ?? '',
            principal_id: source.principalId ?? null,
            credential_id: source.keyId ?? null,
            created_at: now(),
          };
          const changes = { reason, count, minute: iso(minute) };
          await audit.append(store, newId(idPrefixes.audit), columns, { changes });
        }
      });
    },
  };
};

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

const sourceOf = (key: keys.KeyRow | undefined): Source =>
  key === undefined ? {} : { projectId: key.clear.project_id, principalId: key.clear.principal_id, keyId: key.id };

/** The audit row of one change. */
const entryOf = (
  action: string,
  { type, id, name, changes }: Change,
  at: number,
  { name: actor, bound }: Caller,
  project: ProjectRow | undefined,
): [audit.AuditColumns, audit.AuditPlain] => [
  {
    project_id: project?.id ?? null,
    action,
    resource_type: type,
    resource_id: id,
    principal_id: bound?.principal.id ?? null,
    credential_id: bound?.key.id ?? null,
    created_at: at,
  },
  {
    actor_name: actor,
    ...(name === undefined ? {} : { resource_name: name }),
    ...(bound === undefined ? {} : { credential_name: bound.key.plain.name }),
    ...(changes === undefined ? {} : { changes }),
  },
];

/** The project that an operation is about. A key used on another project than its own is no credential there. */
const projectOf = async (
  store: Store,
  { bound }: Caller,
  operation: Operation,
  input: object,
): Promise<ProjectRow | undefined> => {
  if (operation.scope !== 'project') return undefined;
  const { project: handle = 'default' } = input as { project?: string };
  if (bound === undefined) return findProject(store, handle);
  if (bound.project.plain.handle !== handle) throw refused();
  return bound.project;
};

const authorise = async (
  store: Store,
  caller: Caller,
  operation: Operation,
  project: ProjectRow | undefined,
): Promise<void> => {
  if (operation.scope === 'vault' && caller.bound !== undefined) {
    throw new MobiusError('permission_denied', 'only the owner of the vault may do this', {
      permission: operation.permission,
    });
  }
  if (operation.permission !== undefined) {
    await requirePermission(store, caller, operation.permission, project ?? caller.bound?.project);
  }
  if (operation.access === 'write' && project !== undefined && project.clear.archived_at !== null) {
    const { handle } = project.plain;
    throw new MobiusError('conflict', `the project "${handle}" is archived`, {
      reason: 'project_archived',
      name: handle,
    });
  }
};
