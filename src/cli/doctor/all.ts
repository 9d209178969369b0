import type { Io } from '../../io.ts';
import type { Context, Globals } from '../command.ts';
import { access } from './access.ts';
import { type Check, type Finding, guarded, type Look } from './finding.ts';
import { inProject, onMachine } from './machine.ts';
import { permissions } from './permissions.ts';
import { profiles } from './servers.ts';
import { agent, anchors, inFile } from './vault.ts';

const checks: readonly (readonly [name: string, check: Check])[] = [
  // Before the others, for SQLite may put files of its own beside the vault that is looked at.
  ['permissions', permissions],
  ['vault', inFile],
  ['agent', agent],
  ['anchors', anchors],
  ['profiles', profiles],
  ['project-file', inProject],
  ['machine', onMachine],
];

/** Looks at everything, whatever is wrong with some of it, and asks nobody anything. */
export const lookAtAll = async (io: Io, given: Globals, warn: Context['warn']): Promise<readonly Finding[]> => {
  // What is said on the way is among what is found.
  const look: Look = { io, globals: { ...given, input: false, logLevel: 'error' } };
  const findings: Finding[] = [];
  for (const [name, check] of checks) findings.push(...(await guarded(name, () => check(look))));
  // Whoever opens an old vault brings it up to date, and nothing is changed here.
  const isBehind = findings.some(({ check, state }) => check === 'migrations' && state !== 'ok');
  return [...(await guarded('target', () => access(look, { isBehind, warn }))), ...findings];
};
