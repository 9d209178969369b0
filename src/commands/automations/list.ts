import { localCommand } from '../../cli/command.ts';
import { notBuilt } from '../../cli/not-built.ts';

export default localCommand({
  summary: 'list automations (not built yet)',
  about: 'Other tools of this name have it. This one says so and ends with code 1.',
  examples: ['mobius automations list', 'mobius automations list -o json'],
  related: ['catalog list-actions'],
  run: () => notBuilt('automations'),
});
