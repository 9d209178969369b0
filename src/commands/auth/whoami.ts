import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'auth.whoami',
  about:
    'Without a key a local vault is used as its owner. With --api-key or MOBIUS_API_KEY it is used as exactly that key; ' +
    '--as-owner leaves the variable aside.',
  examples: ['mobius whoami', 'mobius whoami --as-owner', 'mobius auth whoami -o json'],
  related: ['auth status', 'permissions check'],
});
