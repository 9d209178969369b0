import { type AgentState, askAgent } from '../cli/agent.ts';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Anchoring } from '../vault/open.ts';
import { anchoringOf } from './settings.ts';

const isAsWanted = (kept: AgentState['audit_anchor'], { path, every, required }: Anchoring): boolean =>
  kept?.path === path && kept.every === every && kept.required === required;

const otherwise = (kept: AgentState['audit_anchor'], { path }: Anchoring): string => {
  if (kept === undefined) return `the vault's agent keeps the end of the audit log nowhere else, and not in "${path}"`;
  if (kept.path !== path) return `the vault's agent keeps the end of the audit log in "${kept.path}", not in "${path}"`;
  return `the vault's agent keeps the end of the audit log in "${path}", but as often or as strictly as was said before`;
};

const again = 'start it anew with what is said now: mobius vault lock, then mobius vault unlock';

/**
 * An agent keeps the end of the audit log where that was said when it was started. Whoever says something else since must
 * not believe that it is done: it is told before anything is changed through the agent, or refused. What is wrong with the
 * place is told as well, for an agent has nobody to tell it to.
 */
export const tellingOfAnchors = async <T>(io: Io, socket: string, change: () => Promise<T>): Promise<T> => {
  const wanted = await anchoringOf(io);
  if (wanted === undefined) return change();
  const { audit_anchor: kept } = await askAgent(io, socket);
  if (!isAsWanted(kept, wanted)) {
    const why = otherwise(kept, wanted);
    if (wanted.required) throw new MobiusError('conflict', why, { reason: 'anchor' }, again);
    wanted.tell(why);
    return change();
  }
  const answer = await change();
  // Who ended it meanwhile takes nothing away from what was done.
  const now = await askAgent(io, socket).catch(() => undefined);
  wanted.tell(now?.audit_anchor?.problem);
  return answer;
};
