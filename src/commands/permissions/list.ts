import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'permissions.list',
  examples: ['mobius permissions list', "mobius permissions list -o json | jq -r '.presets[].id'"],
});
