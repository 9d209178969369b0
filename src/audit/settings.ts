import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type AgentState, askAgent } from '../cli/agent.ts';
import { reasonOf } from '../cli/files.ts';
import { configPath } from '../cli/places.ts';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Anchoring } from '../vault/open.ts';

/** As it was written, wherever that was. */
export interface AnchorWords {
  file?: string | undefined;
  every?: string | undefined;
  policy?: string | undefined;
}

const defaultEvery = 100;

const usage = (message: string): MobiusError => new MobiusError('usage', message);

const everyFrom = (text: string, said: string): number => {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw usage(`${said} must be a number of entries, not "${text}"`);
};

const isRequired = (text: string, said: string): boolean => {
  if (text === 'required' || text === 'best-effort') return text === 'required';
  throw usage(`${said} must be required or best-effort, not "${text}"`);
};

/** What is said of one vault's anchors, with the words in which each part was said. */
const checked = (
  io: Io,
  words: AnchorWords,
  base: string,
  said: Record<keyof AnchorWords, string>,
): Anchoring | undefined => {
  if (words.file === undefined) {
    const alone = (['every', 'policy'] as const).find((part) => words[part] !== undefined);
    if (alone !== undefined) throw usage(`${said[alone]} says nothing without ${said.file}`);
    return undefined;
  }
  return {
    path: resolve(base, words.file),
    every: words.every === undefined ? defaultEvery : everyFrom(words.every, said.every),
    required: words.policy === undefined ? false : isRequired(words.policy, said.policy),
    tell: (problem, refused) => {
      if (problem !== undefined && refused !== true) io.stderr.write(`mobius: warning: ${problem}\n`);
    },
  };
};

const known = { anchor: 'file', anchor_every: 'every', anchor_policy: 'policy' } as const;

/** The table `audit` of config.toml. */
const wordsIn = async (path: string): Promise<AnchorWords> => {
  const { parse } = await import('smol-toml');
  let tables: Record<string, unknown>;
  try {
    tables = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw usage(`"${path}" can't be read: ${reasonOf(error)}`);
  }
  const { audit = {}, ...others } = tables;
  const [other] = Object.keys(others);
  if (other !== undefined) throw usage(`"${path}" holds "${other}", which means nothing there`);
  const words: AnchorWords = {};
  for (const [name, value] of Object.entries(audit as object)) {
    if (!Object.hasOwn(known, name)) throw usage(`"${path}" holds "audit.${name}", which means nothing there`);
    if (typeof value !== 'string' && typeof value !== 'number') throw usage(`"audit.${name}" of "${path}" is no text`);
    words[known[name as keyof typeof known]] = String(value);
  }
  return words;
};

/** Where this machine keeps the ends of its vaults' audit logs: as flags say it, else variables, else config.toml. */
export const anchoringOf = async (io: Io, flags: AnchorWords = {}): Promise<Anchoring | undefined> => {
  const byFlags = checked(io, flags, io.cwd, {
    file: '--audit-anchor',
    every: '--audit-anchor-every',
    policy: '--audit-anchor-policy',
  });
  if (byFlags !== undefined) return byFlags;
  const { MOBIUS_AUDIT_ANCHOR: file, MOBIUS_AUDIT_ANCHOR_EVERY: every, MOBIUS_AUDIT_ANCHOR_POLICY: policy } = io.env;
  const byVariables = checked(
    io,
    { file: file || undefined, every: every || undefined, policy: policy || undefined },
    io.cwd,
    { file: 'MOBIUS_AUDIT_ANCHOR', every: 'MOBIUS_AUDIT_ANCHOR_EVERY', policy: 'MOBIUS_AUDIT_ANCHOR_POLICY' },
  );
  if (byVariables !== undefined) return byVariables;
  const path = configPath(io);
  if (path === undefined || !existsSync(path)) return undefined;
  return checked(io, await wordsIn(path), dirname(path), {
    file: `"audit.anchor" of "${path}"`,
    every: `"audit.anchor_every" of "${path}"`,
    policy: `"audit.anchor_policy" of "${path}"`,
  });
};

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
