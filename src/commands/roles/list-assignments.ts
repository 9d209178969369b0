import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'roles.list-assignments',
  examples: ['mobius roles list-assignments', 'mobius roles list-assignments --role-id Owner'],
});
