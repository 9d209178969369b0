import { invalidField, MobiusError } from '../errors.ts';
import type { ApiKey, ApiKeyCreated } from '../generated/types.ts';
import * as keys from '../store/api-keys.ts';
import type { PrincipalRow } from '../store/principals.ts';
import { setTags, type Tags } from '../store/tags.ts';
import { permissionsOf, requireHolds, requirePermission } from './caller.ts';
import { iso, type ProjectContext, present } from './context.ts';
import { idPrefixes } from './ids.ts';
import { formatKey, keyPrefix, keySuffix } from './key-format.ts';
import type { Role } from './role-book.ts';

export const keyAnswer = (row: keys.KeyRow, now: number): ApiKey => {
  const { id, clear, plain, free } = row;
  const time = (value: number | null): string | undefined => (value === null ? undefined : iso(value));
  return present({
    id,
    name: plain.name,
    state: keys.stateOf(row, now),
    principal_id: clear.principal_id,
    key_prefix: plain.prefix,
    key_suffix: plain.suffix,
    project_id: clear.project_id,
    expires_at: time(clear.expires_at),
    last_used_at: time(free.last_used_at),
    revoked_at: time(clear.revoked_at),
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
  allow_unassigned_principal: boolean;
}

/** In a zone west of Greenwich the year 9999 ends after this, and no RFC 3339 time says when. */
const lastTime = Date.parse('9999-12-31T23:59:59.999Z');

/** Makes a key and answers it, the raw key included: the only time that it exists outside its owner's hands. */
export const issueKey = async (
  context: ProjectContext,
  principal: PrincipalRow,
  roles: readonly Role[],
  wish: KeyWish,
): Promise<ApiKeyCreated> => {
  const { project, now, caller } = context;
  // Said here, for a key is also made as part of a larger step that asks for another permission.
  await requirePermission(context, caller, 'mobius.keys.issue', project);
  const expiresAt = wish.expires_at === undefined ? null : Date.parse(wish.expires_at);
  if (expiresAt !== null && expiresAt <= now) throw invalidField('expires_at', 'must be in the future');
  if (expiresAt !== null && expiresAt > lastTime) throw invalidField('expires_at', 'must be before the year 10000');
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
  // Whoever may issue keys but not manage access must not reach more through somebody else's key.
  await requireHolds(context, caller, permissionsOf(roles), project);
  const key = formatKey(wish.prefix ?? 'mbx_', context.randomBytes(32));
  const row = await keys.insert(
    context,
    context.newId(idPrefixes.apiKey),
    {
      project_id: project.id,
      principal_id: principal.id,
      name_index: keys.nameIndex(context, project.id, wish.name),
      key_hash: context.sealer.keyHash(key),
      expires_at: expiresAt,
      disabled_at: null,
      revoked_at: null,
      created_at: now,
      updated_at: now,
    },
    present({ name: wish.name, prefix: keyPrefix(key), suffix: keySuffix(key), tags: wish.tags }),
  );
  if (row === undefined) {
    throw new MobiusError(
      'already_exists',
      `an api key named "${wish.name}" already exists in project "${project.plain.handle}"`,
      { resource: 'api key', field: 'name', name: wish.name },
    );
  }
  await setTags(context, project.id, row.id, wish.tags ?? {});
  await context.changed({
    type: 'api_key',
    id: row.id,
    name: wish.name,
    changes: present({ principal_id: principal.id, expires_at: wish.expires_at }),
  });
  return { ...keyAnswer(row, now), key };
};
