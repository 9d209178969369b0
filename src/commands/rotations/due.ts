import { operationCommand } from '../../cli/command.ts';
import { MobiusError } from '../../errors.ts';

export default operationCommand({
  operation: 'rotations.due',
  about:
    'Due is what reached the age that its schedule names, and what stops by itself within a day or within its grace, ' +
    'but not in the first half of its life. ' +
    'With --exit-code the exit code is 1 where anything is listed, and 0 where nothing is: for a system that watches.',
  flags: { include_later: { name: 'all' } },
  extra: [{ name: 'exit-code', description: 'end with 1 where something is due, or is within that time' }],
  columns: ['subject', 'due', 'due_at', 'last_rotated_at', 'expires_at', 'rotation_id'],
  examples: ['mobius rotations due', 'mobius rotations due --all', 'mobius rotations due --within 7d --exit-code'],
  related: ['rotations run', 'rotations set'],
  prepare(input, { flags }) {
    if (input.include_later !== true || flags['exit-code'] !== true) return input;
    const message = '--all lists what is not due too, so --exit-code would say nothing';
    throw new MobiusError('usage', message, {}, 'leave one of them out');
  },
  exit: ({ items }, { flags }) => (flags['exit-code'] === true && items.length > 0 ? 1 : 0),
});
