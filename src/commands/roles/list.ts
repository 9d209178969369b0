import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'roles.list',
  about:
    'Roles of the system are the same in each project; those of your own follow in the order in which they were made.',
  columns: ['name', 'description', 'id'],
  examples: ['mobius roles list', `mobius roles list -o json | jq -r '.items[] | select(.name=="Worker") | .id'`],
});
