import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'api-keys.list',
  examples: [
    'mobius api-keys list',
    'mobius api-keys list --principal-id worker-prod --state active',
    'mobius api-keys list --tag env:prod -o json',
  ],
});
