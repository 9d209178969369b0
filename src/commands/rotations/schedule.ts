import { localCommand } from '../../cli/command.ts';
import { MobiusError } from '../../errors.ts';
import { hasCron } from '../../platform.ts';

const rhythms = ['1h', '6h', '12h', '1d', '7d'] as const;

export default localCommand({
  summary: 'print a line for cron, or a timer for systemd, that rotates what is due',
  about:
    'The line names all that it needs, so that it works in an empty environment: the program, the vault or server and ' +
    'the folder of your configuration. What is secret is not in it, and a comment says what to do instead. Nothing is ' +
    'written or changed: put it where it belongs yourself. Once an hour is often enough for any schedule, and costs ' +
    'next to nothing where nothing is due.',
  extra: [
    { name: 'cron', description: 'a line of a crontab; this when nothing is said' },
    { name: 'systemd', description: 'a service and a timer of systemd' },
    { name: 'every', value: 'DURATION', choices: rhythms, description: 'how often to look; 1h when absent' },
  ],
  examples: [
    'mobius rotations schedule',
    'mobius rotations schedule --every 1d',
    'mobius rotations schedule --systemd --profile team',
  ],
  related: ['rotations run', 'rotations due'],
  async run({ io, globals, flags, warn }) {
    if (flags.cron === true && flags.systemd === true) {
      throw new MobiusError('usage', '--cron and --systemd exclude each other', {}, 'ask for one after the other');
    }
    const { cronText, jobOf, systemdText } = await import('../../rotation/schedule.ts');
    const job = await jobOf(io, globals);
    if (!hasCron(io.platform)) {
      const hint = `let the task scheduler run: ${job.program.map((word) => `"${word}"`).join(' ')}`;
      throw new MobiusError('unsupported', 'windows has neither cron nor systemd', {}, hint);
    }
    const rhythm = rhythms.find((one) => one === flags.every) ?? '1h';
    io.stdout.write(flags.systemd === true ? systemdText(job, rhythm) : cronText(job, rhythm));
    for (const line of job.missing) warn(line);
    return 0;
  },
});
