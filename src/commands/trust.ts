import { localCommand } from '../cli/command.ts';
import { readProjectFile, setTrust } from '../cli/project-file.ts';

export default localCommand({
  summary: 'let mobius use the mobius.json of a project, as it is now',
  about:
    'A mobius.json says which project of mobius a folder and those in it work with ("project"), under which profile ' +
    '("profile"), and which variables its programs want of run, inject and env: {"project":"shop",' +
    '"env":{"OPENAI_API_KEY":"${secret:openai.api_key}"}}. It holds names and references, never a secret. It comes ' +
    'with a checkout, so it is used only after you looked at it and said so here; when it changes, say so again. What ' +
    'is given as a flag or a variable goes before it. --forget takes it back.',
  args: [
    {
      name: 'file',
      description: 'the nearest mobius.json, here or in a folder around, when absent',
      optional: true,
      takes: 'file',
    },
  ],
  extra: [{ name: 'forget', description: 'trust it no longer' }],
  examples: ['mobius trust', 'mobius trust ./mobius.json', 'mobius trust --forget'],
  related: ['auth status', 'run', 'env', 'help targets', 'help references'],
  async run({ io, args, flags, show, say }) {
    const file = await readProjectFile(io, args.file);
    const trusted = flags.forget !== true;
    await setTrust(io, file, trusted);
    show({ ...file, trusted });
    say(trusted ? `trusted "${file.path}" as it is now` : `"${file.path}" is trusted no longer`);
    return 0;
  },
});
