import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'projects.list',
  columns: ['handle', 'name', 'archived_at', 'id', 'created_at', 'description'],
  examples: ['mobius projects list', 'mobius projects list --include-archived -o json'],
});
