import { invalidField, MobiusError } from '../errors.ts';
import type { ApiKey, ApiKeyCreated } from '../generated/types.ts';
import * as keys from '../store/api-keys.ts';
import type { PrincipalRow } from '../store/principals.ts';
import { addTags, type Tags } from '../store/tags.ts';
import { notByToken, permissionsOf, requireHolds, requirePermission } from './caller.ts';
import { type ProjectContext, present } from './context.ts';
import { idPrefixes } from './ids.ts';
import { iso } from './iso.ts';
import { formatKey, formatPlainKey, keyPrefix, keySuffix } from './key-format.ts';
import type { Role } from './role-book.ts';

export const rateText = ({ uses, seconds }: keys.RateLimit): string => `${uses}/${seconds}s`;

/** Undefined for none. */
const rateFrom = (text: string | undefined): keys.RateLimit | undefined => {
  const [, uses, seconds] = /^(\d+)\/(\d+)s$/.exec(text ?? '') ?? [];
  return uses === undefined || seconds === undefined ? undefined : { uses: Number(uses), seconds: Number(seconds) };
};

/** The limits of a key as its row holds them: what is none is not there. */
export const limitsFrom = (wish: {
  rate_limit?: string;
  allow_ips?: readonly string[];
}): Pick<keys.KeyRow['plain'], 'rate_limit' | 'allow_ips'> =>
  present({
    rate_limit: rateFrom(wish.rate_limit),
    allow_ips: wish.allow_ips === undefined || wish.allow_ips.length === 0 ? undefined : wish.allow_ips,
  });

/** A key that is held to limits hands them on: it would else make itself one without. */
const limitsOf = (key: keys.KeyRow | undefined): Pick<keys.KeyRow['plain'], 'rate_limit' | 'allow_ips'> =>
  present({ rate_limit: key?.plain.rate_limit, allow_ips: key?.plain.allow_ips });

/** What a key is held to, as a text that is the same for the same limits. */
const limitsText = ({ plain: { rate_limit: rate, allow_ips: networks } }: keys.KeyRow): string =>
  JSON.stringify([rate === undefined ? null : rateText(rate), networks ?? null]);

/** Nor does it lift them, from itself or from another. */
export const requireUnlimited = ({ caller: { key } }: ProjectContext): void => {
  if (Object.keys(limitsOf(key)).length === 0) return;
  throw new MobiusError('forbidden', "a key that is held to limits can't change those of a key", { reason: 'limits' });
};

/** A rotated key has the limits of the one before, and its maker's: where both have some they must be the same. */
export const requireSameLimits = (context: ProjectContext, row: keys.KeyRow): void => {
  const { key } = context.caller;
  if (Object.keys(limitsOf(row)).length === 0 || (key !== undefined && limitsText(key) === limitsText(row))) return;
  requireUnlimited(context);
};

export const keyAnswer = (row: keys.KeyRow, now: number): ApiKey => {
  const { id, clear, plain, free } = row;
  const time = (value: number | null): string | undefined => (value === null ? undefined : iso(value));
  const state = keys.stateOf(row, now);
  return present({
    id,
    name: plain.name,
    state,
    principal_id: clear.principal_id,
    key_prefix: plain.prefix,
    key_suffix: plain.suffix,
    project_id: clear.project_id,
    expires_at: time(clear.expires_at),
    last_used_at: time(free.last_used_at),
    retires_at: state === 'revoked' ? undefined : time(clear.retires_at),
    revoked_at: state === 'revoked' ? time(clear.revoked_at ?? clear.retires_at) : undefined,
    rate_limit: plain.rate_limit === undefined ? undefined : rateText(plain.rate_limit),
    allow_ips: plain.allow_ips === undefined ? undefined : [...plain.allow_ips],
    rotated_from: plain.rotated_from,
    replaced_by: plain.replaced_by,
    tags: plain.tags,
    created_at: iso(clear.created_at),
    updated_at: iso(clear.updated_at),
  });
};

export interface KeyWish {
  name: string;
  expires_at?: string;
  tags?: Tags;
  prefix?: string;
  rate_limit?: string;
  allow_ips?: readonly string[];
  allow_unassigned_principal: boolean;
  /** Chosen before, where something must name it. */
  id?: string;
  rotated_from?: string;
  permanent?: true;
  /** Another key may have the name: it takes the place of one of two that had it. */
  nameMayRepeat?: true;
  /** It takes its own place, as somebody who may issue keys said that it should. */
  bySchedule?: true;
}

/** In a zone west of Greenwich the year 9999 ends after this, and no RFC 3339 time says when. */
export const lastTime = Date.parse('9999-12-31T23:59:59.999Z');

/** When a key is to stop by itself; null where it never does. */
export const endFrom = (text: string | undefined, now: number): number | null => {
  if (text === undefined) return null;
  const end = Date.parse(text);
  if (end <= now) throw invalidField('expires_at', 'must be in the future');
  if (end > lastTime) throw invalidField('expires_at', 'must be before the year 10000');
  return end;
};

/** What logins and tokens begin with: a key that looked like one would be taken for one. */
const reservedPrefixes: readonly string[] = ['mbc_', 'mbd_', 'mbr_'];

/** Where a contract says how many keys may work at once. One that came with the account is none of them. */
const requireRoom = async (context: ProjectContext, principal: PrincipalRow): Promise<void> => {
  const { mostKeys } = context.manner;
  if (mostKeys === undefined) return;
  const working = await keys.working(context, principal.id, context.now);
  if (working.filter(({ plain }) => plain.permanent !== true).length < mostKeys) return;
  throw new MobiusError('conflict', `"${principal.plain.name}" has ${mostKeys} keys that work already`, {
    reason: 'most_keys',
    most: mostKeys,
  });
};

/** The prefix that a key was issued with: what is kept of it is cut short. */
export const issuedPrefix = ({ plain }: keys.KeyRow): string | undefined =>
  plain.issued_as ?? /^.*_/.exec(plain.prefix)?.[0];

/** In contracts that know nobody but the one account, its keys make keys for it; those of other contracts don't. */
const isThemselves = ({ caller, manner }: ProjectContext, { id, clear }: PrincipalRow): boolean => {
  if (caller.user?.id === clear.user_id) return true;
  if (manner.ownOnly !== true || caller.key === undefined || caller.principal?.id !== id) return false;
  return issuedPrefix(caller.key) === manner.keyPrefix;
};

/** Makes a key and answers it, the raw key included: the only time that it exists outside its owner's hands. */
export const issueKey = async (
  context: ProjectContext,
  principal: PrincipalRow,
  roles: readonly Role[],
  wish: KeyWish,
): Promise<ApiKeyCreated> => {
  const { project, now, caller } = context;
  // Said here, for a key is also made as part of a larger step that asks for another permission.
  if (caller.kind === 'token') throw notByToken();
  if (wish.bySchedule !== true) await requirePermission(context, caller, 'mobius.keys.issue', project);
  const expiresAt = endFrom(wish.expires_at, now);
  if (principal.clear.disabled_at !== null) {
    throw new MobiusError('conflict', `the principal "${principal.plain.name}" is disabled`, {
      reason: 'principal_disabled',
      name: principal.plain.name,
    });
  }
  if (roles.length === 0 && !wish.allow_unassigned_principal) {
    throw new MobiusError(
      'principal_has_no_roles',
      `the principal "${principal.plain.name}" has no role, so its key could do nothing`,
      { name: principal.plain.name },
    );
  }
  // A person's roles change behind the back of whoever holds a key for them: only they, and who may do all, make one.
  const isTheirs = wish.bySchedule === true || isThemselves(context, principal);
  if (principal.clear.user_id !== null && !caller.everywhere && !isTheirs) {
    const message = `the principal "${principal.plain.name}" is a person: only they make keys for it`;
    throw new MobiusError('forbidden', message, { reason: 'person' });
  }
  // Whoever may issue keys but not manage access must not reach more through somebody else's key.
  await requireHolds(context, caller, permissionsOf(roles), project);
  if (reservedPrefixes.some((prefix) => wish.prefix?.startsWith(prefix))) {
    throw invalidField('prefix', `can't be "${wish.prefix}", which mobius itself uses for something else`);
  }
  await requireRoom(context, principal);
  const prefix = context.manner.keyPrefix ?? wish.prefix ?? 'mbx_';
  const random = context.randomBytes(32);
  const key = context.manner.keyShape === 'plain' ? formatPlainKey(random) : formatKey(prefix, random);
  const mayRepeat = context.manner.namesRepeat === true || wish.nameMayRepeat === true;
  const taken = mayRepeat && (await keys.byName(context, project.id, wish.name)) !== undefined;
  const row = await keys.insert(
    context,
    wish.id ?? context.newId(idPrefixes.apiKey),
    {
      project_id: project.id,
      principal_id: principal.id,
      name_index: taken ? null : keys.nameIndex(context, project.id, wish.name),
      key_hash: context.sealer.keyHash(key),
      expires_at: expiresAt,
      disabled_at: null,
      revoked_at: null,
      retires_at: null,
      created_at: now,
      updated_at: now,
    },
    present({
      name: wish.name,
      prefix: keyPrefix(key),
      suffix: keySuffix(key),
      tags: wish.tags,
      issued_as: prefix.length > keyPrefix(key).length ? prefix : undefined,
      name_taken: taken || undefined,
      permanent: wish.permanent,
      rotated_from: wish.rotated_from,
      ...limitsFrom(wish),
      ...limitsOf(caller.key),
    }),
  );
  if (row === undefined) {
    throw new MobiusError(
      'already_exists',
      `an api key named "${wish.name}" already exists in project "${project.plain.handle}"`,
      { resource: 'api key', field: 'name', name: wish.name },
    );
  }
  await addTags(context, project.id, row.id, wish.tags ?? {});
  await context.changed({
    type: 'api_key',
    id: row.id,
    name: wish.name,
    changes: present({
      principal_id: principal.id,
      rotated_from: wish.rotated_from,
      expires_at: wish.expires_at,
      rate_limit: wish.rate_limit,
      allow_ips: wish.allow_ips,
    }),
  });
  return { ...keyAnswer(row, now), key };
};
