import type { AuditColumns, AuditPlain } from '../store/audit.ts';
import type { Caller } from './caller.ts';
import type { Change } from './context.ts';

/** The audit row of one change. */
export const entryOf = (
  action: string,
  { type, id, name, changes }: Change,
  at: number,
  { name: actor, principal, key, session, from }: Pick<Caller, 'name' | 'principal' | 'key' | 'session' | 'from'>,
  projectId: string | undefined,
): [AuditColumns, AuditPlain] => [
  {
    project_id: projectId ?? null,
    action,
    resource_type: type,
    resource_id: id,
    principal_id: principal?.id ?? null,
    credential_id: key?.id ?? session?.id ?? null,
    created_at: at,
  },
  {
    actor_name: actor,
    ...(name === undefined ? {} : { resource_name: name }),
    ...(key === undefined ? {} : { credential_name: key.plain.name }),
    ...(session === undefined ? {} : { credential_name: session.plain.label }),
    ...(from === undefined ? {} : { ip_address: from.ip }),
    ...(from?.userAgent === undefined ? {} : { user_agent: from.userAgent.slice(0, 256) }),
    ...(changes === undefined ? {} : { changes }),
  },
];
