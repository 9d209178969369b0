import { invalidField } from '../errors.ts';
import type { NameOf } from '../operations.ts';
import { actionGroups, carries, catalogue, holds, isKnown, presets } from './catalogue.ts';
import type { Handlers } from './context.ts';
import { findPrincipal } from './principals.ts';
import { rolesCarrying, rolesOf } from './role-book.ts';

/** A permission that nothing could ever allow is a typing error, not a role that does nothing. */
export const requireKnown = (permissions: readonly string[], field: string): void => {
  for (const [index, permission] of permissions.entries()) {
    if (isKnown(permission)) continue;
    const near = catalogue.find(({ id }) => carries(`${permission}.*`, id) || id.endsWith(`.${permission}`));
    throw invalidField(
      permissions.length === 1 ? field : `${field}.${index}`,
      `names no permission: "${permission}"`,
      near === undefined ? 'see which there are: mobius permissions list' : `did you mean "${near.id}"?`,
    );
  }
};

export const handlers: Handlers<NameOf<'permissions'>> = {
  'permissions.list': async () => ({
    items: [...catalogue],
    presets: [...presets],
    action_groups: [...actionGroups],
  }),

  'permissions.check': async (context, input) => {
    requireKnown([input.permission], 'permission');
    const principal = await findPrincipal(context, input.principal_id);
    const active = principal.clear.disabled_at === null;
    const carriers = (await rolesOf(context, principal)).filter((role) => holds(role.permissions, input.permission));
    const all = await rolesCarrying(context, context.project.id, input.permission);
    return {
      allowed: active && carriers.length > 0,
      principal_id: principal.id,
      principal_name: principal.plain.name,
      state: active ? 'active' : 'disabled',
      permission: input.permission,
      roles: carriers.map(({ name }) => name),
      carried_by: all.map(({ name }) => name),
    };
  },
};
