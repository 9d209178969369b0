import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'projects.update',
  about: 'What is left out stays as it is; an empty description removes it. The handle never changes.',
  args: [{ name: 'id', label: 'project', description: "the project's handle or id" }],
  examples: [
    'mobius projects update default --name "Main" --description "what we run every day"',
    'mobius projects update default --description ""',
  ],
  done: ({ handle, id }) => `updated project "${handle}" (${id})`,
});
