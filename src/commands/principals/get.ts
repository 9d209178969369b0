import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'principals.get',
  about:
    'Shows its kind, state and tags, by name or id. What it may do is in its roles: mobius roles list-assignments.',
  args: [{ name: 'id', label: 'principal', description: "the principal's name or id" }],
  examples: ['mobius principals get worker-prod', 'mobius principals get worker-prod -o json -F id,state,role_ids'],
  related: ['roles list-assignments', 'api-keys list'],
});
