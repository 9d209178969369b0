import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'permissions.list',
  about:
    'What a role can carry: each permission with what it allows, the presets that carry it, and the groups of ' +
    'actions.',
  examples: ['mobius permissions list', "mobius permissions list -o json | jq -r '.presets[].id'"],
  related: ['permissions check', 'roles create'],
});
