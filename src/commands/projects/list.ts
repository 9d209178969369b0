import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'projects.list',
  examples: ['mobius projects list', 'mobius projects list --include-archived -o json'],
});
