import { localCommand } from '../cli/command.ts';
import { useTarget } from '../cli/profiles.ts';
import { sourcesFrom, variableFlags } from '../cli/variables.ts';
import { MobiusError } from '../errors.ts';

const shells = ['sh', 'fish', 'powershell', 'dotenv', 'docker', 'github'] as const;

export default localCommand({
  summary: 'write variables with their values, in the words of a shell or another program',
  about:
    'For what can only be done with eval; mobius run keeps values out of the shell altogether. The variables are those ' +
    'named here, none is inherited. On a terminal this needs --reveal. With github in a GitHub job, the lines that ' +
    'mask the values in its log go to stderr.',
  extra: [
    { name: 'shell', value: 'NAME', choices: shells, description: 'whose words; sh when absent' },
    ...variableFlags,
    { name: 'reveal', description: 'show the values on a terminal' },
  ],
  examples: [
    'eval "$(mobius env --secret openai=OPENAI_)"',
    'mobius env --shell fish --env-file refs.env | source',
    'mobius env --shell powershell --secret openai=OPENAI_ | Out-String | Invoke-Expression',
    'mobius env --shell github --env-file refs.env >> "$GITHUB_ENV"',
  ],
  related: ['run', 'inject', 'help references'],
  async run(context) {
    const { io, globals, flags } = context;
    if (io.stdout.isTTY && flags.reveal !== true) {
      const hint = 'eval "$(mobius env …)" uses them unseen; --reveal shows them';
      throw new MobiusError('usage', 'this would show values on the terminal', {}, hint);
    }
    const [{ renderVariables, githubMasks }, { environmentFrom }, { useSecrets }, { randomBytes }] = await Promise.all([
      import('../use/shells.ts'),
      import('../use/environment.ts'),
      import('../use/resolve.ts'),
      import('../crypto.ts'),
    ]);
    const sources = await sourcesFrom(context);
    const { wanted, filled } = environmentFrom({
      ...sources,
      inherited: io.env,
      pristine: true,
      platform: io.platform,
    });
    if (Object.keys(wanted.texts).length + wanted.secrets.length === 0) {
      const hint = 'name some: --env NAME=TEXT, --secret NAME, --env-file FILE, or a mobius.json';
      throw new MobiusError('usage', 'no variable was named', {}, hint);
    }
    const used = await useSecrets(useTarget(io, globals, context), wanted);
    const shell = shells.find((one) => one === flags.shell) ?? 'sh';
    const random = (): string => Buffer.from(randomBytes(16)).toString('hex');
    const text = renderVariables(shell, filled(used), random);
    if (shell === 'github' && io.env.GITHUB_ACTIONS === 'true') io.stderr.write(githubMasks(used.values));
    io.stdout.write(text);
    return 0;
  },
});
