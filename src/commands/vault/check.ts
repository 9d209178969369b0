import { localCommand } from '../../cli/command.ts';
import { placeOf, worldOf } from '../../cli/profiles.ts';
import { progressOn } from '../../cli/progress.ts';

export default localCommand({
  summary: 'look at everything in the local vault and say what is wrong with it',
  about:
    'Opens every sealed value, computes every index anew, follows every link and the whole audit log, and asks SQLite ' +
    'about the file itself. What is wrong is said with what can be done about it. Nothing is changed, and others can ' +
    'use the vault meanwhile. The exit code is 0 where all is well, 1 where something is wrong, 3 for a locked vault.',
  examples: ['mobius vault check', "mobius vault check -o json | jq -r '.problems[].id'"],
  related: ['vault status', 'audit-logs verify', 'doctor'],
  async run({ io, globals, show, say }) {
    const [{ bookkeepingOf }, { checkVault }] = await Promise.all([
      import('../../calls/local.ts'),
      import('../../vault/check.ts'),
    ]);
    const world = { ...worldOf(io), onInterrupt: io.onInterrupt };
    const place = placeOf(io, globals);
    const progress = progressOn(io, globals);
    const report = await checkVault(world, place, bookkeepingOf(world), progress.step('checking')).finally(
      progress.end,
    );
    const { ok, checked, problems, remarks } = report;
    if (globals.output !== 'pretty') show({ ok, checked, problems, remarks });
    else show({ ok, checked, problems: problems.length, remarks: remarks.length });
    for (const { table, id, problem, mend } of problems) {
      say(`${table}${id === undefined ? '' : ` ${id}`}: ${problem}`);
      say(`  ${mend}`);
    }
    for (const remark of remarks) say(`remark: ${remark}`);
    return ok ? 0 : 1;
  },
});
