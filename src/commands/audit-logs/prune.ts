import { operationCommand } from '../../cli/command.ts';
import { progressOn } from '../../cli/progress.ts';
import type { Output } from '../../operations.ts';

export default operationCommand({
  operation: 'audit-logs.prune',
  about:
    'Export them first (mobius audit-logs export): what is removed is gone. Before that it is looked at, and where it is ' +
    'not as it was written nothing is removed. The vault signs where its log begins from then on, so that what is left ' +
    'can still be verified from its first entry to the last, and nobody else can shorten it in the same way.',
  flags: { limit: { hidden: true } },
  examples: [
    'mobius audit-logs prune --before -365d --yes',
    'mobius audit-logs prune --before 2025-01-01T00:00:00Z --yes',
  ],
  related: ['audit-logs export', 'audit-logs verify'],
  confirm: ({ before }) => `remove the entries of before ${before} from the audit log?`,
  named: () => 'prune',
  inSteps: {
    async run(input, { io, globals, say }, { call, show }) {
      const progress = progressOn(io, globals);
      const pruneAll = async (): Promise<Output<'audit-logs.prune'>> => {
        let removed = 0;
        for (;;) {
          const part = await call('audit-logs.prune', input);
          removed += part.removed;
          if (!part.has_more) return { ...part, removed };
          // How many there are in all nobody has counted.
          progress.step(`pruning, ${removed} entries so far`)(0, 0);
        }
      };
      const { removed, checkpoint } = await pruneAll().finally(progress.end);
      show({ removed, ...(checkpoint === undefined ? {} : { checkpoint }) });
      say(
        removed === 0
          ? 'nothing is that old'
          : `removed ${removed} entries; the log begins behind entry ${checkpoint?.seq}`,
      );
      return 0;
    },
  },
});
