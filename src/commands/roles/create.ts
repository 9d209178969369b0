import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'roles.create',
  about: 'Nobody gives a role more than they hold themselves.',
  args: [{ name: 'name', description: 'unique in the project without regard to case', optional: true }],
  flags: { permissions: { alias: 'permission', value: 'PERMISSION' } },
  examples: [
    'mobius roles create deployer --permission mobius.work.execute --permission mobius.secrets.use',
    'mobius roles create --name auditor --permissions mobius.project.view,mobius.audit.view',
  ],
  related: ['permissions list', 'roles create-assignment'],
  done: ({ name, id }) => `created role "${name}" (${id})`,
});
