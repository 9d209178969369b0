import type { Io } from '../io.ts';
import { type Shell, shellOf } from '../platform.ts';

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
