import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'secrets.destroy-version',
  about:
    'Its values and the key that they are sealed under are removed and their place in the file is overwritten; that it ' +
    'was there stays on record. Backups that were made before still hold it.',
  args: [
    { name: 'secret', description: "the secret's name or id" },
    { name: 'version', description: 'its number' },
  ],
  examples: ['mobius secrets destroy-version openai 2', 'mobius secrets destroy-version openai 2 --yes'],
  related: ['secrets list-versions', 'secrets disable-version'],
  confirm: ({ secret, version }) => `Destroy the values of version ${version} of the secret "${secret}", for ever?`,
  named: ({ secret, version }) => `${secret} ${version}`,
  done: ({ version }, { secret }) => `destroyed version ${version} of secret "${secret}"`,
});
