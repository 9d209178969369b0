import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'api-keys.list',
  flags: { expires_before: { name: 'expiring-within', value: 'DURATION' } },
  columns: ['name', 'state', 'expires_at', 'last_used_at', 'id', 'created_at', 'key_suffix'],
  examples: [
    'mobius api-keys list',
    'mobius api-keys list --principal-id worker-prod --state active',
    'mobius api-keys list --tag env:prod -o json',
    'mobius api-keys list --expiring-within 14d',
  ],
});
