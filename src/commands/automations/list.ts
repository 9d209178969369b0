import { localCommand } from '../../cli/command.ts';
import { notBuilt } from '../../cli/not-built.ts';

export default localCommand({
  summary: 'list automations (not built yet)',
  examples: ['mobius automations list', 'mobius automations list -o json'],
  run: () => notBuilt('automations'),
});
