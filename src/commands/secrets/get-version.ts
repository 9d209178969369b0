import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'secrets.get-version',
  about:
    'Shows its state, the names of its keys and when it was made. Values are used with mobius run, env and inject.',
  args: [
    { name: 'secret', description: "the secret's name or id" },
    { name: 'version', description: 'its number, or latest' },
  ],
  examples: ['mobius secrets get-version openai 3', 'mobius secrets get-version openai latest -o json | jq -r .sha256'],
  related: ['secrets list-versions', 'secrets enable-version'],
});
