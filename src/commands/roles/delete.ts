import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'roles.delete',
  about:
    'A role that somebody has is refused: take it from them first. Roles of the system can be neither changed nor ' +
    'deleted.',
  args: [{ name: 'id', label: 'role', description: "the role's name or id" }],
  examples: ['mobius roles delete deployer', 'mobius roles delete deployer --dry-run'],
  related: ['roles list-assignments'],
  confirm: ({ id }) => `delete role "${id}"?`,
  named: ({ id }) => id,
  goesOn: true,
  done: (_, { id }) => `deleted role "${id}"`,
});
