import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'roles.delete',
  args: [{ name: 'id', label: 'role', description: "the role's name or id" }],
  examples: ['mobius roles delete deployer --yes', 'mobius roles delete deployer --dry-run'],
  confirm: ({ id }) => `delete role "${id}"?`,
  named: ({ id }) => id,
  done: (_, { id }) => `deleted role "${id}"`,
});
