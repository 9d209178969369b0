import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'roles.delete-assignment',
  about:
    'It holds from the next request on. The id is that of the assignment, which mobius roles list-assignments shows.',
  args: [{ name: 'id', label: 'assignment', description: "the assignment's id" }],
  examples: [
    'mobius roles delete-assignment ras_01kdwhnx00f0000000000000zz',
    'mobius roles delete-assignment "$(mobius roles list-assignments --principal-id ci -q | head -n 1)"',
  ],
  related: ['roles list-assignments'],
  done: (_, { id }) => `took the role away (${id})`,
});
