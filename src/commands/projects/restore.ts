import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'projects.restore',
  args: [{ name: 'id', label: 'project', description: "the project's handle or id" }],
  examples: ['mobius projects restore staging', 'mobius projects restore staging -q'],
  done: ({ handle, id }) => `restored project "${handle}" (${id})`,
});
