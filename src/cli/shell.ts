import type { Io } from '../io.ts';

type Shell = 'sh' | 'fish' | 'powershell';

/** The shell that the person most likely types in. */
const shellOf = ({ env, platform }: Io): Shell => {
  const name = (env.SHELL ?? '').split(/[\\/]/).at(-1) ?? '';
  if (name === 'fish') return 'fish';
  if (/^pwsh(\.exe)?$/.test(name) || (platform === 'win32' && name === '')) return 'powershell';
  return 'sh';
};

/** The line that sets a variable for the rest of the session. The value must need no escaping in any shell. */
export const exportLine = (io: Io, name: string, value: string): string => {
  if (!/^[\w.-]+$/.test(value)) throw new Error('the value needs quoting that differs from shell to shell');
  const lines: Record<Shell, string> = {
    sh: `export ${name}="${value}"`,
    fish: `set -gx ${name} "${value}"`,
    powershell: `$env:${name} = "${value}"`,
  };
  return lines[shellOf(io)];
};
