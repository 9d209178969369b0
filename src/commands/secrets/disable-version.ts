import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'secrets.disable-version',
  about: 'Where it was the one in use, nothing can be used until another is enabled.',
  args: [
    { name: 'secret', description: "the secret's name or id" },
    { name: 'version', description: 'its number' },
  ],
  examples: ['mobius secrets disable-version openai 3', 'mobius secrets disable-version db/prod 1 -o json'],
  related: ['secrets enable-version', 'secrets list-versions'],
  done: ({ version }, { secret }) => `disabled version ${version} of secret "${secret}"`,
});
