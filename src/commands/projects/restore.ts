import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'projects.restore',
  about: 'Its keys, tokens and principals work again as they did, so far as they have not expired meanwhile.',
  args: [{ name: 'id', label: 'project', description: "the project's handle or id" }],
  examples: ['mobius projects restore staging', 'mobius projects restore staging -q'],
  related: ['projects archive'],
  done: ({ handle, id }) => `restored project "${handle}" (${id})`,
});
