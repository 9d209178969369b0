import { MobiusError, notFound } from '../errors.ts';
import type { NameOf } from '../operations.ts';
import * as keys from '../store/api-keys.ts';
import * as principals from '../store/principals.ts';
import { setTags } from '../store/tags.ts';
import { admits, examine, permissionsOf, requireHolds, verifyCode } from './caller.ts';
import { holds } from './catalogue.ts';
import { type Handlers, iso, type ProjectContext, present } from './context.ts';
import { idPrefixes, isId } from './ids.ts';
import {
  issuedPrefix,
  issueKey,
  keyAnswer,
  limitsFrom,
  rateText,
  requireSameLimits,
  requireUnlimited,
} from './key-issue.ts';
import { me } from './manner.ts';
import { afterCursor, cursorAt } from './paging.ts';
import { takePartBesides } from './parts.ts';
import { requireKnown } from './permissions.ts';
import { findPrincipal, ownPrincipal } from './principals.ts';
import { rolesOf } from './role-book.ts';

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
const isThere = async (context: ProjectContext, { clear, plain }: keys.KeyRow): Promise<boolean> => {
  const { endedIsGone, ownOnly } = context.manner;
  if (endedIsGone === true && clear.revoked_at !== null) return false;
  if (ownOnly !== true) return true;
  return plain.permanent !== true && clear.principal_id === (await ownPrincipal(context))?.id;
};

const principalOf = async (context: ProjectContext, row: keys.KeyRow): Promise<principals.PrincipalRow> => {
  const principal = await principals.byId(context, row.clear.principal_id);
  if (principal === undefined) {
    throw new MobiusError('damaged', `the principal of the key "${row.id}" is missing`, { id: row.id });
  }
  return principal;
};

/** Where another contract's keys are for whoever makes them, an administrator without a part in the project takes one. */
const principalFor = async (context: ProjectContext, reference: string): Promise<principals.PrincipalRow> => {
  const { user, everywhere } = context.caller;
  if (reference === me && context.manner.credentials !== undefined && everywhere && user !== undefined) {
    return (await ownPrincipal(context)) ?? takePartBesides(context, user, 'Worker');
  }
  return findPrincipal(context, reference);
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
    const limit = input.limit ?? 50;
    const rows = await keys.list(context, context.project.id, context.now, {
      tags: input.tag ?? [],
      after: afterCursor(input.cursor),
      limit: limit + 1,
      ...present({ principalId: principal?.id, state: input.state }),
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
    if (row.clear.revoked_at !== null) {
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
    if (row.clear.revoked_at !== null) return;
    await keys.update(context, row, {
      clear: { revoked_at: context.now, updated_at: context.now, name_index: null },
    });
    await context.changed({ type: 'api_key', id: row.id, name: row.plain.name });
  },

  'api-keys.rotate': async (context, { id, name, expires_at }) => {
    const row = await findKey(context, id);
    const { clear, plain } = row;
    const state = keys.stateOf(row, context.now);
    if (state !== 'active') {
      const message = `the api key "${plain.name}" is ${state}, and only one that works can be rotated`;
      throw new MobiusError('conflict', message, { reason: `key_${state}`, name: plain.name });
    }
    requireSameLimits(context, row);
    const principal = await principalOf(context, row);
    const next = context.newId(idPrefixes.apiKey);
    // Before the next one is made: it takes over the name.
    await keys.update(context, row, {
      clear: { revoked_at: context.now, updated_at: context.now, name_index: null },
      plain: { ...plain, replaced_by: next },
    });
    const expires = expires_at ?? (clear.expires_at === null ? undefined : new Date(clear.expires_at).toISOString());
    return issueKey(context, principal, await rolesOf(context, principal), {
      id: next,
      name: name ?? plain.name,
      allow_unassigned_principal: true,
      rotated_from: row.id,
      ...present({
        expires_at: expires,
        tags: plain.tags,
        prefix: issuedPrefix(row),
        rate_limit: plain.rate_limit === undefined ? undefined : rateText(plain.rate_limit),
        allow_ips: plain.allow_ips,
        permanent: plain.permanent,
        nameMayRepeat: name === undefined ? plain.name_taken : undefined,
      }),
    });
  },

  'api-keys.verify': async (context, { key, permission, ip }) => {
    if (permission !== undefined) requireKnown([permission], 'permission');
    const examined = await examine(context, key, context.now);
    const row = examined.fault === undefined ? examined.bound.key : examined.key;
    // A key of another project is as unknown here as one that was never made, and so is one with another's handle.
    if (row === undefined || examined.fault === 'unknown' || row.clear.project_id !== context.project.id) {
      return { valid: false, code: 'NOT_FOUND' };
    }
    const about = present({
      key_id: row.id,
      principal_id: row.clear.principal_id,
      project: context.project.plain.handle,
      name: row.plain.name,
      expires_at: row.clear.expires_at === null ? undefined : iso(row.clear.expires_at),
    });
    if (examined.fault !== undefined) return { valid: false, code: verifyCode[examined.fault], ...about };
    // Who doesn't say where it was used from can't be told that it may be.
    if (row.plain.allow_ips !== undefined && (ip === undefined || !admits(row, ip))) {
      return { valid: false, code: 'FORBIDDEN', ...about };
    }
    const use = context.meter(row);
    if (!use.fits) return { valid: false, code: 'RATE_LIMITED', ...about, remaining: 0 };
    const permissions = permissionsOf(examined.bound.roles);
    context.used(row.id);
    if (permission !== undefined && !holds(permissions, permission)) {
      return { valid: false, code: 'INSUFFICIENT_PERMISSIONS', ...about, permissions };
    }
    return { valid: true, code: 'VALID', ...about, permissions, ...present({ remaining: use.remaining }) };
  },
};
