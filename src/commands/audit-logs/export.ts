import { eachAfter, lineOf } from '../../audit/follow.ts';
import { type LocalContext, localCommand } from '../../cli/command.ts';
import { openDelivery } from '../../cli/deliver.ts';
import { projectOf } from '../../cli/destination.ts';
import { letGo, openTarget, type Target } from '../../cli/profiles.ts';
import { MobiusError } from '../../errors.ts';

const firstOf = (text: unknown): number => {
  if (text === undefined) return 0;
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text);
  throw new MobiusError('usage', `--after-seq must be the number of an entry, not "${text}"`);
};

const timesFrom = ({ flags, time }: LocalContext) => {
  const { 'created-after': after, 'created-before': before } = flags;
  return {
    ...(typeof after === 'string' ? { created_after: time(after) } : {}),
    ...(typeof before === 'string' ? { created_before: time(before) } : {}),
  };
};

const exportTo = async (context: LocalContext, { call }: Target, write: (line: string) => void): Promise<number> => {
  const { io, globals, flags, say } = context;
  const wanted = timesFrom(context);
  const project = flags.all === true ? undefined : await projectOf(io, globals);
  const first = firstOf(flags['after-seq']);
  const json = { globals: { ...globals, output: 'json' as const } };
  let count = 0;
  const last = await eachAfter(
    (more) =>
      project === undefined
        ? call('audit-logs.list-all', { ...wanted, ...more })
        : call('audit-logs.list', { project, ...wanted, ...more }),
    first,
    (entry) => {
      count += 1;
      write(lineOf(json, entry));
    },
  );
  say(`exported ${count} entries, up to entry ${last}`);
  return 0;
};

export default localCommand({
  summary: 'write every entry of the audit log, one line of JSON each, the oldest first',
  about:
    'For an archive, or a system that watches. With --all it is the whole vault, each entry with the MAC and the hash ' +
    'that link it: what was exported can be held against the log, and against an anchor, after it was pruned. --after-seq ' +
    'goes on where the export before ended.',
  extra: [
    { name: 'all', description: 'every project, and what stands above them' },
    { name: 'after-seq', value: 'N', description: 'only entries with a greater number' },
    { name: 'created-after', value: 'TIME', description: 'only what happened then or later' },
    { name: 'created-before', value: 'TIME', description: 'only what happened before' },
    { name: 'out', value: 'FILE', description: 'write them to this file, not to stdout' },
  ],
  examples: ['mobius audit-logs export --all --out audit.jsonl', 'mobius audit-logs export --created-after -24h'],
  related: ['audit-logs verify'],
  async run(context) {
    const { io, globals, flags, warn } = context;
    const delivery = typeof flags.out === 'string' ? openDelivery(io, flags.out) : undefined;
    try {
      const target = await openTarget(io, globals);
      const write = (line: string): void => (delivery === undefined ? io.stdout.write(line) : delivery.add(line));
      const code = await exportTo(context, target, write).finally(() => letGo(target, warn));
      delivery?.write('');
      return code;
    } finally {
      delivery?.discard();
    }
  },
});
