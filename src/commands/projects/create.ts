import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'projects.create',
  args: [{ name: 'name', description: 'what people call it', optional: true }],
  examples: ['mobius projects create --name "Acme Production" --handle acme-prod', 'mobius projects create staging'],
  done: ({ handle, id }) => `created project "${handle}" (${id})`,
});
