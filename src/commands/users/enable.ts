import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'users.enable',
  args: [{ name: 'id', label: 'user', description: "the person's e-mail address or id" }],
  examples: ['mobius users enable bob@example.test', 'mobius users enable usr_01kdwhnx00f0000000000000zz'],
  done: ({ email, id }) => `enabled user "${email}" (${id})`,
});
