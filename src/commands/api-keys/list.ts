import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'api-keys.list',
  about:
    'A page at a time, in the order in which they were made: the state, whose each one is and when it ends; never the ' +
    'keys themselves.',
  flags: { expires_before: { name: 'expiring-within', value: 'DURATION' } },
  columns: ['name', 'state', 'expires_at', 'last_used_at', 'id', 'created_at'],
  examples: [
    'mobius api-keys list',
    'mobius api-keys list --principal-id worker-prod --state active',
    'mobius api-keys list --tag env:prod -o json',
    'mobius api-keys list --expiring-within 14d',
  ],
  related: ['api-keys rotate', 'api-keys revoke'],
});
