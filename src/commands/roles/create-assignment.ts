import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'roles.create-assignment',
  about:
    'It holds from the next request on, for every key and session of the principal. Nobody gives a role that carries ' +
    'more than they hold themselves.',
  args: [],
  offers: ['role_id'],
  examples: [
    'mobius roles create-assignment --principal-id worker-prod --role-id Worker',
    'mobius roles create-assignment --principal-id ci --role-name operator',
  ],
  related: ['roles list-assignments', 'permissions check'],
  done: ({ role_name: role, id }, { principal_id: who }) => `gave role "${role}" to "${who}" (${id})`,
});
