import { MobiusError } from '../errors.ts';
import type { ApiKeyCreated } from '../generated/types.ts';
import * as keys from '../store/api-keys.ts';
import * as principals from '../store/principals.ts';
import { type ProjectContext, present } from './context.ts';
import { issuedPrefix, issueKey, lastTime, rateText, requireSameLimits } from './key-issue.ts';
import { rolesOf } from './role-book.ts';

export const principalOf = async (context: ProjectContext, row: keys.KeyRow): Promise<principals.PrincipalRow> => {
  const principal = await principals.byId(context, row.clear.principal_id);
  if (principal === undefined) {
    throw new MobiusError('damaged', `the principal of the key "${row.id}" is missing`, { id: row.id });
  }
  return principal;
};

/** Whether it may be replaced at all, now. */
export const requireWorking = (row: keys.KeyRow, now: number): void => {
  const state = keys.stateOf(row, now);
  if (state === 'active') return;
  const { name } = row.plain;
  const message = `the api key "${name}" is ${state}, and only one that works can be rotated`;
  throw new MobiusError('conflict', message, { reason: `key_${state}`, name });
};

/** As long a life as the one before had; in a contract that says so, the same end. */
const endFor = ({ manner, now }: ProjectContext, { clear }: keys.KeyRow): string | undefined => {
  const { expires_at: end, created_at: begun } = clear;
  if (end === null) return undefined;
  return new Date(manner.sameEnd === true ? end : Math.min(now + end - begun, lastTime)).toISOString();
};

export interface Succession {
  /** Chosen before, where something must name it. */
  id?: string;
  name?: string;
  expires_at?: string;
  /** The one that it replaces still has the name. */
  beside?: true;
  /** Somebody who may issue keys said that this one rotates itself. */
  bySchedule?: true;
}

/** Makes the key that takes another's place: the same principal, name, tags, limits and length of life. */
export const makeSuccessor = async (
  context: ProjectContext,
  row: keys.KeyRow,
  { id, name, expires_at, beside, bySchedule }: Succession,
): Promise<ApiKeyCreated> => {
  requireWorking(row, context.now);
  requireSameLimits(context, row);
  const { plain } = row;
  const principal = await principalOf(context, row);
  const keepsName = name === undefined || name === plain.name;
  const mayRepeat = keepsName
    ? beside === true || plain.name_taken === true
    : beside === true && (await keys.byName(context, context.project.id, name))?.plain.rotated_from === row.id;
  return issueKey(context, principal, await rolesOf(context, principal), {
    name: name ?? plain.name,
    allow_unassigned_principal: true,
    rotated_from: row.id,
    ...present({
      id,
      expires_at: expires_at ?? endFor(context, row),
      tags: plain.tags,
      prefix: issuedPrefix(row),
      rate_limit: plain.rate_limit === undefined ? undefined : rateText(plain.rate_limit),
      allow_ips: plain.allow_ips,
      permanent: plain.permanent,
      nameMayRepeat: mayRepeat || undefined,
      bySchedule,
    }),
  });
};

/** After its grace the key is refused; its name is free at once. */
export const giveWay = (
  context: ProjectContext,
  row: keys.KeyRow,
  { to, graceSeconds }: { to: string; graceSeconds: number },
): Promise<keys.KeyRow> =>
  keys.update(context, row, {
    clear: {
      ...(graceSeconds > 0
        ? { retires_at: context.now + graceSeconds * 1000 }
        : { revoked_at: row.clear.revoked_at ?? context.now }),
      updated_at: context.now,
      name_index: null,
    },
    plain: { ...row.plain, replaced_by: to },
  });

/** Ends a key that is not to work any more; one that doesn't is left as it is. */
export const stopKey = async (context: ProjectContext, row: keys.KeyRow): Promise<boolean> => {
  if (keys.stateOf(row, context.now) === 'revoked') return false;
  await keys.update(context, row, {
    clear: { revoked_at: context.now, updated_at: context.now, name_index: null },
  });
  return true;
};

/** The name goes from the one that gave way to the one that took its place, unless another key has it by now. */
export const takeName = async (context: ProjectContext, row: keys.KeyRow): Promise<keys.KeyRow> => {
  const { name_taken: isTaken, ...plain } = row.plain;
  if (isTaken !== true || (await keys.byName(context, context.project.id, plain.name)) !== undefined) return row;
  const nameIndex = keys.nameIndex(context, context.project.id, plain.name);
  return keys.update(context, row, { clear: { name_index: nameIndex, updated_at: context.now }, plain });
};
