import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'secrets.enable-version',
  about: 'The version that was in use is disabled in the same step.',
  args: [
    { name: 'secret', description: "the secret's name or id" },
    { name: 'version', description: 'its number' },
  ],
  examples: ['mobius secrets enable-version openai 4', 'mobius secrets enable-version db/prod 2 -o json'],
  related: ['secrets list-versions', 'secrets rollback'],
  done: ({ version }, { secret }) => `enabled version ${version} of secret "${secret}"`,
});
