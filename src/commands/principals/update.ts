import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'principals.update',
  about: 'Disabling a principal refuses all its keys from the next call on, and can be undone.',
  args: [{ name: 'id', label: 'principal', description: "the principal's name or id" }],
  flags: { role_ids: { alias: 'role', value: 'ROLE' } },
  examples: [
    'mobius principals update worker-prod --state disabled',
    'mobius principals update worker-prod --role-ids Worker,Viewer',
    'mobius principals update worker-prod --role-ids ""',
  ],
  done: ({ name, id }) => `updated principal "${name}" (${id})`,
});
