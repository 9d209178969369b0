import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Io } from '../../io.ts';
import { bashProfile, powershellFolder } from '../../platform.ts';
import { shellFolders } from '../places.ts';
import type { Shell } from './scripts.ts';

/** Where a shell finds what completes for it. */
export interface Placed {
  script: string;
  /** The file of the shell's own that must name the script, and how; absent where the shell looks there by itself. */
  profile?: { path: string; lines: readonly string[] };
  /** What is left to do for the shell that is open. */
  next: string;
}

/** The word of a shell of the kind of sh, whatever is in it. */
const quoted = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`;

/** What a person wrote, without what they only remember. */
const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').replace(/^\s*#.*$/gm, '');
  } catch {
    return '';
  }
};

const bashPackages = (io: Io): string[] => [
  '/usr/share/bash-completion/bash_completion',
  '/usr/local/share/bash-completion/bash_completion',
  '/usr/local/etc/profile.d/bash_completion.sh',
  ...(io.env.HOMEBREW_PREFIX ? [join(io.env.HOMEBREW_PREFIX, 'etc/profile.d/bash_completion.sh')] : []),
];

/** The package that loads a command's completion when it is asked for: it must be there, and something must load it. */
const hasBashCompletion = (io: Io, home: string): boolean =>
  bashPackages(io).some((path) => existsSync(path)) &&
  [join(home, '.bashrc'), join(home, '.bash_profile'), '/etc/bashrc', '/etc/bash.bashrc'].some((path) =>
    /bash_completion/.test(read(path)),
  );

const inBash = (io: Io): Placed => {
  const { home, data } = shellFolders(io);
  const own = io.env.BASH_COMPLETION_USER_DIR;
  const folder = own !== undefined && isAbsolute(own) ? own : join(data, 'bash-completion');
  const script = join(folder, 'completions', 'mobius');
  const next = `for the shell that is open: source ${quoted(script)}`;
  if (hasBashCompletion(io, home)) return { script, next };
  const path = join(home, bashProfile(io.platform));
  return { script, profile: { path, lines: [`[ -r ${quoted(script)} ] && . ${quoted(script)}`] }, next };
};

const inZsh = (io: Io): Placed => {
  const { home, data } = shellFolders(io);
  const folder = join(data, 'zsh', 'site-functions');
  const own = io.env.ZDOTDIR;
  const path = join(own !== undefined && isAbsolute(own) ? own : home, '.zshrc');
  const lines = [
    `fpath=(${quoted(folder)} $fpath)`,
    '(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }',
    'autoload -Uz _mobius && compdef _mobius mobius',
  ];
  return { script: join(folder, '_mobius'), profile: { path, lines }, next: 'for the shell that is open: exec zsh' };
};

const inFish = (io: Io): Placed => ({
  script: join(shellFolders(io).config, 'fish', 'completions', 'mobius.fish'),
  next: 'nothing: fish finds it by itself',
});

const inPowershell = (io: Io): Placed => {
  const { home, config } = shellFolders(io);
  const folder = powershellFolder(io, home, config);
  return {
    script: join(folder, 'mobius-completion.ps1'),
    profile: { path: join(folder, 'profile.ps1'), lines: [". (Join-Path $PSScriptRoot 'mobius-completion.ps1')"] },
    next: 'for the shell that is open: . $PROFILE.CurrentUserAllHosts',
  };
};

const places: Readonly<Record<Shell, (io: Io) => Placed>> = {
  bash: inBash,
  zsh: inZsh,
  fish: inFish,
  powershell: inPowershell,
};

export const placedIn = (io: Io, shell: Shell): Placed => places[shell](io);
