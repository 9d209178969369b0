import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'api-keys.get',
  about:
    'Shows whose it is, its state, limits and tags, and when it was last used; never the key itself, which nobody ' +
    'keeps.',
  args: [{ name: 'id', label: 'key', description: "the key's name or id" }],
  examples: ['mobius api-keys get ci', 'mobius api-keys get ci -o text -F state,last_used_at'],
  related: ['api-keys verify'],
});
