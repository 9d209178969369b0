import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'roles.create-assignment',
  args: [],
  offers: ['role_id'],
  examples: [
    'mobius roles create-assignment --principal-id worker-prod --role-id Worker',
    'mobius roles create-assignment --principal-id ci --role-name operator',
  ],
  done: ({ role_name: role, id }, { principal_id: who }) => `gave role "${role}" to "${who}" (${id})`,
});
