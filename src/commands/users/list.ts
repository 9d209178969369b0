import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'users.list',
  examples: ['mobius users list', 'mobius users list -o text -F email,state'],
});
