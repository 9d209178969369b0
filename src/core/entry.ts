import type { AuditColumns, AuditPlain } from '../store/audit.ts';
import { type Caller, credentialOf } from './caller.ts';
import type { Change } from './context.ts';

/** The audit row of one change. */
export const entryOf = (
  action: string,
  { type, id, name, changes, projectId: own }: Change,
  at: number,
  caller: Pick<Caller, 'name' | 'principal' | 'key' | 'session' | 'token' | 'from'>,
  projectId: string | undefined,
): [AuditColumns, AuditPlain] => {
  const { name: actor, principal, from } = caller;
  const credential = credentialOf(caller);
  return [
    {
      project_id: own ?? projectId ?? null,
      action,
      resource_type: type,
      resource_id: id,
      principal_id: principal?.id ?? null,
      credential_id: credential?.id ?? null,
      created_at: at,
    },
    {
      actor_name: actor,
      ...(name === undefined ? {} : { resource_name: name }),
      ...(credential === undefined ? {} : { credential_name: credential.name }),
      ...(from === undefined ? {} : { ip_address: from.ip }),
      ...(from?.userAgent === undefined ? {} : { user_agent: from.userAgent.slice(0, 256) }),
      ...(changes === undefined ? {} : { changes }),
    },
  ];
};
