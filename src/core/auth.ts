import type { NameOf } from '../operations.ts';
import { type Handlers, iso, present } from './context.ts';

export const handlers: Handlers<NameOf<'auth'>> = {
  'auth.whoami': async ({ caller }) => {
    const { name, bound } = caller;
    const permissions = [...caller.permissions];
    if (bound === undefined) return { kind: 'owner', name, permissions };
    const { key, principal, project, roles } = bound;
    return present({
      kind: 'api-key' as const,
      name,
      principal_id: principal.id,
      key_id: key.id,
      key_name: key.plain.name,
      project: project.plain.handle,
      roles: roles.map((role) => role.name),
      permissions,
      expires_at: key.clear.expires_at === null ? undefined : iso(key.clear.expires_at),
    });
  },
};
