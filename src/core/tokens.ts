import { invalidField, MobiusError, notFound } from '../errors.ts';
import type { Token } from '../generated/types.ts';
import type { NameOf } from '../operations.ts';
import * as principals from '../store/principals.ts';
import * as projects from '../store/projects.ts';
import { askForScrub } from '../store/scrub.ts';
import * as signing from '../store/signing-keys.ts';
import * as tokens from '../store/tokens.ts';
import { findKey } from './api-keys.ts';
import { admits, credentialOf, requireHolds, verifyCode } from './caller.ts';
import { holds } from './catalogue.ts';
import { type Handlers, type ProjectContext, present } from './context.ts';
import { isUuidText, uuidText } from './ids.ts';
import { iso } from './iso.ts';
import { newSigningKey, openSigner } from './jwt.ts';
import { longestJwt } from './jwt-text.ts';
import { requireMintsLeft } from './mint-rate.ts';
import { readTimeCursor, timeCursorAt } from './paging.ts';
import { requireKnown } from './permissions.ts';
import { findPrincipal, ownPrincipal } from './principals.ts';
import { examineToken, findToken, generationOf, type Standings, tokenJwt } from './token-identity.ts';

const stateOf = async (
  context: ProjectContext,
  row: tokens.TokenRow,
  known: Standings | undefined,
): Promise<Token['state']> => {
  const { fault } = await examineToken(context, { row, project: context.project }, context.now, known);
  if (fault === 'revoked' || fault === 'expired') return fault;
  if (fault !== undefined) return 'disabled';
  return tokens.remainingOf(row) === 0 ? 'spent' : 'active';
};

const answerIn = (state: Token['state'], row: tokens.TokenRow): Token => {
  const { id, clear, plain, free } = row;
  return present({
    id,
    owner: plain.owner,
    name: plain.name,
    state,
    expires_at: iso(clear.expires_at),
    remaining: tokens.remainingOf(row),
    request_limit: clear.request_limit,
    last_used_at: free.last_used_at === null ? undefined : iso(free.last_used_at),
    made_by: plain.made_by,
    permissions: [...plain.permissions],
    principal_id: clear.principal_id,
    key_id: clear.key_id,
    credential_id: clear.session_id,
    project_id: clear.project_id,
    revoked_at: clear.revoked_at === null ? undefined : iso(clear.revoked_at),
    created_at: iso(clear.created_at),
  });
};

const answer = async (context: ProjectContext, row: tokens.TokenRow, known?: Standings): Promise<Token> =>
  answerIn(await stateOf(context, row, known), row);

/** Whether another contract's manner lets the caller see it. */
const isThere = async (context: ProjectContext, row: tokens.TokenRow): Promise<boolean> => {
  const { ownOnly, endedIsGone } = context.manner;
  if (ownOnly === true && row.clear.key_id !== context.caller.key?.id) return false;
  return endedIsGone !== true || ['active', 'spent'].includes(await stateOf(context, row, undefined));
};

const findById = async (context: ProjectContext, id: string): Promise<tokens.TokenRow> => {
  const row = await tokens.byId(context, id.toLowerCase());
  if (row?.clear.project_id === context.project.id && (await isThere(context, row))) return row;
  throw notFound('token', id, context.project.plain.handle);
};

/** A token of this project that this vault signed, however long it is over. */
const findSigned = (context: ProjectContext, text: string, find: typeof tokens.known = tokens.byId) => {
  const { signatures, issuer, now, project } = context;
  return findToken(context, text, { signatures, issuer, now, handle: project.plain.handle }, find);
};

/** As long as pages are read, time goes on: what is over by now is not begun with. */
const pageStart = (cursor: string | undefined, from: number): tokens.Filter['after'] => {
  const after = readTimeCursor(cursor, isUuidText);
  return after === undefined || after.at < from ? { at: from, id: '' } : after;
};

const prunedAtOnce = 100;

export const handlers: Handlers<NameOf<'tokens'>> = {
  'tokens.create': async (context, input) => {
    const { caller, project, now, issuer } = context;
    const { expires_in_seconds: seconds = 3600, count = 1, request_limit = 5000 } = input;
    const permissions = input.permissions ?? caller.permissions;
    requireKnown(permissions, 'permissions');
    await requireHolds(context, caller, permissions, project);
    await requireMintsLeft(context);
    const principal = await ownPrincipal(context);
    const sign = await openSigner(context, tokenJwt);
    // Whoever mints them all day keeps no more than those of a day, in a vault that nobody serves too.
    await tokens.prune(context, now, prunedAtOnce);
    const issued = Math.floor(now / 1000);
    // Who verifies without asking us goes by this alone.
    const end = Math.min(issued + seconds, Math.floor((caller.key?.clear.expires_at ?? Number.MAX_VALUE) / 1000));
    if (end <= issued)
      throw new MobiusError('conflict', 'the API key ends within this second', { reason: 'key_ending' });
    const clear = {
      project_id: project.id,
      principal_id: principal?.id ?? null,
      key_id: caller.key?.id ?? null,
      session_id: caller.session?.id ?? null,
      project_generation: generationOf(project),
      principal_generation: generationOf(principal),
      request_limit,
      expires_at: end * 1000,
      revoked_at: null,
      created_at: now,
    };
    const maker = credentialOf(caller);
    const owner = principal?.plain.name ?? caller.user?.plain.email ?? caller.name;
    const plain = present({ name: input.name, permissions, owner, made_by: maker?.name ?? caller.name });
    const claims = {
      iss: issuer,
      sub: principal?.id ?? caller.user?.id ?? issuer,
      aud: project.plain.handle,
      iat: issued,
      nbf: issued,
      exp: end,
      ...(maker === undefined ? {} : { azp: maker.id }),
      scope: permissions.join(' '),
    };
    const items = [];
    for (let made = 0; made < count; made++) {
      const id = uuidText(context.newUuid());
      const row = await tokens.insert(context, id, clear, plain, { used: 0, last_used_at: null });
      if (row === undefined) throw new Error(`the id ${id} was there before`);
      const token = sign({ ...claims, jti: id });
      if (token.length > longestJwt) {
        throw invalidField('permissions', 'are too many to fit in a token: name those that it needs');
      }
      items.push({ ...answerIn('active', row), token });
    }
    const [first] = items;
    await context.changed({
      type: 'token',
      id: first?.id ?? '',
      changes: present({
        ids: count === 1 ? undefined : items.map(({ id }) => id),
        expires_at: iso(clear.expires_at),
        request_limit,
        permissions,
      }),
      ...(input.name === undefined ? {} : { name: input.name }),
    });
    return { items };
  },

  'tokens.list': async (context, input) => {
    const { include_ended: withEnded = false, limit = 50, expires_before: before } = input;
    const principal = input.principal_id === undefined ? undefined : await findPrincipal(context, input.principal_id);
    const key = input.key_id === undefined ? undefined : await findKey(context, input.key_id);
    const rows = await tokens.list(context, context.project.id, context.now, {
      withEnded,
      after: pageStart(input.cursor, withEnded ? 0 : context.now),
      limit: limit + 1,
      ...present({
        principalId: principal?.id,
        keyId: key?.id,
        expiresBefore: before === undefined ? undefined : Date.parse(before),
      }),
    });
    const items: Token[] = [];
    const known: Standings = new Map();
    for (const row of rows.slice(0, limit)) items.push(await answer(context, row, known));
    return { items, ...timeCursorAt(rows, limit, ({ clear }) => clear.expires_at) };
  },

  'tokens.get': async (context, { id }) => answer(context, await findById(context, id)),

  'tokens.inspect': async (context, { token }) => {
    const found = await findSigned(context, token);
    if (typeof found === 'string' || !(await isThere(context, found.row))) {
      const message = `this is no token of project "${context.project.plain.handle}", or it ended long ago`;
      throw new MobiusError('not_found', message, { resource: 'token' });
    }
    return answer(context, found.row);
  },

  'tokens.verify': async (context, { token, permission, ip }) => {
    if (permission !== undefined) requireKnown([permission], 'permission');
    const found = await findSigned(context, token, tokens.known);
    if (found === 'elsewhere') return { valid: false, code: 'NOT_FOUND' };
    if (typeof found === 'string') return { valid: false, code: verifyCode[found] };
    const { row, project } = found;
    const about = present({
      token_id: row.id,
      name: row.plain.name,
      owner: row.plain.owner,
      principal_id: row.clear.principal_id,
      key_id: row.clear.key_id,
      project: project.plain.handle,
      expires_at: iso(row.clear.expires_at),
    });
    const examined = await examineToken(context, found, context.now);
    if (examined.fault !== undefined) return { valid: false, code: verifyCode[examined.fault], ...about };
    const { key, permissions } = examined.caller;
    if (key?.plain.allow_ips !== undefined && (ip === undefined || !admits(key, ip))) {
      return { valid: false, code: 'FORBIDDEN', ...about };
    }
    const known = { ...about, permissions: [...permissions] };
    const spent = { valid: false, code: 'USAGE_EXCEEDED' as const, ...known, remaining: 0 };
    const lacks = permission !== undefined && !holds(permissions, permission);
    if (lacks || key?.plain.rate_limit !== undefined) {
      // Who has nothing left uses up no rate either.
      const remaining = await tokens.leftOf(context, row);
      if (remaining === 0) return spent;
      if (lacks) return { valid: false, code: 'INSUFFICIENT_PERMISSIONS', ...known, remaining };
    }
    if (key !== undefined && !context.meter(key).fits) return { valid: false, code: 'RATE_LIMITED', ...known };
    const remaining = await context.spend(row);
    return remaining === undefined ? spent : { valid: true, code: 'VALID', ...known, remaining };
  },

  'tokens.revoke': async (context, { id }) => {
    const row = await findById(context, id);
    if (row.clear.revoked_at !== null) return;
    await tokens.update(context, row, { clear: { revoked_at: context.now } });
    await context.changed({ type: 'token', id: row.id, ...present({ name: row.plain.name }) });
  },

  'tokens.revoke-all': async (context, input) => {
    const { now, project } = context;
    const principal = input.principal_id === undefined ? undefined : await findPrincipal(context, input.principal_id);
    const of = principal ?? project;
    const clear = { token_generation: generationOf(of) + 1, updated_at: now };
    if (principal === undefined) await projects.update(context, project, { clear });
    else await principals.update(context, principal, { clear });
    const [type, name] =
      principal === undefined ? ['project', project.plain.handle] : ['principal', principal.plain.name];
    await context.changed({ type, id: of.id, name });
  },

  'tokens.rotate-signing-key': async (context, { drop_old: dropsOld = false }) => {
    const earlier = await signing.all(context);
    const made = await newSigningKey(context);
    for (const key of earlier) {
      if (dropsOld) await signing.remove(context, key.id);
      else if (key.clear.retired_at === null) {
        // Nobody can sign with it any more, whoever may come by the vault later.
        const plain = { public_key: key.plain.public_key };
        await signing.update(context, key, { clear: { retired_at: context.now }, plain });
      }
    }
    // What is refused for its signature is not to be shown as if it worked.
    for (const project of dropsOld ? await projects.list(context, true) : []) {
      await projects.update(context, project, { clear: { token_generation: generationOf(project) + 1 } });
    }
    await askForScrub(context.db, context.now);
    const dropped = dropsOld ? earlier.length : 0;
    await context.changed({ type: 'signing_key', id: made.id, changes: { dropped } });
    return { id: made.id, created_at: iso(made.clear.created_at), dropped };
  },
};
