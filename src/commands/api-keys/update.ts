import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'api-keys.update',
  args: [{ name: 'id', label: 'key', description: "the key's name or id" }],
  examples: ['mobius api-keys update ci --state disabled', 'mobius api-keys update ci --tag env=prod --tag team=core'],
  done: ({ name, id }) => `updated api key "${name}" (${id})`,
});
