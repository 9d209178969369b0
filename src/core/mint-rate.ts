import { MobiusError } from '../errors.ts';
import * as audit from '../store/audit.ts';
import type { ProjectContext } from './context.ts';

const windowMs = 60_000;

/**
 * Where a contract says how many requests for tokens a key may make in a minute: those of the last minute stand in the
 * audit log, which each of them wrote to, so no clock tick lets twice as many through.
 */
export const requireMintsLeft = async (context: ProjectContext): Promise<void> => {
  const { manner, caller, project, now } = context;
  if (manner.mintsPerMinute === undefined || caller.key === undefined) return;
  const times = await audit.timesOf(context, {
    projectId: project.id,
    action: 'tokens.create',
    resourceType: 'token',
    credentialId: caller.key.id,
    since: now - windowMs,
    limit: manner.mintsPerMinute,
  });
  const oldest = times.at(-1);
  if (oldest === undefined || times.length < manner.mintsPerMinute) return;
  const seconds = Math.max(1, Math.ceil((oldest + windowMs - now) / 1000));
  throw new MobiusError('rate_limit_exceeded', `a key may ask for tokens ${manner.mintsPerMinute} times a minute`, {
    retry_after_seconds: seconds,
  });
};
