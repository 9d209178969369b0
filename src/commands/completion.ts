import { type LocalContext, localCommand } from '../cli/command.ts';
import { type Shell, scriptOf, shellOf, shells } from '../cli/completion/scripts.ts';
import { MobiusError } from '../errors.ts';

const usage = (message: string, hint: string): MobiusError => new MobiusError('usage', message, {}, hint);

const chosen = async ({ io, args, note }: LocalContext): Promise<Shell> => {
  const { shell: named } = args;
  if (named === undefined) {
    const shell = shellOf(io);
    const hint = `name it, one of ${shells.join(', ')}`;
    if (shell === undefined) throw usage('<shell> is required: SHELL names none that mobius completes in', hint);
    note(`for ${shell}, as SHELL says`);
    return shell;
  }
  const known = shells.find((shell) => shell === named);
  if (known !== undefined) return known;
  const { oneOf } = await import('../cli/suggest.ts');
  throw await oneOf('<shell>', named, shells);
};

export default localCommand({
  summary: 'print the completion script of a shell, or put it where that shell looks',
  about:
    'Commands, flags and their values are completed without starting mobius. For the names of principals, keys and ' +
    'other records it is asked: it tells those of a vault on this machine that opens by its agent or its key file, ' +
    'and asks no server. --install writes the script and, where a shell looks nowhere by itself, the lines that ' +
    'load it, once; --uninstall takes back just that.',
  args: [
    {
      name: 'shell',
      description: `one of ${shells.join(', ')}; as SHELL says when absent`,
      optional: true,
      choices: shells,
    },
  ],
  extra: [
    { name: 'install', description: 'put it where the shell looks, and say what is left to do' },
    { name: 'uninstall', description: 'take back what --install did' },
    { name: 'dry-run', description: 'only say which files would change' },
  ],
  examples: [
    'mobius completion bash --install',
    'mobius completion zsh --install --dry-run',
    'source <(mobius completion bash)',
    'mobius completion powershell >> $PROFILE',
  ],
  related: ['help formatting', 'quickstart'],
  async run(context) {
    const { io, flags, show } = context;
    const { install, uninstall, 'dry-run': dryRun } = flags;
    if (install === true && uninstall === true) {
      throw usage('--install and --uninstall are two opposite things', 'give one of them');
    }
    if (dryRun === true && install !== true && uninstall !== true) {
      throw usage('--dry-run has no meaning where nothing is changed', 'give it with --install or --uninstall');
    }
    const shell = await chosen(context);
    if (install !== true && uninstall !== true) {
      io.stdout.write(scriptOf(shell));
      return 0;
    }
    const { setCompletion } = await import('../cli/completion/install.ts');
    show(setCompletion(io, shell, { remove: uninstall === true, dryRun: dryRun === true }));
    return 0;
  },
});
