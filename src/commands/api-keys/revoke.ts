import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'api-keys.revoke',
  about: 'There is no way back: make another key instead. To switch a key off for a while, update its state.',
  args: [{ name: 'id', label: 'key', description: "the key's name or id" }],
  examples: ['mobius api-keys revoke ci', 'mobius api-keys revoke key_01kdwhnx00f0000000000000zz'],
  related: ['api-keys rotate', 'api-keys update'],
  done: (_, { id }) => `revoked api key "${id}"`,
});
