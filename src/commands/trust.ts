import { localCommand } from '../cli/command.ts';
import { projectFileName, readProjectFile, setTrust } from '../cli/project-file.ts';

export default localCommand({
  summary: 'let run, inject and env use the mobius.json of a project, as it is now',
  about:
    'A mobius.json names the variables that the programs of a project want: {"env":{"OPENAI_API_KEY":' +
    '"${secret:openai.api_key}"}}. It comes with a checkout, so it is used only after you looked at it and said so ' +
    'here; when it changes, say so again. --forget takes it back.',
  args: [{ name: 'file', description: 'mobius.json in the working folder when absent', optional: true, takes: 'file' }],
  extra: [{ name: 'forget', description: 'trust it no longer' }],
  examples: ['mobius trust', 'mobius trust ./mobius.json', 'mobius trust --forget'],
  async run({ io, args, flags, show, say }) {
    const file = await readProjectFile(io, args.file ?? projectFileName);
    const trusted = flags.forget !== true;
    await setTrust(io, file, trusted);
    show({ path: file.path, sha256: file.sha256, trusted, env: file.env });
    say(trusted ? `trusted "${file.path}" as it is now` : `"${file.path}" is trusted no longer`);
    return 0;
  },
});
