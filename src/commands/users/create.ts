import { operationCommand } from '../../cli/command.ts';
import { newPassword } from '../../cli/passwords.ts';

export default operationCommand({
  operation: 'users.create',
  about:
    'The password is asked for twice on a terminal, else read from standard input. With --role the user has a part in ' +
    'the project; an administrator needs none. A first administrator is made on the vault itself.',
  args: [{ name: 'email', description: 'what the person signs in with' }],
  offers: ['role_ids'],
  flags: { role_ids: { name: 'role', value: 'ROLE' }, password: { value: '@FILE|@-', optional: true } },
  examples: [
    'mobius users create ada@example.test --administrator < password.txt',
    'mobius users create bob@example.test --role Worker --password @password.txt',
  ],
  related: ['users set-password', 'auth login'],
  prepare: newPassword,
  done: ({ email, id }) => `created user "${email}" (${id})`,
});
