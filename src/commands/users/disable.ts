import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'users.disable',
  about: 'Their sessions end at once, and whatever else they show is refused from the next request on.',
  args: [{ name: 'id', label: 'user', description: "the person's e-mail address or id" }],
  examples: ['mobius users disable bob@example.test', 'mobius users disable usr_01kdwhnx00f0000000000000zz'],
  related: ['users enable', 'auth revoke'],
  done: ({ email, id }) => `disabled user "${email}" (${id})`,
});
