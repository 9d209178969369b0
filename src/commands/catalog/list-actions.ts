import { localCommand } from '../../cli/command.ts';
import { notBuilt } from '../../cli/not-built.ts';

export default localCommand({
  summary: 'list actions (not built yet)',
  about: 'Other tools of this name have it. This one says so and ends with code 1.',
  examples: ['mobius catalog list-actions', 'mobius catalog list-actions -o json'],
  related: ['automations list'],
  run: () => notBuilt('the action catalog'),
});
