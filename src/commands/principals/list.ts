import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'principals.list',
  about:
    'All of the project at once, or as many as --limit says. Disabled ones are left out without --include-disabled.',
  columns: ['name', 'kind', 'state', 'id', 'created_at', 'description'],
  examples: [
    'mobius principals list',
    'mobius principals list --tag team:core --include-disabled',
    'mobius principals list --kind service -o text -F id,name',
  ],
});
