import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { localCommand } from '../cli/command.ts';
import { MobiusError } from '../errors.ts';

const files = {
  bash: 'mobius.bash',
  zsh: '_mobius',
  fish: 'mobius.fish',
  powershell: 'mobius.ps1',
} as const;
const shells = Object.keys(files) as (keyof typeof files)[];

/** The scripts lie at the package's root, which the source and the built files are at different depths below. */
const scriptPath = (file: string): string => {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'completions', file))) {
    if (folder === dirname(folder)) throw new MobiusError('internal', `the script "${file}" was not installed`);
    folder = dirname(folder);
  }
  return join(folder, 'completions', file);
};

export default localCommand({
  summary: 'print the completion script of a shell',
  args: [{ name: 'shell', description: `one of ${shells.join(', ')}`, choices: shells }],
  examples: [
    'source <(mobius completion bash)',
    'mobius completion zsh > "$fpath[1]/_mobius"',
    'mobius completion fish > ~/.config/fish/completions/mobius.fish',
    'mobius completion powershell >> $PROFILE',
  ],
  async run({ args, io }) {
    const shell = shells.find((known) => known === args.shell);
    if (shell === undefined) {
      const { oneOf } = await import('../cli/suggest.ts');
      throw await oneOf('<shell>', args.shell ?? '', shells);
    }
    io.stdout.write(readFileSync(scriptPath(files[shell]), 'utf8'));
    return 0;
  },
});
