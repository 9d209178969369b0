import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'roles.get',
  about: 'Shows the permissions that it carries, with wildcards as they were written.',
  args: [{ name: 'id', label: 'role', description: "the role's name or id" }],
  examples: ['mobius roles get worker', 'mobius roles get Owner -o yaml'],
  related: ['roles list-assignments'],
});
