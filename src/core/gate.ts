import { MobiusError } from '../errors.ts';
import type { Name, Operation } from '../operations.ts';
import { type Ready, withReady } from '../ready.ts';
import type { KeyRow } from '../store/api-keys.ts';
import type { ProjectRow } from '../store/projects.ts';
import type { Store } from '../store/table.ts';
import {
  type Actor,
  addressOf,
  admits,
  type Caller,
  credentialOf,
  nobody,
  notByToken,
  refused,
  requirePermission,
} from './caller.ts';
import { homeOf } from './home.ts';
import { type Identified, identify, type Question, type Refused } from './identify.ts';
import type { Signatures } from './jwt.ts';
import type { CredentialKind, Manner } from './manner.ts';
import { type Meters, meterOf } from './metering.ts';
import { findProject } from './project-book.ts';
import type { makeRefusals, Source } from './refusals.ts';
import { requireLeft } from './spending.ts';
import type { makeUses } from './uses.ts';

/** What a call asks to be let in with. */
export interface Asking {
  name: Name;
  operation: Operation;
  actor: Actor;
  manner: Manner;
  /** Absent where no use is counted. */
  metered: Meters | undefined;
}

export interface Admitted {
  caller: Caller;
  /** The project that the operation is about; absent where it is about none. */
  project: ProjectRow | undefined;
}

interface Gate {
  signatures: Signatures;
  issuer: string;
  uses: ReturnType<typeof makeUses>;
  refusals: ReturnType<typeof makeRefusals>;
}

/**
 * Decides who acts and whether they may. Every refusal is counted. Of a request whose credential is remembered all is there
 * at once, and to wait for what is there would cost more than to find it.
 */
export const makeGate = ({ signatures, issuer, uses, refusals }: Gate) => {
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

  const admit = async (
    store: Store,
    { name, operation, actor, manner, metered }: Asking,
    input: object,
    at: number,
  ): Promise<Admitted> => {
    const question: Question = { actor, now: at, signatures, issuer, handle: undefined };
    const ofHandle = handleFor(store, question, operation, manner, input);
    const handle = ofHandle instanceof Promise ? await ofHandle : ofHandle;
    question.handle = handle;
    // What is for everybody asks nobody who they are: an old credential that is sent along is not looked at.
    const asked = operation.scope === 'public' ? undefined : identify(store, question);
    const identified = asked instanceof Promise ? await asked : asked;
    const found = identified === undefined ? nobody : requireKnown(name, identified, actor, at);
    const caller = found.from === actor.from ? found : { ...found, ...(actor.from && { from: actor.from }) };
    try {
      requireFitting(caller, operation, manner);
      if (caller.token !== undefined) requireLeft(caller.token);
      if (caller.key !== undefined) requireUsable(caller.key, actor, metered);
      const project = caller.project ?? (handle === undefined ? undefined : await findProject(store, handle));
      const authorised = authorise(
        store,
        caller,
        wanted(operation, manner),
        handle === undefined ? undefined : project,
      );
      if (authorised instanceof Promise) await authorised;
      // A token's own counter says when it was last used.
      const credential = caller.token === undefined ? credentialOf(caller) : undefined;
      if (credential !== undefined) uses.note(uses.of(credential.id), at);
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

  return {
    admit,
    noteRefusal: (name: Name, error: unknown, { caller, actor }: { caller: Caller; actor: Actor }, at: number) =>
      noteRefusal(name, error, sourceOf(caller, actor), at),
    /** As `admit`, as far as it goes without knowing what is asked; nothing is noted but a refusal. */
    async screen(store: Store, { name, operation, actor, manner, metered }: Asking, at: number): Promise<void> {
      const caller = requireKnown(name, await identify(store, { actor, now: at, signatures, issuer }), actor, at);
      try {
        requireFitting(caller, operation, manner);
        if (caller.token !== undefined) requireLeft(caller.token);
        if (caller.key !== undefined) requireUsable(caller.key, actor, metered);
        if (caller.kind === 'user') return;
        await authorise(store, caller, { ...wanted(operation, manner), access: 'read' }, caller.project);
      } catch (error) {
        noteRefusal(name, error, sourceOf(caller, actor), at);
        throw error;
      }
    },
  };
};

const sourceOf = ({ key, session, token }: Pick<Refused, 'key' | 'session' | 'token'>, { from }: Actor): Source => {
  const bound = token ?? key;
  if (bound !== undefined) {
    const { project_id: projectId, principal_id: principalId } = bound.clear;
    return { projectId, credentialId: bound.id, ...(principalId === null ? {} : { principalId }) };
  }
  if (session !== undefined) return { credentialId: session.id };
  return from === undefined ? {} : { address: from.ip };
};

/** Which project a call is about, if it is about any. */
const handleFor = (
  store: Store,
  question: Question,
  { scope }: Operation,
  manner: Manner,
  input: { project?: string },
): Ready<string | undefined> => {
  if (scope !== 'project' && (scope !== 'caller' || manner.organization === undefined)) return undefined;
  return manner.credentials === undefined ? (input.project ?? 'default') : homeOf(store, question, manner);
};

/** What an operation asks for, in another contract's manner. */
const wanted = (operation: Operation, { anyMember }: Manner): Operation => {
  if (anyMember !== true) return operation;
  const { permission: _, ...free } = operation;
  return free;
};

/** Some things are not for every kind of credential, whatever it may do. */
const requireFitting = ({ kind, session }: Caller, operation: Operation, { credentials }: Manner): void => {
  const shown = kind === 'user' ? session?.clear.kind : kind;
  // What is for everybody asks for none, also as a part of something that does.
  if (operation.scope !== 'public' && credentials?.some((one) => one === shown) === false) {
    const names = credentials.map((one) => credentialNames[one]).join(' or ');
    throw new MobiusError('forbidden', `this needs ${names}`, { reason: 'credential' });
  }
  if (operation.interactive === true && (kind === 'api-key' || kind === 'token')) {
    const what = kind === 'token' ? 'a token' : 'an API key';
    throw new MobiusError('forbidden', `this needs a person who is logged in: ${what} can't do it`, {
      reason: 'interactive',
    });
  }
  if (operation.byToken === false && kind === 'token') throw notByToken();
};

const credentialNames: Readonly<Record<CredentialKind, string>> = {
  'api-key': 'an API key',
  session: 'an interactive session',
  cli: 'a login of the command line',
  token: 'a short-lived token',
};

/** What a key's own limits say of this use of it. */
const requireUsable = (key: KeyRow, actor: Actor, metered: Meters | undefined): void => {
  const address = addressOf(actor);
  if (!admits(key, address)) {
    throw new MobiusError('forbidden', `the API key may not be used from "${address}"`, { reason: 'address' });
  }
  if (metered === undefined) return;
  const use = meterOf(key, metered);
  if (use.fits) return;
  const { uses: most, seconds } = key.plain.rate_limit ?? { uses: 0, seconds: 0 };
  throw new MobiusError('rate_limit_exceeded', `the API key may be used ${most} times in ${seconds} seconds`, {
    retry_after_seconds: use.retryAfterSeconds,
  });
};

const authorise = (
  store: Store,
  caller: Caller,
  operation: Operation,
  project: ProjectRow | undefined,
): Ready<void> => {
  if (operation.scope === 'vault' && !caller.everywhere) {
    throw new MobiusError('permission_denied', 'only the owner of the vault or an administrator may do this', {
      permission: operation.permission,
    });
  }
  // A user's permissions differ from project to project: where the path names none, the handler asks.
  const asksItself = operation.scope === 'caller' && caller.kind === 'user';
  const permitted =
    operation.permission === undefined || asksItself
      ? undefined
      : requirePermission(store, caller, operation.permission, project ?? caller.project);
  return withReady(permitted, () => requireInUse(operation, project));
};

const requireInUse = (operation: Operation, project: ProjectRow | undefined): void => {
  if (operation.access === 'write' && project !== undefined && project.clear.archived_at !== null) {
    const { handle } = project.plain;
    throw new MobiusError('conflict', `the project "${handle}" is archived`, {
      reason: 'project_archived',
      name: handle,
    });
  }
};
