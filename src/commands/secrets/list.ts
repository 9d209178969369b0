import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'secrets.list',
  about: 'A page at a time: names, states and ends, never a value.',
  flags: { expires_before: { name: 'expiring-within', value: 'DURATION' } },
  columns: ['name', 'version', 'expires_at', 'id', 'updated_at', 'description'],
  examples: [
    'mobius secrets list',
    "mobius secrets list --match 'db/*' --tag env:prod",
    'mobius secrets list --expiring-within 14d -o json',
  ],
});
