import { localCommand } from '../cli/command.ts';
import { openDelivery } from '../cli/deliver.ts';
import { useTarget } from '../cli/profiles.ts';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';

const usage = (message: string, hint?: string): MobiusError => new MobiusError('usage', message, {}, hint);

const modeOf = (text: unknown): number => {
  if (text === undefined) return 0o600;
  if (typeof text === 'string' && /^0?[0-7]{3}$/.test(text)) return Number.parseInt(text, 8);
  throw usage('--mode must be three octal digits', 'such as: --mode 640');
};

/** A filled template that is committed by accident has leaked. */
const refuseInGit = async (io: Io, target: string): Promise<void> => {
  const [{ gitWouldTake }, { resolve }] = await Promise.all([import('../use/git.ts'), import('node:path')]);
  const why = await gitWouldTake(resolve(io.cwd, target), io);
  if (why !== undefined) throw usage(`--out "${target}": ${why}`, 'ignore it in .gitignore, or add --force');
};

const textOf = (flags: Readonly<Record<string, unknown>>, name: string): string | undefined => {
  const value = flags[name];
  return typeof value === 'string' && value !== '-' ? value : undefined;
};

export default localCommand({
  summary: 'fill the references of a template with values, into a file that only you can read',
  about:
    'A reference is ${secret:name.key}, or ${secret:name@3.key} where version 3 must be the one in use; $${secret: ' +
    'stands for itself. Everything else stays as it is, to the byte. The file is replaced whole or not at all. An ' +
    'output that git would take is refused. Without -o the text goes to standard output, on a terminal with --reveal.',
  extra: [
    { name: 'in', short: 'i', value: 'FILE', description: 'the template; standard input when absent' },
    { name: 'out', short: 'o', value: 'FILE', description: 'where the filled text goes; standard output when absent' },
    { name: 'mode', value: 'MODE', description: 'the permissions of the file; 600 when absent' },
    { name: 'force', description: 'even into a git work tree where the file is not ignored' },
    { name: 'reveal', description: 'show the filled text on a terminal' },
  ],
  examples: [
    'mobius inject -i config.tpl.yaml -o config.yaml',
    'mobius inject -i nginx.conf.tpl -o nginx.conf --mode 640',
    'mobius inject < config.tpl.json | jq .database.host',
  ],
  related: ['run', 'env', 'help references'],
  async run(context) {
    const { io, globals, flags, exact, show, say } = context;
    const mode = modeOf(flags.mode);
    const [source, target] = [textOf(flags, 'in'), textOf(flags, 'out')];
    if (target === undefined && flags.mode !== undefined) throw usage('--mode is for a file: name it with -o');
    if (target === undefined && io.stdout.isTTY && flags.reveal !== true) {
      throw usage('this would show values on the terminal', 'write them to a file with -o, or add --reveal');
    }
    const template = await exact(`@${source ?? '-'}`);
    const { useSecrets } = await import('../use/resolve.ts');
    const said = source === undefined ? 'standard input' : `"${source}"`;
    const delivery = target === undefined ? undefined : openDelivery(io, target, mode === undefined ? {} : { mode });
    try {
      if (target !== undefined && flags.force !== true) await refuseInGit(io, target);
      const { texts, values } = await useSecrets(useTarget(io, globals, context), {
        texts: { [said]: template },
        secrets: [],
      });
      const text = texts[said] ?? '';
      if (delivery === undefined) {
        io.stdout.write(text);
        return 0;
      }
      delivery.write(text);
      show({ path: delivery.path, values: values.length });
      say(`wrote "${delivery.path}" with ${values.length} ${values.length === 1 ? 'value' : 'values'} in it`);
      return 0;
    } finally {
      delivery?.discard();
    }
  },
});
