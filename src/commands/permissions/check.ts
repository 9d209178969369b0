import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'permissions.check',
  about: 'Answers before the fact what a 403 answers after it. The exit code is 0 for yes and 4 for no.',
  args: [
    { name: 'principal_id', label: 'principal', description: "the principal's name or id" },
    { name: 'permission', description: 'what is asked about' },
  ],
  examples: ['mobius can worker-prod mobius.secrets.use', 'mobius can ci mobius.access.manage -q && echo yes'],
  related: ['roles list-assignments'],
  exit: ({ allowed }) => (allowed ? 0 : 4),
});
