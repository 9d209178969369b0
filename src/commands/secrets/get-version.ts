import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'secrets.get-version',
  args: [
    { name: 'secret', description: "the secret's name or id" },
    { name: 'version', description: 'its number, or latest' },
  ],
  examples: ['mobius secrets get-version openai 3', 'mobius secrets get-version openai latest -o json | jq -r .sha256'],
});
