import { followEntries, followFlag } from '../../audit/follow.ts';
import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'audit-logs.list-all',
  about:
    'What stands above the projects has its entries too: the vault itself, its users and their logins. For the owner of ' +
    'the vault and for administrators.',
  flags: { principal_id: { alias: 'principal' }, after_seq: { value: 'N' } },
  extra: [followFlag],
  columns: ['seq', 'created_at', 'actor_name', 'action', 'resource_type', 'resource_name', 'project_id'],
  examples: [
    "mobius audit-logs list-all --action 'vault.*'",
    'mobius audit-logs list-all --resource-type refusal -o json',
  ],
  related: ['audit-logs verify'],
  inSteps: {
    when: ({ flags }) => flags.follow === true,
    run: (input, context, { call }) => followEntries(context, input, (more) => call('audit-logs.list-all', more)),
  },
});
