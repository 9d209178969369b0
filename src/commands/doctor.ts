import { localCommand } from '../cli/command.ts';

export default localCommand({
  summary: 'look whether everything is as it should be, and say how to mend what is not',
  about:
    'Looks whether the vault or server is reached and the credential accepted, what expires within 14 days, which keys ' +
    'were not used for 90, which rotations are due or were left and when the last backup was made; at the file of the ' +
    'vault, its agent and the anchors of its audit log; at who else could read or replace files of mobius; at every ' +
    'profile, whether its server answers and what time it is there; and at what mobius runs on. The exit code is that ' +
    'of the first error, and 0 where there are warnings alone.',
  examples: ['mobius doctor', 'mobius doctor -o json | jq -r ".items[] | select(.state != \\"ok\\") | .mend"'],
  related: ['auth status', 'vault check', 'help targets'],
  async run({ io, globals, show, say, warn }) {
    const { lookAtAll } = await import('../cli/doctor/all.ts');
    const findings = await lookAtAll(io, globals, warn);
    if (globals.output === 'pretty' && globals.fields === undefined && !globals.quiet) {
      const { screenOf, summaryOf } = await import('../cli/doctor/screen.ts');
      io.stdout.write(await screenOf(findings, globals));
      say(summaryOf(findings));
    } else {
      show({ items: findings.map(({ exit: _, ...finding }) => finding) });
    }
    return findings.find(({ exit }) => exit !== undefined)?.exit ?? 0;
  },
});
