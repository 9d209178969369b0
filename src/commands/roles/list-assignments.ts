import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'roles.list-assignments',
  about: 'One line for each principal and role, with the id that mobius roles delete-assignment takes.',
  examples: ['mobius roles list-assignments', 'mobius roles list-assignments --role-id Owner'],
  related: ['roles create-assignment', 'roles delete-assignment'],
});
