import { localCommand } from '../../cli/command.ts';
import { notBuilt } from '../../cli/not-built.ts';

export default localCommand({
  summary: 'show one action (not built yet)',
  about: 'Other tools of this name have it. This one says so and ends with code 1.',
  args: [{ name: 'action', description: 'the name of the action' }],
  examples: ['mobius catalog get-action slack.post', 'mobius catalog get-action slack.post -o json'],
  related: ['automations list'],
  run: () => notBuilt('the action catalog'),
});
