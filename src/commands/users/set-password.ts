import { operationCommand } from '../../cli/command.ts';
import { newPassword } from '../../cli/passwords.ts';

export default operationCommand({
  operation: 'users.set-password',
  about: 'Every other session of the user ends. Whoever is no administrator gives the password until now too.',
  args: [{ name: 'id', label: 'user', description: "the person's e-mail address or id" }],
  flags: {
    password: { value: '@FILE|@-', optional: true },
    current_password: { value: '@FILE' },
  },
  examples: [
    'mobius users set-password bob@example.test < password.txt',
    'mobius users set-password bob@example.test --password @password.txt',
  ],
  related: ['users disable'],
  prepare: newPassword,
  done: (_, { id }) => `changed the password of "${id}"`,
});
