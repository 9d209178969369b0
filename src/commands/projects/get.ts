import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'projects.get',
  about: 'Shows its id, handle, name and description, and since when it is archived where it is.',
  args: [{ name: 'id', label: 'project', description: "the project's handle or id" }],
  examples: ['mobius projects get default', 'mobius projects get default -F id,handle'],
});
