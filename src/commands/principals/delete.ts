import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'principals.delete',
  about:
    'Its roles are taken from it and its name is free again; its entries in the audit log stay. Keys that still work ' +
    'stand in the way: revoke them first, or disable the principal instead, which can be undone.',
  args: [{ name: 'id', label: 'principal', description: "the principal's name or id" }],
  examples: ['mobius principals delete worker-old', 'mobius principals delete worker-old --dry-run'],
  related: ['principals update', 'api-keys revoke'],
  confirm: ({ id }) => `delete principal "${id}"?`,
  named: ({ id }) => id,
  goesOn: true,
  done: (_, { id }) => `deleted principal "${id}"`,
});
