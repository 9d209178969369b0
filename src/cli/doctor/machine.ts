import { terminalsShowAll } from '../../platform.ts';
import { lookAtCompletion } from '../completion/install.ts';
import { shellOf } from '../completion/scripts.ts';
import { projectAround } from '../project-file.ts';
import { type Check, type Finding, found, type Look } from './finding.ts';

/** As package.json says it. */
const runsOn = { least: 20, below: 27 };

const node = ({ io: { nodeVersion } }: Look): Finding => {
  const major = Number(nodeVersion.replace(/^v/, '').split('.')[0]);
  const isKnown = major >= runsOn.least && major < runsOn.below;
  const mend = `install a Node from ${runsOn.least} to ${runsOn.below - 1}, such as the one in long-term support`;
  return found('node', `Node ${nodeVersion.replace(/^v/, '')}`, isKnown ? undefined : mend);
};

const sodium = async ({ io: { env } }: Look): Promise<Finding> => {
  const { loadSodium } = await import('../../crypto.ts');
  const { binding } = await loadSodium(env.MOBIUS_SODIUM);
  if (binding === 'native') return found('sodium', 'libsodium, compiled for this machine');
  const slow = 'libsodium as WebAssembly, which starts later and opens passphrases in twice the time';
  if (env.MOBIUS_SODIUM === 'wasm') return found('sodium', `${slow}, as MOBIUS_SODIUM says`);
  return found('sodium', slow, 'install mobius anew on this machine, with its optional dependencies');
};

const terminal = ({ io, globals }: Look): Finding => {
  const { env, stdout, platform } = io;
  if (!stdout.isTTY) return found('terminal', 'none: the output goes elsewhere');
  const charset = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  const detail = `${stdout.columns} columns, ${globals.color ? 'with' : 'without'} colours`;
  if (terminalsShowAll(platform) || /utf-?8/i.test(charset)) return found('terminal', detail);
  return found(
    'terminal',
    `${detail}; names beyond ASCII may be garbled in "${charset || 'C'}"`,
    'export LANG=C.UTF-8',
  );
};

const completion = ({ io }: Look): Finding => {
  const shell = shellOf(io);
  if (shell === undefined) return found('completion', 'SHELL names no shell that mobius completes in');
  const { state, path } = lookAtCompletion(io, shell);
  const install = `mobius completion ${shell} --install`;
  if (state === 'other') return found('completion', `"${path}" is of another version`, install);
  if (state === 'none') return found('completion', `not installed for ${shell}; to have it: ${install}`);
  return found('completion', `installed for ${shell}`);
};

/** The program itself and what it runs in. */
export const onMachine: Check = async (look) => [node(look), await sodium(look), terminal(look), completion(look)];

/** What the project around the folder at hand says. */
export const inProject: Check = async ({ io }) => {
  const { path, file, untrusted } = (await projectAround(io)) ?? {};
  if (untrusted !== undefined) return [found('project-file', untrusted, 'look at it, then: mobius trust')];
  if (file === undefined) return [];
  const { project, profile, env } = file;
  const count = Object.keys(env).length;
  const said = [
    ...(project === undefined ? [] : [`the project is "${project}"`]),
    ...(profile === undefined ? [] : [`the profile is "${profile}"`]),
    `it sets ${count} variable${count === 1 ? '' : 's'}`,
  ];
  return [found('project-file', `"${path}" is trusted: ${said.join(', ')}`)];
};
