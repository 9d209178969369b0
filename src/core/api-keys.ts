import { MobiusError, notFound } from '../errors.ts';
import type { Verification } from '../generated/types.ts';
import type { NameOf } from '../operations.ts';
import { repeated } from '../spelled.ts';
import * as keys from '../store/api-keys.ts';
import type * as principals from '../store/principals.ts';
import { movePolicy, openOf } from '../store/rotations.ts';
import { setTags } from '../store/tags.ts';
import { admits, type Bound, examine, permissionsOf, requireHolds, verifyCode } from './caller.ts';
import { holds } from './catalogue.ts';
import { type Handlers, type Metered, type ProjectContext, present } from './context.ts';
import { idPrefixes, isId } from './ids.ts';
import { iso } from './iso.ts';
import { issueKey, keyAnswer, limitsFrom, requireUnlimited } from './key-issue.ts';
import { me } from './manner.ts';
import { afterCursor, cursorAt } from './paging.ts';
import { takePartBesides } from './parts.ts';
import { requireKnown } from './permissions.ts';
import { findPrincipal, ownPrincipal } from './principals.ts';
import { rolesOf } from './role-book.ts';
import { reschedule } from './rotation-schedule.ts';
import { stopSuccessors, switchSuccessors, takenBack } from './rotation-successors.ts';
import { giveWay, makeSuccessor, principalOf, requireWorking, stopKey } from './succession.ts';

/**
 * By id or name, in the project of the call, or the one that the caller acts with. A revoked key has no name any more, but
 * its id finds it.
 */
export const findKey = async (context: ProjectContext, reference: string): Promise<keys.KeyRow> => {
  const { project } = context;
  const row =
    reference === me
      ? context.caller.key
      : isId(reference, idPrefixes.apiKey)
        ? await keys.byId(context, reference)
        : await keys.byName(context, project.id, reference);
  if (row === undefined || row.clear.project_id !== project.id || !(await isThere(context, row))) {
    throw notFound('api key', reference, project.plain.handle);
  }
  return row;
};

/** Whether another contract's manner lets the caller see it. */
const isThere = async (context: ProjectContext, row: keys.KeyRow): Promise<boolean> => {
  const { clear, plain } = row;
  const { endedIsGone, ownOnly } = context.manner;
  if (endedIsGone === true && keys.stateOf(row, context.now) === 'revoked') return false;
  if (ownOnly !== true) return true;
  return plain.permanent !== true && clear.principal_id === (await ownPrincipal(context))?.id;
};

/** Where another contract's keys are for whoever makes them, an administrator without a part in the project takes one. */
const principalFor = async (context: ProjectContext, reference: string): Promise<principals.PrincipalRow> => {
  const { user, everywhere } = context.caller;
  if (reference === me && context.manner.credentials !== undefined && everywhere && user !== undefined) {
    return (await ownPrincipal(context)) ?? takePartBesides(context, user, 'Worker');
  }
  return findPrincipal(context, reference);
};

/** What is under way from one key to the next ends there, and nowhere else: for its successors too. */
const refuseRotated = async (context: ProjectContext, row: keys.KeyRow): Promise<void> => {
  const { rotated_from: from } = row.plain;
  const open = (await openOf(context, row.id)) ?? (from === undefined ? undefined : await openOf(context, from));
  if (open === undefined) return;
  throw new MobiusError('conflict', `a rotation of the api key "${row.plain.name}" is under way`, {
    reason: 'rotation_open',
    id: open.id,
  });
};

/** What a verification tells of a key in its own project, whether it works or not. */
const tellOf = (row: keys.KeyRow, project: string) => {
  const end = keys.endOf(row);
  return present({
    key_id: row.id,
    principal_id: row.clear.principal_id,
    project,
    name: row.plain.name,
    expires_at: end === null ? undefined : iso(end),
  });
};

/** Whoever asks again about a key that is remembered is told the very same. */
const tellWorking = (bound: Bound): Verification => {
  const { key, project, permissions } = bound;
  bound.told ??= repeated<Verification>({
    valid: true,
    code: 'VALID',
    ...tellOf(key, project.plain.handle),
    permissions: [...permissions],
  });
  return bound.told;
};

export const handlers: Handlers<NameOf<'api-keys'>> = {
  'api-keys.create': async (context, input) => {
    const principal = await principalFor(context, input.principal_id);
    return issueKey(context, principal, await rolesOf(context, principal), {
      ...input,
      allow_unassigned_principal: input.allow_unassigned_principal ?? false,
    });
  },

  'api-keys.get': async (context, { id }) => keyAnswer(await findKey(context, id), context.now),

  'api-keys.list': async (context, input) => {
    if (input.principal_id === me && (await ownPrincipal(context)) === undefined) return { items: [], has_more: false };
    const principal = input.principal_id === undefined ? undefined : await findPrincipal(context, input.principal_id);
    const { limit = 50, expires_before: before } = input;
    const rows = await keys.list(context, context.project.id, context.now, {
      tags: input.tag ?? [],
      after: afterCursor(input.cursor),
      limit: limit + 1,
      ...present({
        principalId: principal?.id,
        state: input.state,
        expiresBefore: before === undefined ? undefined : Date.parse(before),
      }),
    });
    const items = rows
      .slice(0, limit)
      .filter(({ plain }) => context.manner.ownOnly !== true || plain.permanent !== true)
      .map((row) => keyAnswer(row, context.now));
    return { items, ...cursorAt(rows, limit) };
  },

  'api-keys.update': async (context, { id, project: _, ...change }) => {
    const { tags, state } = change;
    if (change.rate_limit !== undefined || change.allow_ips !== undefined) requireUnlimited(context);
    const row = await findKey(context, id);
    if (keys.stateOf(row, context.now) === 'revoked') {
      throw new MobiusError('conflict', `the api key "${row.plain.name}" is revoked, which is final`, {
        reason: 'revoked',
        name: row.plain.name,
      });
    }
    if (state === 'active' && row.clear.disabled_at !== null) {
      const held = permissionsOf(await rolesOf(context, await principalOf(context, row)));
      await requireHolds(context, context.caller, held, context.project);
    }
    const clear: Partial<keys.KeyRow['clear']> = { updated_at: context.now };
    if (state !== undefined) clear.disabled_at = state === 'disabled' ? (row.clear.disabled_at ?? context.now) : null;
    const plain = { ...row.plain, ...present({ tags }) };
    if (change.rate_limit !== undefined) delete plain.rate_limit;
    if (change.allow_ips !== undefined) delete plain.allow_ips;
    Object.assign(plain, limitsFrom(change));
    const updated = await keys.update(context, row, { clear, plain });
    if (tags !== undefined) await setTags(context, context.project.id, row.id, tags);
    if (state !== undefined) await switchSuccessors(context, updated);
    await context.changed({
      type: 'api_key',
      id: row.id,
      name: row.plain.name,
      changes: {
        fields: Object.keys(present({ tags, state, rate_limit: change.rate_limit, allow_ips: change.allow_ips })),
        ...present({ state, rate_limit: change.rate_limit, allow_ips: change.allow_ips }),
      },
    });
    return keyAnswer(updated, context.now);
  },

  'api-keys.revoke': async (context, { id }) => {
    const row = await findKey(context, id);
    if (!(await stopKey(context, row))) return;
    const taken = await stopSuccessors(context, row);
    const changes = taken.length === 0 ? {} : { changes: takenBack(taken) };
    await context.changed({ type: 'api_key', id: row.id, name: row.plain.name, ...changes });
  },

  'api-keys.rotate': async (context, { id, name, expires_at, grace_seconds }) => {
    const row = await findKey(context, id);
    requireWorking(row, context.now);
    await refuseRotated(context, row);
    const next = context.newId(idPrefixes.apiKey);
    // Before the next one is made: it takes over the name.
    await giveWay(context, row, { to: next, graceSeconds: grace_seconds ?? 0 });
    await movePolicy(context, row.id, next, context.now);
    const made = await makeSuccessor(context, row, { id: next, ...present({ name, expires_at }) });
    await reschedule(context, next);
    return made;
  },

  'api-keys.verify': async (context, { key, permission, ip }) => {
    if (permission !== undefined) requireKnown([permission], 'permission');
    const examining = examine(context, key, context.now);
    const examined = examining instanceof Promise ? await examining : examining;
    const row = examined.fault === undefined ? examined.bound.key : examined.key;
    const projectId = examined.fault === undefined ? examined.bound.project.id : row?.clear.project_id;
    // A key of another project is as unknown here as one that was never made, and so is one with another's handle.
    if (row === undefined || examined.fault === 'unknown' || projectId !== context.project.id) {
      return { valid: false, code: 'NOT_FOUND' };
    }
    const { handle } = context.project.plain;
    const refused = (code: Verification['code']): Verification => ({ valid: false, code, ...tellOf(row, handle) });
    if (examined.fault !== undefined) return refused(verifyCode[examined.fault]);
    const { bound } = examined;
    // Who doesn't say where it was used from can't be told that it may be.
    if (bound.isLimited && row.plain.allow_ips !== undefined && (ip === undefined || !admits(row, ip))) {
      return refused('FORBIDDEN');
    }
    const use: Metered = bound.isLimited ? context.meter(row) : { fits: true };
    if (!use.fits) return { ...refused('RATE_LIMITED'), remaining: 0 };
    context.used(bound);
    if (permission !== undefined && !holds(bound.permissions, permission)) {
      return { ...refused('INSUFFICIENT_PERMISSIONS'), permissions: [...bound.permissions] };
    }
    const answer = tellWorking(bound);
    return use.remaining === undefined ? answer : { ...answer, remaining: use.remaining };
  },
};
