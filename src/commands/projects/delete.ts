import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'projects.delete',
  about: 'The project must be archived first. Its principals, roles and keys go with it; the audit log stays.',
  args: [{ name: 'id', label: 'project', description: "the project's handle or id" }],
  examples: ['mobius projects delete staging', 'mobius projects delete staging --yes'],
  related: ['projects archive'],
  confirm: ({ id }) => `delete project "${id}" and everything in it?`,
  named: ({ id }) => id,
  done: (_, { id }) => `deleted project "${id}"`,
});
