import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'projects.get',
  args: [{ name: 'id', label: 'project', description: "the project's handle or id" }],
  examples: ['mobius projects get default', 'mobius projects get default -F id,handle'],
});
