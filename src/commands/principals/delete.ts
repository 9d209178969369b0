import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'principals.delete',
  args: [{ name: 'id', label: 'principal', description: "the principal's name or id" }],
  examples: ['mobius principals delete worker-old --yes', 'mobius principals delete worker-old --dry-run'],
  confirm: ({ id }) => `delete principal "${id}"?`,
  named: ({ id }) => id,
  done: (_, { id }) => `deleted principal "${id}"`,
});
