import { resolve } from 'node:path';
import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'audit-logs.anchor',
  about:
    'Whoever can write to the vault can cut off the end of its log, or put an older copy of the vault in its place. An ' +
    'anchor that is kept where they have no reach shows it: mobius audit-logs verify --anchor FILE. The key that checks ' +
    'it is always the same for one vault. To have one written by itself every so many entries, name a file in ' +
    'config.toml, MOBIUS_AUDIT_ANCHOR or mobius serve --audit-anchor.',
  extra: [{ name: 'append', value: 'FILE', description: 'put it behind what this file holds already, on a line' }],
  examples: ['mobius audit-logs anchor', 'mobius audit-logs anchor --append anchors.jsonl'],
  related: ['audit-logs verify', 'audit-logs export'],
  async afterwards(anchor, _, { io, flags, say }) {
    const { append } = flags;
    if (typeof append !== 'string') return;
    const { appendAnchor } = await import('../../audit/anchor-file.ts');
    appendAnchor(resolve(io.cwd, append), anchor);
    say(`wrote the anchor of entry ${anchor.seq} to "${append}"`);
  },
});
