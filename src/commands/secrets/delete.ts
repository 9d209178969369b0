import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'secrets.delete',
  about: 'The values of every version are destroyed. There is no way back, but from a backup.',
  args: [{ name: 'secret', description: "the secret's name or id" }],
  examples: ['mobius secrets delete openai', 'mobius secrets delete db/old --yes'],
  related: ['secrets destroy-version'],
  confirm: ({ secret }) => `Delete the secret "${secret}" with all its versions, for ever?`,
  named: ({ secret }) => secret,
  done: (_, { secret }) => `deleted secret "${secret}"`,
});
