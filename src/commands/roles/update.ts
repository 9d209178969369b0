import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'roles.update',
  about: 'System roles stay as they are. What changes holds for every principal with the role from the next call on.',
  args: [{ name: 'id', label: 'role', description: "the role's name or id" }],
  flags: { permissions: { alias: 'permission', value: 'PERMISSION' } },
  examples: [
    'mobius roles update deployer --permissions mobius.work.execute',
    'mobius roles update deployer --description "ships what was built"',
  ],
  related: ['permissions list'],
  done: ({ name, id }) => `updated role "${name}" (${id})`,
});
