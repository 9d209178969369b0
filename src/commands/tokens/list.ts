import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'tokens.list',
  about: 'A page at a time. Those that have ended or were revoked are left out without --include-ended.',
  flags: {
    principal_id: { alias: 'principal' },
    key_id: { value: 'KEY' },
    expires_before: { name: 'expiring-within', value: 'DURATION' },
  },
  columns: ['id', 'owner', 'expires_at', 'remaining', 'name', 'state', 'last_used_at', 'made_by'],
  examples: [
    'mobius tokens list',
    'mobius tokens list --principal worker-prod --expiring-within 10m',
    'mobius tokens list --include-ended -o json',
  ],
  related: ['tokens revoke'],
});
