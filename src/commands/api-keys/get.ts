import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'api-keys.get',
  args: [{ name: 'id', label: 'key', description: "the key's name or id" }],
  examples: ['mobius api-keys get ci', 'mobius api-keys get ci -o text -F state,last_used_at'],
});
