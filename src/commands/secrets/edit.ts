import { localCommand } from '../../cli/command.ts';
import { projectOf } from '../../cli/destination.ts';
import { letGo, openTarget } from '../../cli/profiles.ts';
import { parseValues, valuesForm } from '../../cli/values-form.ts';
import { MobiusError } from '../../errors.ts';

export default localCommand({
  summary: 'give a secret new values in an editor, without showing the ones it has',
  about:
    'The editor ($VISUAL, else $EDITOR) shows the names of the keys with empty values. What stays empty keeps the ' +
    'value that is stored; a key that is new is added; a line that is taken out removes its key. The text lies in ' +
    'memory, never on a disk; see to it that your editor keeps no copies elsewhere.',
  args: [{ name: 'secret', description: "the secret's name or id" }],
  examples: ['mobius secrets edit openai', 'mobius secrets edit db/prod'],
  related: ['secrets update', 'secrets rollback'],
  async run({ io, globals, args, prompt, say, show, warn }) {
    if (!prompt.possible) {
      const hint = `give the values another way: mobius secrets update ${args.secret} --set KEY=@FILE`;
      throw new MobiusError('usage', 'there is no terminal for an editor', {}, hint);
    }
    const target = await openTarget(io, globals);
    const { call } = target;
    try {
      const project = await projectOf(io, globals);
      const before = await call('secrets.get', { project, secret: args.secret ?? '' });
      const { editText } = await import('../../use/editor.ts');
      const edited = await editText(valuesForm(before), io, parseValues, (error) =>
        prompt.confirm(`${error.message}. Edit it again?`, true),
      );
      const values = Object.fromEntries(Object.entries(edited).filter(([, value]) => value !== ''));
      const unset = before.key_names.filter((key) => !Object.hasOwn(edited, key));
      if (Object.keys(values).length === 0 && unset.length === 0) {
        say('nothing was changed');
        return 0;
      }
      const after = await call('secrets.update', {
        project,
        secret: before.id,
        if_version: before.version,
        merge: true,
        ...(Object.keys(values).length === 0 ? {} : { values }),
        ...(unset.length === 0 ? {} : { unset }),
      });
      show(after);
      say(`updated secret "${after.name}", version ${after.version}`);
      return 0;
    } finally {
      await letGo(target, warn);
    }
  },
});
