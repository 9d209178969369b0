import { localCommand } from '../../cli/command.ts';
import { notBuilt } from '../../cli/not-built.ts';

export default localCommand({
  summary: 'show one action (not built yet)',
  args: [{ name: 'action', description: 'the name of the action' }],
  examples: ['mobius catalog get-action slack.post', 'mobius catalog get-action slack.post -o json'],
  run: () => notBuilt('the action catalog'),
});
