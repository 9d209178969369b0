import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'projects.create',
  about:
    'The handle is what --project and paths name it by, and it never changes: small letters, digits and hyphens. It ' +
    'is made from the name where none is given. Only the owner of the vault and administrators make projects.',
  args: [{ name: 'name', description: 'what people call it', optional: true }],
  examples: ['mobius projects create --name "Acme Production" --handle acme-prod', 'mobius projects create staging'],
  related: ['principals create', 'help targets'],
  done: ({ handle, id }) => `created project "${handle}" (${id})`,
});
