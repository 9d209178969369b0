import { localCommand } from '../../cli/command.ts';
import { notBuilt } from '../../cli/not-built.ts';

export default localCommand({
  summary: 'list actions (not built yet)',
  examples: ['mobius catalog list-actions', 'mobius catalog list-actions -o json'],
  run: () => notBuilt('the action catalog'),
});
