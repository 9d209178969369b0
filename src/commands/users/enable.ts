import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'users.enable',
  about: 'They sign in anew: the sessions that they had stay ended.',
  args: [{ name: 'id', label: 'user', description: "the person's e-mail address or id" }],
  examples: ['mobius users enable bob@example.test', 'mobius users enable usr_01kdwhnx00f0000000000000zz'],
  related: ['users disable'],
  done: ({ email, id }) => `enabled user "${email}" (${id})`,
});
