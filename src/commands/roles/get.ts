import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'roles.get',
  args: [{ name: 'id', label: 'role', description: "the role's name or id" }],
  examples: ['mobius roles get worker', 'mobius roles get Owner -o yaml'],
});
