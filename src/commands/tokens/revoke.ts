import { localCommand } from '../../cli/command.ts';
import { projectOf } from '../../cli/destination.ts';
import { letGo, openTarget, type Target } from '../../cli/profiles.ts';
import { speechFor } from '../../cli/speech.ts';
import { MobiusError } from '../../errors.ts';

const either = (message: string): MobiusError =>
  new MobiusError(
    'usage',
    message,
    {},
    'a token: mobius tokens revoke ID; all of a principal: mobius tokens revoke --all --principal NAME',
  );

/** The body as it came. */
const answered = (target: Target): string => {
  const text = target.answered?.() ?? '';
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
};

export default localCommand({
  summary: 'revoke a token for good, or all of them; the next use is refused',
  about:
    'With --all every token that was made so far, of a principal or of the whole project, at once and however many there ' +
    'are. What is made afterwards works: to stop that too, disable the principal or its key.',
  args: [{ name: 'id', description: "the token's id", optional: true }],
  raw: true,
  extra: [
    { name: 'all', description: 'all of them' },
    {
      name: 'principal',
      value: 'PRINCIPAL',
      takes: 'principals',
      description: 'with --all: only those that act as this one',
    },
    { name: 'yes', short: 'y', description: 'do it without asking' },
  ],
  examples: [
    'mobius tokens revoke 019b1bc8-f400-7000-8000-000000000001',
    'mobius tokens revoke --all --principal worker-prod --yes',
  ],
  async run({ io, globals, args, flags, prompt, pick, say, warn }) {
    const all = flags.all === true;
    const principal = flags.principal as string | undefined;
    if (!all && principal !== undefined) throw either('--principal goes with --all');
    if (args.id === undefined && !all && !prompt.possible) throw either('nothing was named that could be revoked');
    if (args.id !== undefined && all) throw either('a token and --all exclude each other');
    (await speechFor(io, globals))?.check(all ? 'tokens.revoke-all' : 'tokens.revoke');
    const project = await projectOf(io, globals);
    const whose = principal === undefined ? `of the project "${project}"` : `of "${principal}"`;
    if (all && flags.yes !== true) {
      const question = `Revoke every token ${whose}?`;
      if (!prompt.possible) {
        throw new MobiusError('usage', `nobody can be asked to confirm: ${question}`, {}, 'add --yes');
      }
      if (!(await prompt.named(question, principal ?? project))) {
        say('nothing was done');
        return 1;
      }
    }
    const target = await openTarget(io, globals);
    const { call } = target;
    try {
      if (!all) {
        const id = args.id ?? (await pick('tokens.list', 'Which token:', { call, project }));
        await call('tokens.revoke', { project, id });
        say(`revoked token ${id}`);
        if (globals.raw === true) io.stdout.write(answered(target));
        return 0;
      }
      await call('tokens.revoke-all', { project, ...(principal === undefined ? {} : { principal_id: principal }) });
      say(`revoked all tokens ${whose}`);
      return 0;
    } finally {
      await letGo(target, warn);
    }
  },
});
