import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'roles.list',
  columns: ['name', 'description', 'id'],
  examples: ['mobius roles list', `mobius roles list -o json | jq -r '.items[] | select(.name=="Worker") | .id'`],
});
