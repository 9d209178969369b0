import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'users.list',
  about: 'People of the whole server, whichever projects they take part in. Administrators alone may look.',
  examples: ['mobius users list', 'mobius users list -o text -F email,state'],
});
