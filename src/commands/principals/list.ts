import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'principals.list',
  columns: ['name', 'kind', 'state', 'id', 'created_at', 'description'],
  examples: [
    'mobius principals list',
    'mobius principals list --tag team:core --include-disabled',
    'mobius principals list --kind service -o text -F id,name',
  ],
});
