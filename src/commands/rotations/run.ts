import { localCommand } from '../../cli/command.ts';
import { projectOf } from '../../cli/destination.ts';
import { letGo, openTarget } from '../../cli/profiles.ts';
import type { Result } from '../../rotation/run.ts';

export default localCommand({
  summary: 'rotate what is due',
  about:
    'What was left behind by a run that was ended is finished or undone first. How each is delivered stands in the ' +
    'rotations.toml of this machine (mobius rotations set --deliver); what stands not there is named and skipped, for ' +
    'another machine may know it. What somebody else is rotating is left to them. One that fails stops no other. The ' +
    'exit code is 1 where one failed, or one that was named was skipped, and 0 where nothing was due.',
  rest: {
    name: 'subject',
    description: 'only these, where they are due: api-keys/NAME or secrets/NAME',
    takes: 'subjects',
    optional: true,
  },
  extra: [
    { name: 'all', description: 'in every project, not in the one alone' },
    { name: 'dry-run', description: 'say what would be done, and do nothing' },
    {
      name: 'log-format',
      value: 'FORMAT',
      choices: ['text', 'json'],
      description: 'what is told on stderr: text, or json for one line an event and nothing on stdout',
    },
  ],
  examples: [
    'mobius rotations run',
    'mobius rotations run --dry-run',
    'mobius rotations run --all --no-input --log-format json',
  ],
  related: ['rotations due', 'rotations schedule'],
  async run(context) {
    const { io, globals, flags, rest, show, warn, debug } = context;
    const [{ runDue }, { logged, openLog }, { targetOf }] = await Promise.all([
      import('../../rotation/run.ts'),
      import('../../rotation/log.ts'),
      import('../../rotation/target.ts'),
    ]);
    const format = flags['log-format'];
    const log = openLog(context, format);
    return logged(context, { log, format }, async () => {
      const projects = flags.all === true ? 'all' : [await projectOf(io, globals)];
      const target = await targetOf(io, globals);
      const opened = await openTarget(io, globals);
      debug(opened.about);
      const running = {
        io,
        globals,
        call: opened.call,
        log,
        target,
        subjects: rest,
        dryRun: flags['dry-run'] === true,
      };
      const results = await runDue(running, projects).finally(() => letGo(opened, warn));
      const count = (outcome: Result['outcome']): number => results.filter((one) => one.outcome === outcome).length;
      if (results.length === 0) log('nothing_due');
      else {
        const [rotated, failed, skipped, held] = [count('rotated'), count('failed'), count('skipped'), count('held')];
        log('finished', { rotated, failed, skipped, held });
      }
      // A person was told in words already that there is nothing.
      const isTold = results.length === 0 && globals.output === 'pretty';
      if (format !== 'json' && !isTold) show({ items: results });
      return count('failed') > 0 || (rest.length > 0 && count('skipped') > 0) ? 1 : 0;
    });
  },
});
