import { MobiusError } from '../errors.ts';
import type { NameOf } from '../operations.ts';
import { type Handlers, iso, present } from './context.ts';

const later = async (): Promise<never> => {
  throw new MobiusError('unsupported', 'not here yet');
};

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
  'auth.login': later,
  'auth.refresh': later,
  'auth.logout': later,
  'auth.device-code': later,
  'auth.device-token': later,
  'auth.show-device': later,
  'auth.decide-device': later,
  'auth.list-credentials': later,
  'auth.revoke-credential': later,
};
