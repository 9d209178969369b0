import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'principals.get',
  args: [{ name: 'id', label: 'principal', description: "the principal's name or id" }],
  examples: ['mobius principals get worker-prod', 'mobius principals get worker-prod -o json -F id,state,role_ids'],
});
