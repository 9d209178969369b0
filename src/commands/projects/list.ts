import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'projects.list',
  about:
    'Those that the credential may look at, all of them at once. Archived ones are left out without ' +
    '--include-archived.',
  columns: ['handle', 'name', 'archived_at', 'id', 'created_at', 'description'],
  examples: ['mobius projects list', 'mobius projects list --include-archived -o json'],
});
