import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'projects.archive',
  args: [{ name: 'id', label: 'project', description: "the project's handle or id" }],
  examples: ['mobius projects archive staging', 'mobius projects archive staging --dry-run'],
  done: ({ handle, id }) => `archived project "${handle}" (${id}); its keys are refused`,
});
