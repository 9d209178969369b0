import { followEntries, followFlag, listColumns } from '../../audit/follow.ts';
import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'audit-logs.list',
  about:
    'Every change has one entry, and so has every use of secrets; a refused credential or a missing right has one for each ' +
    'minute, with how often. No entry holds a value of anybody. With --follow new entries are shown as they are written, ' +
    'one on a line, until it is stopped.',
  flags: { principal_id: { alias: 'principal' }, after_seq: { value: 'N' } },
  extra: [followFlag],
  columns: listColumns,
  examples: [
    'mobius audit-logs list',
    "mobius audit-logs list --action 'secrets.*' --created-after -24h",
    'mobius audit-logs list --resource-type refusal -o json',
  ],
  related: ['audit-logs list-all', 'audit-logs export', 'audit-logs verify'],
  inSteps: {
    when: ({ flags }) => flags.follow === true,
    run: (input, context, { call }) => followEntries(context, input, (more) => call('audit-logs.list', more)),
  },
});
