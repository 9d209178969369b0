import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'projects.archive',
  about:
    'Nothing of it is lost: it can be looked at, and mobius projects restore brings it back with all its keys. Only a ' +
    'project that is archived can be deleted.',
  args: [{ name: 'id', label: 'project', description: "the project's handle or id" }],
  examples: ['mobius projects archive staging', 'mobius projects archive staging --dry-run'],
  related: ['projects restore', 'projects delete'],
  done: ({ handle, id }) => `archived project "${handle}" (${id}); its keys are refused`,
});
