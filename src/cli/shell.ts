import type { Io } from '../io.ts';
import { shellNamed } from '../platform.ts';

type Shell = 'sh' | 'fish' | 'powershell';

/** The line that sets a variable for the rest of the session. The value must need no escaping in any shell. */
export const exportLine = (io: Io, name: string, value: string): string => {
  if (!/^[\w.-]+$/.test(value)) throw new Error('the value needs quoting that differs from shell to shell');
  const lines: Record<Shell, string> = {
    sh: `export ${name}="${value}"`,
    fish: `set -gx ${name} "${value}"`,
    powershell: `$env:${name} = "${value}"`,
  };
  const shell = shellNamed(io);
  return lines[shell === 'fish' || shell === 'powershell' ? shell : 'sh'];
};
