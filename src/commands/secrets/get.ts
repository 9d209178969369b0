import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'secrets.get',
  about: 'To use a value: mobius run, mobius inject or mobius env.',
  args: [{ name: 'secret', description: "the secret's name or id" }],
  examples: ['mobius secrets get openai', 'mobius secrets get db/prod -F name,version,key_names'],
  related: ['secrets list-versions', 'secrets get-version', 'help references'],
});
