import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'audit-logs.verify',
  about:
    'Follows every entry from the first to the last: finds those that were changed, pushed in, removed or put in another ' +
    'order, and an end that was cut off. An end that was cut off together with what the vault noted of it, or an older ' +
    'copy of the whole vault, shows against an anchor that was kept elsewhere: --anchor. The exit code is 0 where all is ' +
    'well and 1 where something is wrong.',
  flags: { limit: { hidden: true }, cursor: { hidden: true } },
  extra: [
    {
      name: 'anchor',
      value: 'FILE',
      repeatable: true,
      description: 'hold the anchors in this file against the log too, one on a line; @- reads standard input',
    },
  ],
  examples: ['mobius audit-logs verify', 'mobius audit-logs verify --anchor anchors.jsonl'],
  related: ['audit-logs anchor', 'vault check'],
  show: (output) => output,
  shown: () => ['ok', 'checked', 'last_seq', 'begins_after', 'anchors', 'anchors_before_it_begins', 'findings'],
  inSteps: {
    async run(input, context, performing) {
      const { verifyLog } = await import('../../audit/verify.ts');
      return verifyLog(input, context, performing);
    },
  },
});
