import { MobiusError } from '../errors.ts';
import * as keys from '../store/api-keys.ts';
import * as principals from '../store/principals.ts';
import * as projects from '../store/projects.ts';
import * as sessions from '../store/sessions.ts';
import type { Store } from '../store/table.ts';
import * as tokens from '../store/tokens.ts';
import { asKey, type Caller, examineKey, type Fault, owner, recallKey } from './caller.ts';
import { holds } from './catalogue.ts';
import type { Identified, Question } from './identify.ts';
import { isUuidText } from './ids.ts';
import { readJwt } from './jwt.ts';
import { asUser } from './session-identity.ts';

/** As RFC 9068 has it: neither a session nor anything else that we sign passes for a token, nor a token for that. */
export const tokenJwt = 'at+jwt';

/** How far ahead the clock of whoever made a token may go. Its end is exact. */
export const skewMs = 5_000;

const damaged = (row: tokens.TokenRow, what: string): MobiusError =>
  new MobiusError('damaged', `the ${what} of the token "${row.id}" is missing`, { id: row.id });

/** What both lists carry, wildcards included. */
const both = (one: readonly string[], other: readonly string[]): string[] =>
  [
    ...new Set([
      ...one.filter((permission) => holds(other, permission)),
      ...other.filter((permission) => holds(one, permission)),
    ]),
  ].sort();

/** Whoever made it, as they are now. */
const makerOf = async (
  store: Store,
  row: tokens.TokenRow,
  project: projects.ProjectRow,
  now: number,
): Promise<{ caller: Caller; fault?: undefined } | { fault: Fault }> => {
  const { key_id: keyId, session_id: sessionId } = row.clear;
  if (keyId !== null) {
    const bound = await recallKey(store, `key ${keyId}`, () => keys.byId(store, keyId));
    if (bound === undefined) throw damaged(row, 'key');
    const examined = examineKey(bound, now, undefined);
    return examined.fault === undefined ? { caller: asKey(examined.bound) } : { fault: examined.fault };
  }
  if (sessionId === null) return { caller: { ...owner, project } };
  const session = await sessions.byId(store, sessionId);
  if (session === undefined) throw damaged(row, 'session');
  try {
    const found = await asUser(store, { session }, { now, handle: project.plain.handle });
    if (found.fault === undefined) return found;
    return { fault: found.fault === 'elsewhere' ? 'disabled' : found.fault };
  } catch (error) {
    // A person who has no part in the project any more.
    if (error instanceof MobiusError && error.code === 'not_found') return { fault: 'disabled' };
    throw error;
  }
};

type Generation = { clear: { token_generation: number | null } } | undefined;

export const generationOf = (row: Generation): number => row?.clear.token_generation ?? 0;

/** Revoked with all others of its project or its principal. */
const isPassedOver = ({ clear }: tokens.TokenRow, project: Generation, principal: Generation): boolean =>
  clear.project_generation !== generationOf(project) || clear.principal_generation !== generationOf(principal);

interface Standing {
  principal: principals.PrincipalRow | undefined;
  maker: { caller: Caller; fault?: undefined } | { fault: Fault };
}

/** What is known of those that tokens hang on, for who looks at many of the same. */
export type Standings = Map<string, Standing>;

const standingOf = async (
  store: Store,
  row: tokens.TokenRow,
  project: projects.ProjectRow,
  now: number,
  known: Standings,
): Promise<Standing> => {
  const { principal_id: principalId, key_id: keyId, session_id: sessionId } = row.clear;
  const at = [principalId, keyId, sessionId].join(' ');
  const before = known.get(at);
  if (before !== undefined) return before;
  const principal = principalId === null ? undefined : await principals.byId(store, principalId);
  if (principalId !== null && principal === undefined) throw damaged(row, 'principal');
  const standing = { principal, maker: await makerOf(store, row, project, now) };
  known.set(at, standing);
  return standing;
};

/** The one place that decides whether a token works: it lives no longer than what it was made with, nor than whom it is for. */
export const examineToken = async (
  store: Store,
  { row, project }: FoundToken,
  now: number,
  known: Standings = new Map(),
): Promise<{ caller: Caller; fault?: undefined } | { fault: Fault }> => {
  const { principal, maker } = await standingOf(store, row, project, now, known);
  if (row.clear.revoked_at !== null) return { fault: 'revoked' };
  if (row.clear.expires_at <= now) return { fault: 'expired' };
  if (isPassedOver(row, project, principal)) return { fault: 'revoked' };
  const off = [project.clear.archived_at, principal?.clear.disabled_at, principal?.clear.archived_at];
  if (off.some((time) => (time ?? null) !== null)) return { fault: 'disabled' };
  if (maker.fault !== undefined) return maker;
  const { name, key, permissions } = maker.caller;
  return {
    caller: {
      kind: 'token',
      name,
      roles: [],
      permissions: both(row.plain.permissions, permissions),
      everywhere: false,
      project,
      token: row,
      ...(principal === undefined ? {} : { principal }),
      ...(key === undefined ? {} : { key }),
    },
  };
};

export interface FoundToken {
  row: tokens.TokenRow;
  project: projects.ProjectRow;
}

/**
 * The token that a JWT of ours is; a fault where it is none, or none any more. `find` finds its row: as it is, or as it
 * is remembered.
 */
export const findToken = async (
  store: Store,
  text: string,
  { signatures, issuer, now, handle }: Omit<Question, 'actor'>,
  find: typeof tokens.known = tokens.byId,
): Promise<FoundToken | Fault | 'elsewhere'> => {
  const claims = await readJwt(store, signatures, tokenJwt, text);
  if (claims === undefined) return 'malformed';
  const { iss, jti, aud, nbf, exp } = claims;
  if (iss !== issuer || typeof jti !== 'string' || !isUuidText(jti)) return 'malformed';
  const row = await find(store, jti);
  if (row === undefined || !tokens.isKept(row, now)) {
    if (handle !== undefined && aud !== handle) return 'elsewhere';
    return typeof exp === 'number' && exp * 1000 <= now ? 'expired' : 'unknown';
  }
  const project = await projects.byId(store, row.clear.project_id);
  if (project === undefined) throw damaged(row, 'project');
  if (handle !== undefined && project.plain.handle !== handle) return 'elsewhere';
  return typeof nbf === 'number' && nbf * 1000 <= now + skewMs ? { row, project } : 'early';
};

export const asToken = async (store: Store, text: string, question: Question): Promise<Identified> => {
  const found = await findToken(store, text, question);
  if (typeof found === 'string') return { fault: found };
  const examined = await examineToken(store, found, question.now);
  return examined.fault === undefined ? examined : { fault: examined.fault, token: found.row };
};
