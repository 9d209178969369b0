import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'rotations.list',
  about:
    'One that nobody is at was left behind, by a process that was ended or a check that failed: the next run of it goes ' +
    'on, or mobius rotations resume does, and mobius rotations abort gives it up.',
  columns: ['id', 'subject', 'step', 'holder', 'held_until', 'updated_at'],
  examples: [
    'mobius rotations list',
    'mobius rotations list --include-ended',
    'mobius rotations list --subject api-keys/worker-prod -o json',
  ],
  related: ['rotations resume', 'rotations abort'],
});
